// Where a reference is read from: its mirrors and its registry, in order.

package configuration

import (
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// PullSource is contract.PullSource.
type PullSource struct {
	Reference      string `json:"reference"`
	Insecure       bool   `json:"insecure"`
	Mirror         bool   `json:"mirror"`
	Blocked        bool   `json:"blocked"`
	NamespaceProxy string `json:"namespace_proxy"`

	Named reference.Named `json:"-"`
}

// PullSources follows docker/docker_image_src.go newImageSource and newPullClient.
func PullSources(system *types.SystemContext, named reference.Named) ([]PullSource, error) {
	registry, err := sysregistriesv2.FindRegistry(system, named.Name())
	if err != nil {
		return nil, failure.InConfiguration(err)
	}
	if registry == nil {
		registry = &sysregistriesv2.Registry{
			Endpoint: sysregistriesv2.Endpoint{Location: named.String()},
			Prefix:   named.String(),
		}
	}
	found, err := registry.PullSourcesFromReference(named)
	if err != nil {
		return nil, failure.InConfiguration(err)
	}
	sources := []PullSource{}
	for at, source := range found {
		own, err := sysregistriesv2.FindRegistry(system, source.Reference.Name())
		if err != nil {
			return nil, failure.InConfiguration(err)
		}
		sources = append(sources, PullSource{
			Reference:      source.Reference.String(),
			Insecure:       source.Endpoint.Insecure,
			Mirror:         at < len(found)-1,
			Blocked:        own != nil && own.Blocked,
			NamespaceProxy: source.Endpoint.NamespaceProxy,
			Named:          source.Reference,
		})
	}
	return sources, nil
}
