// What a reference names at the moment, by one HEAD request for each pull source up to the first that answers.
//
// docker.GetDigest does it for one reference and ignores mirrors (docker/docker_image.go says so), so it is called for
// each physical reference here, with what newPullClient (docker/docker_image_src.go) would give that one. It returns the
// digest alone: the type and the size, which the answer has as well, are taken from that as it comes by.

package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/process"
)

// How a digest was come by: the words of pycoco/backends/contract.py.
const (
	byHead         = "HEAD"
	headNotAllowed = "GET, as HEAD is not allowed"
	noDigestTold   = "GET, as no sha256 digest is told"
	namespaceProxy = "GET, as there is a namespace-proxy"
)

// Resolved is contract.Resolved.
type Resolved struct {
	Reference  string `json:"reference"`
	PullSource string `json:"pull_source"`
	Digest     string `json:"digest"`
	MediaType  string `json:"media_type"`
	Size       *int   `json:"size"`
	How        string `json:"how"`
}

// Resolve asks what a reference names.
func Resolve(ctx context.Context, host *configuration.Host, text string) (*Resolved, error) {
	r := reader{host}
	return patiently(ctx, r, text, r.resolve)
}

func (r reader) resolve(ctx context.Context, named reference.Named) (*Resolved, error) {
	sources, err := configuration.PullSources(r.SystemContext(nil), named)
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		if source.NamespaceProxy != "" { // GetDigest cannot be told of it
			return r.resolveByGet(ctx, named, namespaceProxy)
		}
	}
	watch := newRequestWatch(ctx, r.Proxies, sources, r.Settings.TLSVerify)
	system, err := r.NetworkContext(named, sources, nil, watch.proxy)
	if err != nil {
		return nil, err
	}
	if err := r.CompleteCredentials(system, named); err != nil {
		watch.refuse(named, err)
	}
	failed := []string{}
	for at, source := range sources {
		answer := headAnswer{}
		told, err := headDigest(answer.seen(ctx), r.forSource(system, named, source), source.Named, at == len(sources)-1)
		switch how := notTold(told, err); {
		case err != nil && ctx.Err() != nil:
			return nil, err
		case how != "":
			return r.resolveByGet(ctx, named, how)
		case err == nil:
			if pinned := pinnedDigest(named); pinned != "" && pinned != told.String() {
				return nil, failure.Mismatch("what the registry has", pinned, told.String())
			}
			return &Resolved{named.String(), source.Reference, told.String(), answer.mediaType, answer.size, byHead}, nil
		case at == len(sources)-1:
			return nil, diagnose(system, named, withMirrors(failed, source, err))
		}
		logrus.Debugf("Accessing %q failed: %v", source.Reference, err)
		failed = append(failed, fmt.Sprintf("[%s: %v]", source.Reference, err))
	}
	return nil, nil // there is never no source
}

// forSource is what newPullClient would use for one pull source.
func (r reader) forSource(system *types.SystemContext, logical reference.Named, source configuration.PullSource) *types.SystemContext {
	own := *system
	if own.DockerAuthConfig != nil && reference.Domain(source.Named) != reference.Domain(logical) {
		own.DockerAuthConfig, own.DockerBearerRegistryToken = nil, ""
	}
	if r.Settings.TLSVerify == nil {
		own.DockerInsecureSkipTLSVerify = types.NewOptionalBool(source.Insecure)
	}
	return &own
}

// headAnswer is what the last good answer to a HEAD says but the digest.
type headAnswer struct {
	mediaType string
	size      *int
}

var contentLength = regexp.MustCompile(`^[0-9]{1,15}$`)

func (a *headAnswer) seen(ctx context.Context) context.Context {
	return process.WithAnswers(ctx, func(request *http.Request, response *http.Response) {
		if request.Method != http.MethodHead || response.StatusCode != http.StatusOK {
			return
		}
		*a = headAnswer{mediaType: documents.SimplifyContentType(response.Header.Get("Content-Type"))}
		if length := response.Header.Get("Content-Length"); contentLength.MatchString(length) {
			size, _ := strconv.Atoi(length) // 15 digits fit
			a.size = &size
		}
	})
}

// headDigest is GetDigest, which waits for a busy token server only where there is no other source left, as openSource.
func headDigest(ctx context.Context, system *types.SystemContext, named reference.Named, last bool) (told digest.Digest, err error) {
	ref, err := docker.NewReference(named)
	if err != nil {
		return "", configuration.InvalidReference(named.String(), err.Error())
	}
	ask := func() error {
		told, err = docker.GetDigest(ctx, system, ref)
		return err
	}
	if last {
		err = whileTokenServerIsBusy(ctx, ask)
	} else {
		err = ask()
	}
	return told, err
}

// notTold says why GET is needed: a registry answered HEAD, but not with a sha256 digest. "" for any other outcome.
func notTold(told digest.Digest, err error) string {
	switch {
	case err == nil && told.Algorithm() != digest.SHA256,
		errors.Is(err, digest.ErrDigestInvalidFormat),
		errors.Is(err, digest.ErrDigestInvalidLength),
		errors.Is(err, digest.ErrDigestUnsupported):
		return noDigestTold
	case err != nil && strings.HasPrefix(err.Error(), "reading digest "): // not "getting": a ping's or a token server's
		if known := failure.OfRegistry(err, ""); known != nil && known.Status == 405 {
			return headNotAllowed
		}
	}
	return ""
}

// withMirrors tells what happened at the mirrors too, in the words of newImageSource.
func withMirrors(failed []string, primary configuration.PullSource, err error) error {
	if len(failed) == 0 {
		return err
	}
	return fmt.Errorf("(Mirrors also failed: %s): %s: %w", strings.Join(failed, "\n"), primary.Reference, err)
}

func (r reader) resolveByGet(ctx context.Context, named reference.Named, how string) (*Resolved, error) {
	top, err := r.fetchManifest(ctx, named)
	if err != nil {
		return nil, err
	}
	size := len(top.Body)
	return &Resolved{named.String(), top.PullSource, top.Digest, top.MediaType, &size, how}, nil
}
