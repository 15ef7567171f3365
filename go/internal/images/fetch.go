// Reading one image's manifest and config through one ImageSource: the main job.
//
// The order is CRI-O's copy.Image (copy/copy.go Image, copy/single.go copySingleImage) cut off before the layers:
// top-level manifest, chosen instance, policy on that instance, config. No layer is asked for and nothing opened twice.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

const retryDelayLimit = 8 * time.Second

// bodyLimit bounds a manifest and a config, as internal/iolimits does.
const bodyLimit = 4 * 1024 * 1024

// fetched is contract.Fetched without its bytes, which follow as parts: top manifest, instance manifest, config.
type fetched struct {
	Reference         string `json:"reference"`
	PullSource        string `json:"pull_source"`
	Digest            string `json:"digest"`
	MediaType         string `json:"media_type"`
	InstanceDigest    string `json:"instance_digest"`
	InstanceMediaType string `json:"instance_media_type"`
	ConfigDigest      string `json:"config_digest"`
	Policy            string `json:"policy"`

	top, instance, config []byte
}

func fetch(ctx context.Context, request *request) (any, [][]byte, error) {
	s, err := findSession(request.Session)
	if err != nil {
		return nil, nil, err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	found, err := s.fetchPatiently(ctx, request.Reference, request.Platform)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = errors.Join(cause, err)
		}
		return nil, nil, err
	}
	return found, [][]byte{found.top, found.instance, found.config}, nil
}

// fetchPatiently asks again, as often as the settings say, while a registry cannot be reached or fails; never so late
// that the operation's deadline would pass. Both twins follow this rule.
func (s *session) fetchPatiently(ctx context.Context, text string, platform *requestedPlatform) (*fetched, error) {
	for delay, left := time.Second, s.settings.Retries; ; delay, left = min(2*delay, retryDelayLimit), left-1 {
		found, err := s.fetch(ctx, text, platform)
		if err == nil || left <= 0 || classify(ctx, err).Code != codeUnavailable {
			return found, err
		}
		if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) <= delay {
			return nil, err
		}
		logrus.Infof("reading %s failed and is tried again in %s: %v", text, delay, err)
		if err := pause(ctx, delay); err != nil {
			return nil, err
		}
	}
}

// fetch tries the candidates one after the other; like CRI-O's (server/image_pull.go), it reports the last one's error.
func (s *session) fetch(ctx context.Context, text string, platform *requestedPlatform) (*fetched, error) {
	parsed, err := parseReference(text)
	if err != nil {
		return nil, err
	}
	if parsed.Transport != "docker" {
		return s.fetchLocal(ctx, parsed, platform)
	}
	candidates, err := s.candidates(text)
	if err != nil {
		return nil, err
	}
	var lastErr error
	for _, each := range candidates {
		found, err := s.fetchFromRegistry(ctx, each.named, platform)
		if err == nil {
			return found, nil
		}
		lastErr = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, lastErr
}

func (s *session) fetchFromRegistry(ctx context.Context, named reference.Named, platform *requestedPlatform) (*fetched, error) {
	if found := s.fetchFromStore(named, platform); found != nil {
		return found, nil
	}
	system, err := s.systemContext(platform, nil)
	if err != nil {
		return nil, err
	}
	sources, err := pullSources(system, named)
	if err != nil {
		return nil, err
	}
	watch := newRequestWatch(s.proxies, sources, s.settings.TLSVerify)
	if system, err = s.systemContext(platform, watch); err != nil {
		return nil, err
	}
	if err := s.completeCredentials(system, named); err != nil {
		watch.refuse(named, err) // pull sources on other hosts have credentials of their own
	}
	ref, err := docker.NewReference(named)
	if err != nil {
		return nil, invalidReference(named.String(), err.Error())
	}
	source, err := openSource(ctx, system, ref)
	if err != nil && ctx.Err() != nil { // out of time, whatever else failed by then
		return nil, err
	}
	if err != nil {
		return nil, diagnose(system, named, err)
	}
	defer source.Close()

	found := &fetched{Reference: named.String()}
	if err := s.read(ctx, system, source, found, pinnedDigest(named)); err != nil {
		return nil, err
	}
	found.PullSource = watch.served()
	return found, nil
}

func pinnedDigest(named reference.Named) string {
	if canonical, ok := named.(reference.Canonical); ok {
		return canonical.Digest().String()
	}
	return ""
}

// read fills found from an open source. expected is the digest that the top-level manifest must have, or "".
func (s *session) read(ctx context.Context, system *types.SystemContext, source types.ImageSource, found *fetched, expected string) error {
	unparsed := image.UnparsedInstance(source, nil)
	body, mediaType, err := s.readManifest(ctx, unparsed, expected)
	if err != nil {
		return err
	}
	found.top, found.MediaType = body, mediaType
	if found.Digest, err = manifestDigest(body, mediaType); err != nil {
		return err
	}
	for descents := 0; manifest.MIMETypeIsMultiImage(mediaType); descents++ {
		if descents > s.settings.NestedIndexes {
			return nestedIndex()
		}
		chosen, err := chooseInstance(system, body, mediaType)
		if err != nil {
			return err
		}
		unparsed = image.UnparsedInstance(source, &chosen)
		if body, mediaType, err = s.readInstance(ctx, unparsed, chosen); err != nil {
			return err
		}
		found.instance, found.InstanceDigest, found.InstanceMediaType = body, chosen.String(), mediaType
	}
	if s.settings.Policy != nil {
		// Before anything of the image is parsed, as copySingleImage does.
		if found.Policy, err = checkPolicy(ctx, system, unparsed); err != nil {
			return err
		}
	}
	return s.readConfig(ctx, source, body, mediaType, found)
}

func nestedIndex() *failure {
	return &failure{
		Code: codeUnsupportedManifest,
		Message: "the instance chosen from the index is itself an index, which CRI-O does not pull; " +
			"ask for the inner one by its digest, or allow it with nested_indexes=1",
	}
}

// readInstance reads one instance's manifest, from the store where it is there and no policy needs its source.
func (s *session) readInstance(ctx context.Context, unparsed *image.UnparsedImage, chosen digest.Digest) ([]byte, string, error) {
	if body := s.stored(chosen.String()); body != nil && s.settings.Policy == nil {
		if mediaType, err := s.verifyStored(body, chosen.String()); err == nil {
			return body, mediaType, nil
		}
	}
	return s.readManifest(ctx, unparsed, chosen.String())
}

// readManifest lets containers/image read and verify, and then applies pycoco's own rules.
func (s *session) readManifest(ctx context.Context, unparsed *image.UnparsedImage, expected string) ([]byte, string, error) {
	body, contentType, err := upstreamManifest(ctx, unparsed)
	if err != nil {
		return nil, "", err
	}
	if len(body) > bodyLimit {
		return nil, "", tooLarge("the manifest", bodyLimit)
	}
	mediaType, err := verifyManifest(body, contentType, expected, s.settings.Schema1)
	return body, mediaType, err
}

func manifestDigest(body []byte, mediaType string) (string, error) {
	if !isSchema1(mediaType) {
		return digest.FromBytes(body).String(), nil
	}
	payload, err := payloadDigest(body)
	if err != nil {
		return "", err
	}
	return payload.String(), nil
}

// readConfig reads the config blob by its digest alone: the descriptor's urls are never followed.
func (s *session) readConfig(ctx context.Context, source types.ImageSource, single []byte, mediaType string, found *fetched) error {
	checked, err := parseManifest(single, mediaType)
	if err != nil {
		return err
	}
	parsed := checked.single
	if legacy, ok := parsed.(*manifest.Schema1); ok { // it carries its config in its youngest history entry
		return checkConfig([]byte(legacy.History[0].V1Compatibility))
	}
	info := parsed.ConfigInfo()
	if err := requireImageConfig(parsed); err != nil {
		return err
	}
	found.ConfigDigest = info.Digest.String()
	body := s.stored(found.ConfigDigest)
	if body == nil {
		if body, err = readBlob(ctx, source, info.Digest); err != nil {
			return err
		}
	}
	if err := checkConfig(body); err != nil {
		return err
	}
	found.config = body
	return nil
}

func readBlob(ctx context.Context, source types.ImageSource, wanted digest.Digest) ([]byte, error) {
	if !wanted.Algorithm().Available() {
		return nil, &failure{Code: codeManifest, Message: fmt.Sprintf("the config's digest %s is of an algorithm that is not supported", wanted)}
	}
	stream, _, err := source.GetBlob(ctx, types.BlobInfo{Digest: wanted, Size: -1}, none.NoCache)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	body, err := io.ReadAll(io.LimitReader(stream, bodyLimit+1))
	if err != nil {
		return nil, unavailable("reading the config", err)
	}
	if len(body) > bodyLimit {
		return nil, tooLarge("the config", bodyLimit)
	}
	if got := wanted.Algorithm().FromBytes(body); got != wanted {
		return nil, mismatch("the config", wanted.String(), got.String())
	}
	return body, nil
}
