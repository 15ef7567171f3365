// Package images reads images: from a registry, a local layout, a client's store. It holds what it reads to package
// documents and asks package configuration where to read.
package images

// Reading one image's manifest and config through one ImageSource: the main job.
//
// The order is CRI-O's copy.Image (copy/copy.go Image, copy/single.go copySingleImage) cut off before the layers:
// top-level manifest, chosen instance, policy on that instance, config. No layer is asked for and nothing opened twice.

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// Fetched is contract.Fetched without its bytes, which follow as parts: top manifest, instance manifest, config, signatures.
type Fetched struct {
	Reference         string `json:"reference"`
	PullSource        string `json:"pull_source"`
	Digest            string `json:"digest"`
	MediaType         string `json:"media_type"`
	InstanceDigest    string `json:"instance_digest"`
	InstanceMediaType string `json:"instance_media_type"`
	ConfigDigest      string `json:"config_digest"`
	Policy            string `json:"policy"`

	Top        []byte   `json:"-"`
	Instance   []byte   `json:"-"`
	Config     []byte   `json:"-"`
	Signatures [][]byte `json:"-"`
}

// reader reads with one client's configuration.
type reader struct{ *configuration.Host }

// Fetch reads one image's manifest and config. A nil platform is the settings' own.
func Fetch(ctx context.Context, host *configuration.Host, text string, platform *configuration.Platform) (*Fetched, error) {
	r := reader{host}
	return patiently(ctx, r, text, func(ctx context.Context, named reference.Named) (*Fetched, error) {
		return r.fetchFromRegistry(ctx, named, platform)
	})
}

// opened is an image at its registry or a mirror, its top-level manifest loaded. Whoever opened it closes its source.
type opened struct {
	system *types.SystemContext
	source types.ImageSource
	watch  *requestWatch
}

// open opens an image at the first pull source that has its top-level manifest.
func (r reader) open(ctx context.Context, named reference.Named, platform *configuration.Platform) (*opened, error) {
	system := r.SystemContext(platform)
	sources, err := configuration.PullSources(system, named)
	if err != nil {
		return nil, err
	}
	watch := newRequestWatch(ctx, r.Proxies, sources, r.Settings.TLSVerify)
	watch.lookasides = r.lookasides(system, sources)
	if system, err = r.NetworkContext(named, sources, platform, watch.proxy); err != nil {
		return nil, err
	}
	if err := r.CompleteCredentials(system, named); err != nil {
		watch.refuse(named, err) // pull sources on other hosts have credentials of their own
	}
	ref, err := docker.NewReference(named)
	if err != nil {
		return nil, configuration.InvalidReference(named.String(), err.Error())
	}
	source, err := openSource(ctx, system, ref)
	if err != nil && ctx.Err() != nil { // out of time, whatever else failed by then
		return nil, err
	}
	if err != nil {
		return nil, diagnose(system, named, err)
	}
	return &opened{system, source, watch}, nil
}

func (r reader) fetchFromRegistry(ctx context.Context, named reference.Named, platform *configuration.Platform) (*Fetched, error) {
	if found := r.fetchFromStore(named, platform); found != nil {
		return found, nil
	}
	image, err := r.open(ctx, named, platform)
	if err != nil {
		return nil, err
	}
	defer image.source.Close()
	found := &Fetched{Reference: named.String()}
	if err := r.read(ctx, image.system, image.source, found, pinnedDigest(named)); err != nil {
		return nil, err
	}
	found.PullSource = image.watch.served()
	return found, nil
}

func pinnedDigest(named reference.Named) string {
	if canonical, ok := named.(reference.Canonical); ok {
		return canonical.Digest().String()
	}
	return ""
}

// read fills found from an open source. expected is the digest that the top-level manifest must have, or "".
func (r reader) read(ctx context.Context, system *types.SystemContext, source types.ImageSource, found *Fetched, expected string) error {
	top, err := r.readTop(ctx, source, expected)
	if err != nil {
		return err
	}
	found.Digest, found.MediaType, found.Top = top.Digest, top.MediaType, top.Body
	return top.telling(r.readBelow(ctx, system, source, found))
}

// readBelow reads what the top-level manifest in found leads to: the chosen instance, if it is an index, and the config.
func (r reader) readBelow(ctx context.Context, system *types.SystemContext, source types.ImageSource, found *Fetched) error {
	unparsed := image.UnparsedInstance(source, nil)
	body, mediaType := found.Top, found.MediaType
	for descents := 0; manifest.MIMETypeIsMultiImage(mediaType); descents++ {
		if descents > r.Settings.NestedIndexes {
			return nestedIndex()
		}
		chosen, err := documents.ChooseInstance(system, body, mediaType)
		if err != nil {
			return err
		}
		unparsed = image.UnparsedInstance(source, &chosen)
		if body, mediaType, err = r.readInstance(ctx, unparsed, chosen); err != nil {
			return err
		}
		found.Instance, found.InstanceDigest, found.InstanceMediaType = body, chosen.String(), mediaType
	}
	return r.readImage(ctx, system, source, unparsed, body, mediaType, found)
}

// readImage judges and reads one image, whose manifest has been verified.
func (r reader) readImage(
	ctx context.Context, system *types.SystemContext, source types.ImageSource, unparsed *image.UnparsedImage,
	body []byte, mediaType string, found *Fetched,
) (err error) {
	if r.Settings.Policy != nil {
		// Before anything of the image is parsed, as copySingleImage does.
		if found.Policy, found.Signatures, err = r.checkPolicy(ctx, system, unparsed); err != nil {
			return err
		}
	}
	return r.readConfig(ctx, source, body, mediaType, found)
}

func nestedIndex() *failure.Error {
	return &failure.Error{
		Code: failure.CodeUnsupportedManifest,
		Message: "the instance chosen from the index is itself an index, which CRI-O does not pull; " +
			"ask for the inner one by its digest, or allow it with nested_indexes=1",
	}
}

// readInstance reads one instance's manifest, from the store where it is there.
func (r reader) readInstance(ctx context.Context, unparsed *image.UnparsedImage, chosen digest.Digest) ([]byte, string, error) {
	if body := r.stored(chosen.String()); body != nil {
		if mediaType, err := r.verifyStored(body, chosen.String()); err == nil {
			return body, mediaType, nil
		}
	}
	return r.readManifest(ctx, unparsed, chosen.String())
}

// upstreamManifest reads and verifies a manifest as containers/image does, which computes payloadDigest of whatever
// looks signed.
func upstreamManifest(ctx context.Context, unparsed *image.UnparsedImage) (body []byte, contentType string, err error) {
	defer documents.RefuseUnreadableSignatures(&err)
	return unparsed.Manifest(ctx)
}

// readManifest lets containers/image read and verify, and then applies pycoco's own rules.
func (r reader) readManifest(ctx context.Context, unparsed *image.UnparsedImage, expected string) ([]byte, string, error) {
	body, contentType, err := upstreamManifest(ctx, unparsed)
	if err != nil {
		return nil, "", err
	}
	if len(body) > documents.SizeLimit {
		return nil, "", failure.TooLarge("the manifest", documents.SizeLimit)
	}
	mediaType, err := documents.VerifyManifest(body, contentType, expected, r.Settings.Schema1)
	return body, mediaType, err
}

// readConfig reads the config blob by its digest alone: the descriptor's urls are never followed.
func (r reader) readConfig(ctx context.Context, source types.ImageSource, single []byte, mediaType string, found *Fetched) error {
	checked, err := documents.ParseManifest(single, mediaType)
	if err != nil {
		return err
	}
	parsed := checked.Single
	if legacy, ok := parsed.(*manifest.Schema1); ok { // it carries its config in its youngest history entry
		return documents.CheckConfig([]byte(legacy.History[0].V1Compatibility))
	}
	info := parsed.ConfigInfo()
	if err := documents.RequireImageConfig(parsed); err != nil {
		return err
	}
	found.ConfigDigest = info.Digest.String()
	body := r.stored(found.ConfigDigest)
	if body == nil {
		if body, err = readBlob(ctx, source, info.Digest); err != nil {
			return err
		}
	}
	if err := documents.CheckConfig(body); err != nil {
		return err
	}
	found.Config = body
	return nil
}

func readBlob(ctx context.Context, source types.ImageSource, wanted digest.Digest) ([]byte, error) {
	if !wanted.Algorithm().Available() {
		return nil, &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("the config's digest %s is of an algorithm that is not supported", wanted)}
	}
	stream, _, err := source.GetBlob(ctx, types.BlobInfo{Digest: wanted, Size: -1}, none.NoCache)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	body, err := io.ReadAll(io.LimitReader(stream, documents.SizeLimit+1))
	if err != nil {
		return nil, failure.Unavailable("reading the config", err)
	}
	if len(body) > documents.SizeLimit {
		return nil, failure.TooLarge("the config", documents.SizeLimit)
	}
	if got := wanted.Algorithm().FromBytes(body); got != wanted {
		return nil, failure.Mismatch("the config", wanted.String(), got.String())
	}
	return body, nil
}
