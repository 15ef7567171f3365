// Why an image cannot be opened, where upstream says so in a text alone.

package images

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/tlsclientconfig"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// diagnose explains why an ImageSource could not be opened. Errors with a type speak for themselves; for the others the
// stages of newImageSource and newPullClient (docker/docker_image_src.go) that need no network are run again.
func diagnose(system *types.SystemContext, named reference.Named, err error) error {
	var (
		known *failure.Error
		file  *fs.PathError // a host's own, whose reading fails with the numbers that a connection's does
	)
	if errors.As(err, &known) || failure.OfRegistry(err, "") != nil || failure.OfText(err, err.Error()) != nil ||
		!errors.As(err, &file) && failure.OfNetwork(err, "") != nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	sources, broken := configuration.PullSources(system, named)
	if broken != nil {
		return broken
	}
	primary := sources[len(sources)-1]
	if primary.Blocked {
		return &failure.Error{
			Code:     failure.CodeBlocked,
			Message:  "registries.conf blocks " + primary.Named.Name() + "; allow it there or ask another registry",
			Registry: hostOf(primary.Named),
		}
	}
	asked := *system
	if reference.Domain(primary.Named) != reference.Domain(named) { // as newPullClient does
		asked.DockerAuthConfig = nil
	}
	if _, broken := config.GetCredentialsForRef(&asked, primary.Named); broken != nil {
		return failure.InCredentials(broken)
	}
	if system.DockerCertPath != "" {
		if broken := tlsclientconfig.SetupCertificates(system.DockerCertPath, &tls.Config{MinVersion: tls.VersionTLS12}); broken != nil {
			return failure.InConfiguration(broken)
		}
	}
	return failure.InConfiguration(err) // certs.d and registries.d are what is left
}
