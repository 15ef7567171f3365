package main

// The OCI image layout that holds what was built: blobs by digest, and an index.json that gives each image its name.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type layout struct{ dir string }

func newLayout(dir string) (*layout, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return nil, err
	}
	return &layout{dir: dir}, writeJSON(filepath.Join(dir, "oci-layout"), ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
}

// add stores a blob and returns its descriptor.
func (l *layout) add(mediaType string, blob []byte) (ocispec.Descriptor, error) {
	descriptor := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	return descriptor, os.WriteFile(filepath.Join(l.dir, "blobs", "sha256", descriptor.Digest.Encoded()), blob, 0o644)
}

func (l *layout) addJSON(mediaType string, value any) (ocispec.Descriptor, error) {
	blob, err := json.Marshal(value)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return l.add(mediaType, blob)
}

func (l *layout) finish(images map[string]*built) error {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{},
	}
	for name, image := range images {
		descriptor := image.Descriptor
		descriptor.Platform = nil
		descriptor.Annotations = map[string]string{ocispec.AnnotationRefName: name}
		index.Manifests = append(index.Manifests, descriptor)
	}
	sort.Slice(index.Manifests, func(i, j int) bool {
		return index.Manifests[i].Annotations[ocispec.AnnotationRefName] < index.Manifests[j].Annotations[ocispec.AnnotationRefName]
	})
	return writeJSON(filepath.Join(l.dir, "index.json"), index)
}

func writeJSON(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
