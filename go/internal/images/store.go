// Reading what a client's store already has: content by digest, verified each time, never a request.
//
// The store is an OCI layout's blobs/sha256 (see pycoco/layout/store.py, which writes it); here it is only read.

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
)

// stored returns the blob, or nil where it is absent or damaged; what is damaged is fetched again. With a policy nothing
// comes from here: its signatures are at the registry, and the verdict is about what the registry has.
func (s *session) stored(wanted string) []byte {
	if s.settings.Store == "" || s.settings.Policy != nil {
		return nil
	}
	parsed, err := digest.Parse(wanted)
	if err != nil || parsed.Algorithm() != digest.SHA256 {
		return nil
	}
	body, err := readRegular(filepath.Join(s.settings.Store, "blobs", "sha256", parsed.Encoded()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || digest.FromBytes(body) != parsed {
		logrus.Warnf("the store's blob %s is damaged; it is fetched again", wanted)
		return nil
	}
	return body
}

// readRegular reads a file that may have become anything: never more than the bound, and never waiting for a pipe's writer.
func readRegular(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if about, err := file.Stat(); err != nil || !about.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	body, err := io.ReadAll(io.LimitReader(file, bodyLimit+1))
	if err == nil && len(body) > bodyLimit {
		return nil, fs.ErrInvalid
	}
	return body, err
}

// fetchFromStore answers without a request when a pinned image is there whole; nil otherwise.
func (s *session) fetchFromStore(named reference.Named, platform *requestedPlatform) *fetched {
	pinned := pinnedDigest(named)
	if pinned == "" {
		return nil
	}
	top := s.stored(pinned)
	if top == nil {
		return nil
	}
	mediaType, err := s.verifyStored(top, pinned)
	if err != nil {
		return nil
	}
	system, err := s.systemContext(platform, nil)
	if err != nil {
		return nil
	}
	found := &fetched{
		Reference: named.String(), PullSource: named.String(), Digest: pinned, MediaType: mediaType, top: top,
	}
	single := top
	for descents := 0; manifest.MIMETypeIsMultiImage(mediaType); descents++ {
		chosen, err := chooseInstance(system, single, mediaType)
		if err != nil || descents > s.settings.NestedIndexes {
			return nil
		}
		if single = s.stored(chosen.String()); single == nil {
			return nil
		}
		if mediaType, err = s.verifyStored(single, chosen.String()); err != nil {
			return nil
		}
		found.instance, found.InstanceDigest, found.InstanceMediaType = single, chosen.String(), mediaType
	}
	if _, err := parseManifest(single, mediaType); err != nil {
		return nil
	}
	parsed, err := manifest.FromBlob(single, mediaType)
	if err != nil || parsed.ConfigInfo().Digest == "" || requireImageConfig(parsed) != nil {
		return nil
	}
	found.ConfigDigest = parsed.ConfigInfo().Digest.String()
	if found.config = s.stored(found.ConfigDigest); found.config == nil || checkConfig(found.config) != nil {
		return nil
	}
	return found
}

// verifyStored verifies a manifest of the store, which remembers no Content-Type.
func (s *session) verifyStored(body []byte, wanted string) (string, error) {
	return verifyManifest(body, manifest.GuessMIMEType(body), wanted, s.settings.Schema1)
}
