// Every image of an index, through one ImageSource: the index once, and once what several of its images share.

package images

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/process"
)

// instancesLimit is how many images of one index are read together, at most (INSTANCES_LIMIT of pycoco/documents/values.py).
const instancesLimit = 1000

// instancesSize is how many bytes of manifests, configs and signatures they may be (INSTANCES_SIZE).
const instancesSize = 32 * 1024 * 1024

// Instance is one image of an index: its place among the entries, from 0, and the image or why there is none.
type Instance struct {
	Place   int
	Fetched *Fetched
	Err     error
}

// Instances is contract.FetchedInstances.
type Instances struct {
	Top   *TopManifest
	Found []Instance
}

// FetchInstances reads every image of an index, or the one image that the reference names.
func FetchInstances(ctx context.Context, host *configuration.Host, text string) (*Instances, error) {
	r := reader{host}
	return patiently(ctx, r, text, r.fetchInstances)
}

func (r reader) fetchInstances(ctx context.Context, named reference.Named) (*Instances, error) {
	opened, err := r.open(ctx, named, nil)
	if err != nil {
		return nil, err
	}
	defer opened.source.Close()
	top, err := r.readTop(ctx, opened.source, pinnedDigest(named))
	if err != nil {
		return nil, err
	}
	top.Reference = named.String()
	reading := &instancesReading{r, opened, top, map[digest.Digest]Instance{}, map[string][]byte{}}
	found, err := reading.all(ctx)
	if err != nil {
		return nil, err
	}
	// By the last manifest that was asked for: the same pull source has served them all.
	top.PullSource = opened.watch.served()
	for _, each := range found {
		if each.Fetched != nil {
			each.Fetched.PullSource = top.PullSource
		}
	}
	return &Instances{top, found}, nil
}

type instancesReading struct {
	reader
	opened  *opened
	top     *TopManifest
	read    map[digest.Digest]Instance
	configs map[string][]byte // by digest
}

func (i *instancesReading) all(ctx context.Context) ([]Instance, error) {
	if !manifest.MIMETypeIsMultiImage(i.top.MediaType) {
		only := i.fetched()
		err := i.readImage(ctx, i.opened.system, i.opened.source, image.UnparsedInstance(i.opened.source, nil), i.top.Body, i.top.MediaType, only)
		if err != nil {
			return nil, i.top.telling(err)
		}
		return []Instance{{0, only, nil}}, nil
	}
	if _, err := documents.ParseManifest(i.top.Body, i.top.MediaType); err != nil {
		return nil, err
	}
	entries, err := documents.Images(i.top.Body, i.top.MediaType)
	if err != nil {
		return nil, i.top.telling(err)
	}
	if len(entries) > instancesLimit {
		return nil, &failure.Error{
			Code:    failure.CodeTooLarge,
			Message: fmt.Sprintf("the index names %d images, and more than %d are not read", len(entries), instancesLimit),
		}
	}
	found := []Instance{}
	held := map[string]int{}
	for _, entry := range entries {
		instance, known := i.read[entry.Digest]
		if !known {
			if instance.Fetched, instance.Err = i.one(ctx, entry.Digest); ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if instance.Err != nil { // before another request is made
				instance.Err = process.About(ctx, instance.Err)
			}
			i.read[entry.Digest] = instance
			if size := hold(held, instance.Fetched); size > instancesSize {
				return nil, failure.TooLarge("what the images of the index are together", instancesSize)
			}
		}
		instance.Place = entry.Place
		found = append(found, instance)
	}
	return found, nil
}

// hold notes what an image takes, and returns what all of them do.
func hold(held map[string]int, image *Fetched) (size int) {
	if image != nil {
		held[image.ConfigDigest] = len(image.Config)
		held[image.InstanceDigest] = len(image.Instance)
		for _, signature := range image.Signatures {
			held[image.InstanceDigest] += len(signature)
		}
	}
	for _, each := range held {
		size += each
	}
	return size
}

func (i *instancesReading) fetched() *Fetched {
	return &Fetched{Reference: i.top.Reference, Digest: i.top.Digest, MediaType: i.top.MediaType, Top: i.top.Body}
}

func (i *instancesReading) one(ctx context.Context, named digest.Digest) (*Fetched, error) {
	if err := named.Validate(); err != nil {
		return nil, &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("the index names an image by %.200q, which is not a valid digest", named)}
	}
	unparsed := image.UnparsedInstance(i.opened.source, &named)
	body, mediaType, err := i.readInstance(ctx, unparsed, named)
	if err != nil {
		return nil, err
	}
	if manifest.MIMETypeIsMultiImage(mediaType) {
		return nil, &failure.Error{
			Code:    failure.CodeUnsupportedManifest,
			Message: "the index names another index here, which CRI-O does not read; ask for it by its digest",
		}
	}
	found := i.fetched()
	found.Instance, found.InstanceDigest, found.InstanceMediaType = body, named.String(), mediaType
	source := &rememberingSource{i.opened.source, i.configs}
	if err := i.readImage(ctx, i.opened.system, source, unparsed, body, mediaType, found); err != nil {
		return nil, i.top.telling(err)
	}
	if found.ConfigDigest != "" {
		i.configs[found.ConfigDigest] = found.Config
	}
	return found, nil
}

// rememberingSource has the configs that were read before, and verified.
type rememberingSource struct {
	types.ImageSource
	configs map[string][]byte
}

func (s *rememberingSource) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (io.ReadCloser, int64, error) {
	if body, known := s.configs[info.Digest.String()]; known {
		return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	}
	return s.ImageSource.GetBlob(ctx, info, cache)
}
