// The signatures of a manifest, as containers-storage and lookasides store them.

package images

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// Signatures is contract.FetchedSignatures without its bytes, which follow as parts: the manifest, then each signature.
type Signatures struct {
	Reference  string `json:"reference"`
	PullSource string `json:"pull_source"`
	Digest     string `json:"digest"`
	MediaType  string `json:"media_type"`

	Manifest   []byte   `json:"-"`
	Signatures [][]byte `json:"-"`
}

// FetchSignatures reads a manifest and the signatures that there are of it: the top-level one, or an instance's.
func FetchSignatures(ctx context.Context, host *configuration.Host, text, instance string) (*Signatures, error) {
	r := reader{host}
	return patiently(ctx, r, text, func(ctx context.Context, named reference.Named) (*Signatures, error) {
		image, err := r.open(ctx, named, nil)
		if err != nil {
			return nil, err
		}
		defer image.source.Close()
		found := &Signatures{Reference: named.String()}
		if err := r.readSigned(ctx, image.source, named, instance, found); err != nil {
			return nil, err
		}
		found.PullSource = image.watch.served()
		return found, nil
	})
}

func (r reader) readSigned(ctx context.Context, source types.ImageSource, named reference.Named, instance string, found *Signatures) error {
	unparsed, expected := image.UnparsedInstance(source, nil), pinnedDigest(named)
	body, mediaType, err := r.readManifest(ctx, unparsed, expected)
	if err != nil {
		return err
	}
	if instance != "" {
		wanted, err := digest.Parse(instance)
		if err != nil {
			return &failure.Error{Code: failure.CodeManifest, Message: instance + " is not a digest that pycoco knows"}
		}
		unparsed = image.UnparsedInstance(source, &wanted)
		if body, mediaType, err = r.readManifest(ctx, unparsed, instance); err != nil {
			return err
		}
	}
	found.Manifest, found.MediaType = body, mediaType
	if found.Digest, err = documents.ManifestDigest(body, mediaType); err != nil {
		return err
	}
	if found.Signatures, err = storedSignatures(ctx, unparsed); err != nil {
		return unusable(ctx, err)
	}
	return nil
}

// unusable tells of signatures that could not be read as signatures; what a registry or the network did is left as it is.
func unusable(ctx context.Context, err error) error {
	refused := refusal(ctx, "", err)
	if known, ok := refused.(*failure.Error); ok && known.Code == failure.CodePolicyRejected {
		known.Message = failure.OneSentence(err.Error())
	}
	return refused
}

// storedSignatures gives the bytes that signature.Blob of containers/image's internal/signature makes, whose types nobody
// else can name. A simple signature that would not be known again by its first byte says what it is, as any other kind.
func storedSignatures(ctx context.Context, unparsed *image.UnparsedImage) ([][]byte, error) {
	signatures, err := unparsed.UntrustedSignatures(ctx)
	if err != nil {
		return nil, err
	}
	stored := [][]byte{}
	for _, each := range signatures {
		switch known := any(each).(type) {
		case interface{ UntrustedSignature() []byte }:
			stored = append(stored, storedSimple(known.UntrustedSignature()))
		case interface {
			UntrustedMIMEType() string
			UntrustedPayload() []byte
			UntrustedAnnotations() map[string]string
		}:
			annotations := known.UntrustedAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			encoded, err := json.Marshal(struct {
				MIMEType    string            `json:"mimeType"`
				Payload     []byte            `json:"payload"`
				Annotations map[string]string `json:"annotations"`
			}{known.UntrustedMIMEType(), known.UntrustedPayload(), annotations})
			if err != nil {
				return nil, err
			}
			stored = append(stored, append([]byte("\x00sigstore-json\n"), encoded...))
		}
	}
	return stored, nil
}

func storedSimple(message []byte) []byte {
	if len(message) > 0 {
		switch message[0] {
		case 0xA0, 0xA1, 0xA2, 0xA3, 0xC8, 0x90, 0x91, 0x92, 0x3D, 0xC4, 0x88, 0x89, 0x8A, 0x8B, 0xC2: // as FromBlob
			return message
		}
	}
	return append([]byte("\x00simple-signing\n"), message...)
}

// lookasides are the places on the web where registries.d says that the sources' signatures are. What is wrong there is told
// when the source is opened, which reads it too.
func (r reader) lookasides(system *types.SystemContext, sources []configuration.PullSource) []*url.URL {
	found := []*url.URL{}
	for _, source := range sources {
		ref, err := docker.NewReference(source.Named)
		if err != nil {
			continue
		}
		if base, err := docker.SignatureStorageBaseURL(system, ref, false); err == nil && base.Host != "" {
			found = append(found, base)
		}
	}
	return found
}
