package main

// Images: the specification that is read, and the manifests, indexes and configs made from it.

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	created        = "2024-05-06T07:08:09Z" // one fixed time, so that the same specification gives the same config
)

// image is one entry of the specification; Kind says which of the fields count.
//
//	"image"         an OCI image: Platform, Layers, Config
//	"docker-image"  the same as docker's schema 2
//	"index"         an OCI index over Manifests; "docker-list" is docker's
//	"attestation"   what buildx puts beside an image: platform unknown/unknown, Of is its position in the index
//	"artifact"      an OCI artifact with the empty config: ArtifactType, Layers
type image struct {
	Kind                  string            `json:"kind"`
	Platform              string            `json:"platform"`
	Config                json.RawMessage   `json:"config"`
	Layers                []layer           `json:"layers"`
	Annotations           map[string]string `json:"annotations"`
	Manifests             []image           `json:"manifests"`
	DescriptorAnnotations map[string]string `json:"descriptor_annotations"`
	ArtifactType          string            `json:"artifact_type"`
	Of                    int               `json:"of"`
	OmitMediaType         bool              `json:"omit_media_type"`
	OmitPlatform          bool              `json:"omit_platform"`
	DockerLayers          bool              `json:"docker_layers"` // docker's layer types in an OCI image, as some builders mix them
}

// built tells the caller what came out: the descriptor as the parent index has it, and the parts.
type built struct {
	ocispec.Descriptor
	Config    *ocispec.Descriptor  `json:"config,omitempty"`
	Layers    []ocispec.Descriptor `json:"layers,omitempty"`
	Manifests []*built             `json:"manifests,omitempty"`
}

// manifest is an OCI manifest; unlike the one of image-spec it can leave out mediaType, as many builders do.
type manifest struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     string               `json:"mediaType,omitempty"`
	ArtifactType  string               `json:"artifactType,omitempty"`
	Config        ocispec.Descriptor   `json:"config"`
	Layers        []ocispec.Descriptor `json:"layers"`
	Annotations   map[string]string    `json:"annotations,omitempty"`
}

type builder struct {
	layout     *layout
	recipients *recipients
}

func (b *builder) build(image image) (*built, error) {
	switch image.Kind {
	case "image":
		return b.buildImage(image, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig, ociLayers)
	case "docker-image":
		return b.buildImage(image, dockerManifest, dockerConfig, dockerLayers)
	case "index":
		return b.buildIndex(image, ocispec.MediaTypeImageIndex)
	case "docker-list":
		return b.buildIndex(image, dockerList)
	case "artifact":
		return b.buildArtifact(image)
	}
	return nil, fmt.Errorf("no kind of image %q", image.Kind)
}

func (b *builder) buildImage(image image, mediaType, configType string, layerTypes layerTypes) (*built, error) {
	platform, err := parsePlatform(image.Platform)
	if err != nil {
		return nil, err
	}
	if image.DockerLayers {
		layerTypes = dockerLayers
	}
	layers, diffIDs, err := b.addLayers(image.Layers, layerTypes)
	if err != nil {
		return nil, err
	}
	config, err := b.layout.addJSON(configType, imageConfig(platform, image, diffIDs))
	if err != nil {
		return nil, err
	}
	return b.addManifest(image, platform, mediaType, config, layers)
}

func (b *builder) addLayers(layers []layer, types layerTypes) ([]ocispec.Descriptor, []digest.Digest, error) {
	descriptors, diffIDs := []ocispec.Descriptor{}, []digest.Digest{}
	for number, layer := range layers {
		descriptor, diffID, err := b.addLayer(layer, types)
		if err != nil {
			return nil, nil, fmt.Errorf("layer %d: %w", number, err)
		}
		descriptors, diffIDs = append(descriptors, descriptor), append(diffIDs, diffID)
	}
	return descriptors, diffIDs, nil
}

func imageConfig(platform *ocispec.Platform, image image, diffIDs []digest.Digest) map[string]any {
	history := []map[string]any{}
	for range image.Layers {
		history = append(history, map[string]any{"created": created, "created_by": "COPY . / # imagetool"})
	}
	config := map[string]any{
		"created": created, "author": "pycoco's tests",
		"os": platform.OS, "architecture": platform.Architecture,
		"rootfs":  map[string]any{"type": "layers", "diff_ids": diffIDs},
		"history": history,
	}
	if platform.Variant != "" {
		config["variant"] = platform.Variant
	}
	if image.Config != nil {
		config["config"] = image.Config
	}
	return config
}

func (b *builder) addManifest(
	image image, platform *ocispec.Platform, mediaType string, config ocispec.Descriptor, layers []ocispec.Descriptor,
) (*built, error) {
	content := manifest{
		SchemaVersion: 2, MediaType: mediaType, ArtifactType: image.ArtifactType, Config: config, Layers: layers, Annotations: image.Annotations,
	}
	if image.OmitMediaType {
		content.MediaType = ""
	}
	descriptor, err := b.layout.addJSON(mediaType, content)
	descriptor.Platform, descriptor.Annotations = platform, image.DescriptorAnnotations
	return &built{Descriptor: descriptor, Config: &config, Layers: layers}, err
}

func (b *builder) buildIndex(image image, mediaType string) (*built, error) {
	result := &built{}
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType, Annotations: image.Annotations, Manifests: []ocispec.Descriptor{},
	}
	for position, child := range image.Manifests {
		entry, err := b.buildEntry(child, result.Manifests)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", position, err)
		}
		if child.OmitPlatform {
			entry.Platform = nil
		}
		result.Manifests = append(result.Manifests, entry)
		index.Manifests = append(index.Manifests, entry.Descriptor)
	}
	if image.OmitMediaType {
		index.MediaType = ""
	}
	descriptor, err := b.layout.addJSON(mediaType, index)
	descriptor.Annotations = image.DescriptorAnnotations
	result.Descriptor = descriptor
	return result, err
}

func (b *builder) buildEntry(child image, before []*built) (*built, error) {
	if child.Kind != "attestation" {
		return b.build(child)
	}
	if child.Of >= len(before) {
		return nil, fmt.Errorf("an attestation comes after the image it is of")
	}
	return b.buildAttestation(child, before[child.Of].Digest)
}

// buildAttestation makes what buildx adds to an index for provenance: an image for no platform whose layer is an in-toto statement.
func (b *builder) buildAttestation(image image, subject digest.Digest) (*built, error) {
	statement := map[string]any{
		"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
		"subject":   []any{map[string]any{"name": "pkg:docker/demo", "digest": map[string]string{"sha256": subject.Encoded()}}},
		"predicate": map[string]any{"buildType": "https://mobyproject.org/buildkit@v1", "builder": map[string]string{"id": toolVersion()}},
	}
	layer, err := b.layout.addJSON("application/vnd.in-toto+json", statement)
	if err != nil {
		return nil, err
	}
	layer.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
	platform := &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	config, err := b.layout.addJSON(ocispec.MediaTypeImageConfig, map[string]any{
		"os": "unknown", "architecture": "unknown", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []digest.Digest{layer.Digest}},
	})
	if err != nil {
		return nil, err
	}
	image.DescriptorAnnotations = map[string]string{
		"vnd.docker.reference.digest": subject.String(), "vnd.docker.reference.type": "attestation-manifest",
	}
	return b.addManifest(image, platform, ocispec.MediaTypeImageManifest, config, []ocispec.Descriptor{layer})
}

func (b *builder) buildArtifact(image image) (*built, error) {
	layers, _, err := b.addLayers(image.Layers, ociLayers)
	if err != nil {
		return nil, err
	}
	config, err := b.layout.add(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	if err != nil {
		return nil, err
	}
	return b.addManifest(image, nil, ocispec.MediaTypeImageManifest, config, layers)
}

func parsePlatform(text string) (*ocispec.Platform, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("platform %q is not os/architecture or os/architecture/variant", text)
	}
	platform := &ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		platform.Variant = parts[2]
	}
	return platform, nil
}

func toolVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path + "@" + info.GoVersion
	}
	return "imagetool"
}
