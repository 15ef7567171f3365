// Reading oci: and dir: layouts with containers/image, bounded and verified.
//
// Its transports read manifests whole and, without a registry reference, verify no top-level digest; so sizes are
// looked at first and the index's own descriptor is what the top-level manifest must match. Archives are not for here:
// containers/image unpacks them to disk, layers and all.

package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
)

func (r reader) fetchLocal(ctx context.Context, parsed *configuration.ParsedReference, platform *configuration.Platform) (*Fetched, error) {
	system := r.SystemContext(platform)
	var (
		ref      types.ImageReference
		expected string
		err      error
	)
	switch parsed.Transport {
	case "oci":
		ref, expected, err = openOCI(parsed)
	case "dir":
		ref, err = openDirectory(parsed)
	default:
		return nil, &failure.Error{Code: failure.CodeLayout, Message: parsed.Transport + ": archives are read by the package, not by its library"}
	}
	if err != nil {
		return nil, err
	}
	source, err := ref.NewImageSource(ctx, system)
	if err != nil {
		return nil, localFailure(parsed.Path, err)
	}
	defer source.Close()
	found := &Fetched{Reference: parsed.Text, PullSource: parsed.Text}
	if err := r.read(ctx, system, &boundedSource{source, parsed}, found, expected); err != nil {
		return nil, localFailure(parsed.Path, err)
	}
	return found, nil
}

func openOCI(parsed *configuration.ParsedReference) (types.ImageReference, string, error) {
	if err := checkLayoutIndex(parsed.Path); err != nil {
		return nil, "", localFailure(parsed.Path, err)
	}
	rest := parsed.Path
	if parsed.Image != "" {
		rest += ":" + parsed.Image
	}
	ref, err := layout.ParseReference(rest)
	if err != nil {
		return nil, "", configuration.InvalidReference(parsed.Text, err.Error())
	}
	descriptor, err := layout.LoadManifestDescriptor(ref)
	if err != nil {
		return nil, "", localFailure(parsed.Path, err)
	}
	if err := descriptor.Digest.Validate(); err != nil {
		return nil, "", &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("index.json names the digest %q, which is not one", descriptor.Digest)}
	}
	return ref, descriptor.Digest.String(), nil
}

// checkLayoutIndex holds index.json to the bound and to the strict JSON rule before containers/image reads it.
func checkLayoutIndex(path string) error {
	file := filepath.Join(path, "index.json")
	if err := boundFile(file); err != nil {
		return err
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var refused *failure.Error
	if err := documents.CheckJSON(body, file, reflect.TypeFor[imgspecv1.Index]()); errors.As(err, &refused) && refused.Code == failure.CodeManifest {
		return &failure.Error{Code: failure.CodeLayout, Message: refused.Message}
	} else if err != nil {
		return err
	}
	return nil
}

func openDirectory(parsed *configuration.ParsedReference) (types.ImageReference, error) {
	if err := boundFile(filepath.Join(parsed.Path, "manifest.json")); err != nil {
		return nil, localFailure(parsed.Path, err)
	}
	return directory.NewReference(parsed.Path)
}

// boundFile refuses a file that containers/image would read whole although it is over the bound.
func boundFile(path string) error {
	found, err := os.Stat(path)
	if err != nil {
		return err
	}
	if found.Size() > documents.SizeLimit {
		return failure.TooLarge(path, documents.SizeLimit)
	}
	return nil
}

// boundedSource looks at a manifest's size before the layout's own source reads it.
type boundedSource struct {
	types.ImageSource
	parsed *configuration.ParsedReference
}

func (b *boundedSource) GetManifest(ctx context.Context, instance *digest.Digest) ([]byte, string, error) {
	if instance != nil {
		if err := instance.Validate(); err != nil {
			return nil, "", err
		}
		path := filepath.Join(b.parsed.Path, "blobs", instance.Algorithm().String(), instance.Encoded())
		if b.parsed.Transport == "dir" {
			path = filepath.Join(b.parsed.Path, instance.Encoded()+".manifest.json")
		}
		if err := boundFile(path); err != nil {
			return nil, "", err
		}
	}
	return b.ImageSource.GetManifest(ctx, instance)
}

// localFailure gives what a layout's source says a class: a missing image or blob, or a layout that cannot be read.
func localFailure(path string, err error) error {
	var known *failure.Error
	var missing layout.ImageNotFoundError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &missing), errors.Is(err, layout.ErrMoreThanOneImage):
		return &failure.Error{Code: failure.CodeNotFound, Message: fmt.Sprintf("%s has no such image: %v", path, err)}
	case errors.Is(err, fs.ErrNotExist) && isDirectory(path):
		return &failure.Error{Code: failure.CodeNotFound, Message: fmt.Sprintf("%s lacks a file that the image needs: %v", path, err)}
	}
	return &failure.Error{Code: failure.CodeLayout, Message: fmt.Sprintf("%s cannot be read as an image: %v", path, err)}
}

func isDirectory(path string) bool {
	found, err := os.Stat(path)
	return err == nil && found.IsDir()
}
