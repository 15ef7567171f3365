// Choosing an instance of an index: containers/image's own choice, with errors that say what there was to choose from.

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
)

type digestPointer = digest.Digest

// chooseInstance chooses as CRI-O's copy does: ChooseInstanceByCompression without a preference for gzip, which is what
// the public ChooseInstance is too (internal/manifest/oci_index.go, docker_schema2_list.go).
func chooseInstance(system *types.SystemContext, body []byte, mediaType string) (digest.Digest, error) {
	list, err := parseIndex(body, mediaType)
	if err != nil {
		return "", err
	}
	return chooseFrom(system, list)
}

func parseIndex(body []byte, contentType string) (manifest.List, error) {
	mediaType := manifest.NormalizedMIMEType(simplifyContentType(contentType))
	if !manifest.MIMETypeIsMultiImage(mediaType) {
		return nil, &failure{
			Code:    codeUnsupportedManifest,
			Message: fmt.Sprintf("a platform can only be chosen from an index, and %q is none", contentType),
		}
	}
	checked, err := parseManifest(body, mediaType)
	if err != nil {
		return nil, err
	}
	return checked.list, nil
}

func chooseFrom(system *types.SystemContext, list manifest.List) (digest.Digest, error) {
	chosen, err := list.ChooseInstance(system)
	if err != nil {
		return "", &failure{
			Code:    codeNoMatchingPlatform,
			Message: fmt.Sprintf("%v; the index has %s", err, platformsOf(list)),
		}
	}
	if err := chosen.Validate(); err != nil {
		return "", &failure{Code: codeManifest, Message: fmt.Sprintf("the index names the digest %q, which is not one", chosen)}
	}
	return chosen, nil
}

func platformsOf(list manifest.List) string {
	names := []string{}
	for _, each := range list.Instances() {
		instance, err := list.Instance(each)
		if err != nil || instance.ReadOnly.Platform == nil {
			continue
		}
		platform := instance.ReadOnly.Platform
		name := platform.OS + "/" + platform.Architecture
		if platform.Variant != "" {
			name += "/" + platform.Variant
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "no platform at all"
	}
	return strings.Join(names, ", ")
}

// chooseInstanceOperation answers one index for many platforms; each gets a digest or an error of its own.
func chooseInstanceOperation(ctx context.Context, request *request) (any, [][]byte, error) {
	list, err := parseIndex(request.Manifest, request.ContentType)
	if err != nil {
		return nil, nil, err
	}
	type choice struct {
		Digest string   `json:"digest,omitempty"`
		Error  *failure `json:"error,omitempty"`
	}
	choices := []choice{}
	for _, platform := range request.Platforms {
		system := &types.SystemContext{
			OSChoice: platform.OS, ArchitectureChoice: platform.Architecture, VariantChoice: platform.Variant,
		}
		chosen, err := chooseFrom(system, list)
		if err != nil {
			choices = append(choices, choice{Error: classify(ctx, err)})
			continue
		}
		choices = append(choices, choice{Digest: chosen.String()})
	}
	return choices, nil, nil
}
