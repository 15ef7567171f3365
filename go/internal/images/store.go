// Reading what a client's store already has: content by digest, verified each time, never a request.
//
// The store is an OCI layout's blobs/sha256 (see pycoco/layout/store.py, which writes it); here it is only read.

package images

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
)

// stored returns the blob, or nil where it is absent or damaged; what is damaged is fetched again. With a policy nothing
// comes from here: its signatures are at the registry, and the verdict is about what the registry has.
func (r reader) stored(wanted string) []byte {
	if r.Settings.Store == "" || r.Settings.Policy != nil {
		return nil
	}
	parsed, err := digest.Parse(wanted)
	if err != nil || parsed.Algorithm() != digest.SHA256 {
		return nil
	}
	body, err := configuration.ReadRegular(filepath.Join(r.Settings.Store, "blobs", "sha256", parsed.Encoded()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || digest.FromBytes(body) != parsed {
		logrus.Warnf("the store's blob %s is damaged; it is fetched again", wanted)
		return nil
	}
	return body
}

// fetchFromStore answers without a request when a pinned image is there whole; nil otherwise.
func (r reader) fetchFromStore(named reference.Named, platform *configuration.Platform) *Fetched {
	pinned := pinnedDigest(named)
	if pinned == "" {
		return nil
	}
	top := r.stored(pinned)
	if top == nil {
		return nil
	}
	mediaType, err := r.verifyStored(top, pinned)
	if err != nil {
		return nil
	}
	system := r.SystemContext(platform)
	found := &Fetched{
		Reference: named.String(), PullSource: named.String(), Digest: pinned, MediaType: mediaType, Top: top,
	}
	single := top
	for descents := 0; manifest.MIMETypeIsMultiImage(mediaType); descents++ {
		chosen, err := documents.ChooseInstance(system, single, mediaType)
		if err != nil || descents > r.Settings.NestedIndexes {
			return nil
		}
		if single = r.stored(chosen.String()); single == nil {
			return nil
		}
		if mediaType, err = r.verifyStored(single, chosen.String()); err != nil {
			return nil
		}
		found.Instance, found.InstanceDigest, found.InstanceMediaType = single, chosen.String(), mediaType
	}
	if _, err := documents.ParseManifest(single, mediaType); err != nil {
		return nil
	}
	parsed, err := manifest.FromBlob(single, mediaType)
	if err != nil || parsed.ConfigInfo().Digest == "" || documents.RequireImageConfig(parsed) != nil {
		return nil
	}
	found.ConfigDigest = parsed.ConfigInfo().Digest.String()
	if found.Config = r.stored(found.ConfigDigest); found.Config == nil || documents.CheckConfig(found.Config) != nil {
		return nil
	}
	return found
}

// verifyStored verifies a manifest of the store, which remembers no Content-Type.
func (r reader) verifyStored(body []byte, wanted string) (string, error) {
	return documents.VerifyManifest(body, manifest.GuessMIMEType(body), wanted, r.Settings.Schema1)
}
