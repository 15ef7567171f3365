// A top-level manifest by itself, whatever it is one of: an index, an image's, an artifact's.

package images

import (
	"context"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// TopManifest is contract.FetchedManifest; its bytes follow as a part.
type TopManifest struct {
	Reference  string `json:"reference"`
	PullSource string `json:"pull_source"`
	Digest     string `json:"digest"`
	MediaType  string `json:"media_type"`

	Body []byte `json:"-"`
}

// FetchManifest reads a reference's top-level manifest alone.
func FetchManifest(ctx context.Context, host *configuration.Host, text string) (*TopManifest, error) {
	r := reader{host}
	return patiently(ctx, r, text, r.fetchManifest)
}

func (r reader) fetchManifest(ctx context.Context, named reference.Named) (*TopManifest, error) {
	top := r.storedTop(named)
	if top == nil {
		image, err := r.open(ctx, named, nil)
		if err != nil {
			return nil, err
		}
		defer image.source.Close()
		if top, err = r.readTop(ctx, image.source, pinnedDigest(named)); err != nil {
			return nil, err
		}
		top.Reference, top.PullSource = named.String(), image.watch.served()
	}
	if _, err := documents.ParseManifest(top.Body, top.MediaType); err != nil {
		return nil, err
	}
	return top, nil
}

// storedTop is a pinned top-level manifest that the store has, or nil.
func (r reader) storedTop(named reference.Named) *TopManifest {
	pinned := pinnedDigest(named)
	body := r.stored(pinned)
	if body == nil {
		return nil
	}
	mediaType, err := r.verifyStored(body, pinned)
	if err != nil {
		return nil
	}
	return &TopManifest{named.String(), named.String(), pinned, mediaType, body}
}

// readTop reads and verifies the top-level manifest, and parses nothing. Where it is from is for the caller to fill in.
func (r reader) readTop(ctx context.Context, source types.ImageSource, expected string) (*TopManifest, error) {
	body, mediaType, err := r.readManifest(ctx, image.UnparsedInstance(source, nil), expected)
	if err != nil {
		return nil, err
	}
	digest, err := documents.ManifestDigest(body, mediaType)
	if err != nil {
		return nil, err
	}
	return &TopManifest{Digest: digest, MediaType: mediaType, Body: body}, nil
}

// telling lets an error about what a manifest is for say what was read, and verified, before.
func (t *TopManifest) telling(err error) error {
	if err == nil {
		return nil
	}
	known := *failure.Classify(context.Background(), err)
	if known.Code != failure.CodeNoMatchingPlatform && known.Code != failure.CodeNotAnImage {
		return err
	}
	known.Digest, known.MediaType, known.RawManifest = t.Digest, t.MediaType, t.Body
	return &known
}
