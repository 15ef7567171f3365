// Package documents says what bytes say and whether they may be believed: manifests, indexes, configs, and the choice of
// an instance. It reads nothing: no file, no network, no configuration.
// Checking a manifest's and a config's bytes: containers/image's parsers, behind pycoco's stricter rules.
//
// The order of the checks is the same in both twins, so that bytes with two faults fail alike: digest, schema 1, strict
// JSON, types of fields, contradiction of the Content-Type, then containers/image's own parser and the digests.

package documents

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// SizeLimit bounds a manifest and a config in bytes, as internal/iolimits does.
const SizeLimit = 4 * 1024 * 1024

// CheckedManifest is contract.CheckedManifest.
type CheckedManifest struct {
	MediaType    string   `json:"media_type"`
	IsIndex      bool     `json:"is_index"`
	ConfigDigest string   `json:"config_digest"`
	LayerDigests []string `json:"layer_digests"`

	List   manifest.List     `json:"-"` // of an index
	Single manifest.Manifest `json:"-"` // of anything else
}

// essential are the fields that tell one kind of manifest from another (internal/manifest
// ValidateUnambiguousManifestFormat); a key that is one of them in another case is refused whatever the kind.
type essential struct {
	SchemaVersion int64           `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Config        json.RawMessage `json:"config"`
	FSLayers      json.RawMessage `json:"fsLayers"`
	History       json.RawMessage `json:"history"`
	Layers        json.RawMessage `json:"layers"`
	Manifests     json.RawMessage `json:"manifests"`
	Signatures    json.RawMessage `json:"signatures"` // GuessMIMEType reads it
}

// structures are the types that containers/image decodes each kind into.
var structures = map[string]reflect.Type{
	imgspecv1.MediaTypeImageManifest:        reflect.TypeFor[imgspecv1.Manifest](),
	imgspecv1.MediaTypeImageIndex:           reflect.TypeFor[imgspecv1.Index](),
	manifest.DockerV2Schema2MediaType:       reflect.TypeFor[manifest.Schema2](),
	manifest.DockerV2ListMediaType:          reflect.TypeFor[manifest.Schema2List](),
	manifest.DockerV2Schema1MediaType:       reflect.TypeFor[manifest.Schema1](),
	manifest.DockerV2Schema1SignedMediaType: reflect.TypeFor[manifest.Schema1](),
}

// CheckManifest verifies and parses in one go.
func CheckManifest(body []byte, contentType, wanted string, schema1 bool) (*CheckedManifest, error) {
	mediaType, err := VerifyManifest(body, contentType, wanted, schema1)
	if err != nil {
		return nil, err
	}
	return ParseManifest(body, mediaType)
}

// VerifyManifest returns the effective type of a manifest that is of a kind pycoco reads and has the wanted digest.
func VerifyManifest(body []byte, contentType, wanted string, schema1 bool) (string, error) {
	if wanted != "" { // as UnparsedImage.Manifest does, and before anything else as there
		if got, err := payloadDigest(body); err != nil || got.String() != wanted {
			return "", failure.Mismatch("the manifest", wanted, digest.FromBytes(body).String())
		}
	}
	mediaType := manifest.NormalizedMIMEType(SimplifyContentType(contentType))
	if IsSchema1(mediaType) {
		if schema1 {
			return mediaType, nil
		}
		return "", &failure.Error{Code: failure.CodeUnsupportedManifest, Message: notAnothers(SimplifyContentType(contentType))}
	}
	// T1: that hashes by what the body looks like, and not by its type; the bytes themselves must match.
	if got := digest.FromBytes(body).String(); wanted != "" && got != wanted {
		return "", failure.Mismatch("the manifest", wanted, got)
	}
	return mediaType, nil
}

// notAnothers says why a manifest counts as schema 1, which is refused: it is served as that, or as no manifest's type.
func notAnothers(served string) string {
	if IsSchema1(served) {
		return "the image has a docker schema 1 manifest, which is deprecated and never verified; " +
			"have it pushed again by a current tool, or allow it with schema1=True"
	}
	if served == "" {
		served = "no valid media type"
	}
	return fmt.Sprintf("the registry serves the manifest as %q, which is no manifest's type; its Content-Type has to name the manifest's own type", served)
}

// IsSchema1 tells the two types of schema 1.
func IsSchema1(mediaType string) bool {
	return mediaType == manifest.DockerV2Schema1MediaType || mediaType == manifest.DockerV2Schema1SignedMediaType
}

// ParseManifest parses a verified manifest: strict JSON, the types of its fields, contradictions, upstream's parser.
func ParseManifest(body []byte, mediaType string) (*CheckedManifest, error) {
	if err := CheckJSON(body, "the manifest", structures[mediaType], reflect.TypeFor[essential]()); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, reflect.New(structures[mediaType]).Interface()); err != nil {
		return nil, &failure.Error{Code: failure.CodeManifest, Message: "the manifest cannot be parsed: " + err.Error()}
	}
	claimed := essential{}
	if err := json.Unmarshal(body, &claimed); err != nil {
		return nil, &failure.Error{Code: failure.CodeManifest, Message: "the manifest cannot be parsed: " + err.Error()}
	}
	if err := checkContradiction(claimed, mediaType); err != nil {
		return nil, err
	}
	if manifest.MIMETypeIsMultiImage(mediaType) {
		return checkIndex(body, mediaType)
	}
	return checkImage(body, mediaType)
}

// SimplifyContentType is docker/docker_image_src.go's function of that name, which is not exported.
func SimplifyContentType(contentType string) string {
	if contentType == "" {
		return ""
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return mediaType
}

// checkContradiction refuses a body that calls itself something else than it was served as (image-spec: a mediaType in
// the body must match the Content-Type). Schema 1 has to say its version, and defines no mediaType.
func checkContradiction(claimed essential, mediaType string) error {
	if IsSchema1(mediaType) {
		if claimed.SchemaVersion != 1 {
			return &failure.Error{
				Code:    failure.CodeUnsupportedManifest,
				Message: fmt.Sprintf("the manifest is served as schema 1 and says schemaVersion %d", claimed.SchemaVersion),
			}
		}
		return nil
	}
	if claimed.SchemaVersion != 0 && claimed.SchemaVersion != 2 {
		return &failure.Error{
			Code:    failure.CodeAmbiguousManifest,
			Message: fmt.Sprintf("the manifest is served as %s and says schemaVersion %d", mediaType, claimed.SchemaVersion),
		}
	}
	if claimed.MediaType != "" && claimed.MediaType != mediaType {
		return &failure.Error{
			Code:    failure.CodeAmbiguousManifest,
			Message: fmt.Sprintf("the manifest is served as %s and calls itself %s", mediaType, shorten(claimed.MediaType)),
		}
	}
	return nil
}

func shorten(text string) string {
	if len(text) > 80 {
		return text[:80] + "…"
	}
	return text
}

func checkIndex(body []byte, mediaType string) (*CheckedManifest, error) {
	// The chosen instance's digest is validated when it is chosen; the others go nowhere.
	list, err := manifest.ListFromBlob(body, mediaType)
	if err != nil {
		return nil, unparsable(err)
	}
	return &CheckedManifest{MediaType: mediaType, IsIndex: true, LayerDigests: []string{}, List: list}, nil
}

func checkImage(body []byte, mediaType string) (*CheckedManifest, error) {
	if IsSchema1(mediaType) && looksSigned(body) {
		if err := checkSignedPayload(body); err != nil {
			var ambiguous *failure.Error
			if errors.As(err, &ambiguous) && ambiguous.Code == failure.CodeAmbiguousManifest {
				return nil, err
			}
			return nil, &failure.Error{Code: failure.CodeManifest, Message: "the manifest's signatures do not cover it: " + err.Error()}
		}
	}
	parsed, err := manifest.FromBlob(body, mediaType)
	if IsSchema1(mediaType) && !isAmbiguous(err) {
		if err := checkHistory(body); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, unparsable(err)
	}
	checked := &CheckedManifest{MediaType: mediaType, LayerDigests: []string{}, Single: parsed}
	if config := parsed.ConfigInfo().Digest; !IsSchema1(mediaType) && (config != "" || RequireImageConfig(parsed) == nil) {
		if err := validateDigest("the manifest's config", config); err != nil {
			return nil, err
		}
		checked.ConfigDigest = config.String()
	}
	for _, layer := range parsed.LayerInfos() {
		if err := validateDigest("a layer", layer.Digest); err != nil {
			return nil, err
		}
		checked.LayerDigests = append(checked.LayerDigests, layer.Digest.String())
	}
	return checked, nil
}

// unparsable tells upstream's refusal of ambiguous manifests (internal/manifest ValidateUnambiguousManifestFormat) from
// its other errors, which have no type either.
func unparsable(err error) error {
	code := failure.CodeManifest
	if isAmbiguous(err) {
		code = failure.CodeAmbiguousManifest
	}
	return &failure.Error{Code: code, Message: "the manifest cannot be parsed: " + err.Error()}
}

func isAmbiguous(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "rejecting ambiguous manifest")
}

// validateDigest keeps what is not a digest out of URLs and paths (CVE-2024-3727).
func validateDigest(what string, value digest.Digest) error {
	if err := value.Validate(); err != nil {
		return &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("%s names %q, which is not a digest", what, shorten(value.String()))}
	}
	return nil
}

// RequireImageConfig refuses artifacts as OCIConfig does (internal/image/oci.go).
func RequireImageConfig(parsed manifest.Manifest) error {
	if oci, ok := parsed.(*manifest.OCI1); ok && oci.Config.MediaType != imgspecv1.MediaTypeImageConfig {
		kind := oci.ArtifactType
		if kind == "" {
			kind = oci.Config.MediaType
		}
		if kind == buildCacheConfig {
			return &failure.Error{Code: failure.CodeNotAnImage, Message: buildCache}
		}
		return &failure.Error{
			Code:    failure.CodeNotAnImage,
			Message: fmt.Sprintf("it is an artifact of type %q, not a container image", shorten(kind)),
		}
	}
	return nil
}

// CheckConfig decodes as OCIConfig does (internal/image/oci.go), after the strict JSON rule.
func CheckConfig(body []byte) error {
	if err := CheckJSON(body, "the config", reflect.TypeFor[imgspecv1.Image]()); err != nil {
		return err
	}
	if err := json.Unmarshal(body, &imgspecv1.Image{}); err != nil {
		return &failure.Error{Code: failure.CodeManifest, Message: "the config cannot be parsed: " + err.Error()}
	}
	return nil
}
