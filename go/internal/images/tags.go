// A repository's tags: all of them, from the repository's own registry, as docker.GetRepositoryTags reads them.

package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// Bounds on a list: contract.TAG_PAGES_LIMIT and LINK_LIMIT of pycoco/backends/python/registry/page_links.py.
const (
	tagPagesLimit = 100_000
	linkLimit     = 8 * 1024
	// repeatsLimit is how often makeRequestToResolvedURL may ask for one page: five times for 429, once for a scope.
	repeatsLimit = backoffAttempts + 1
)

// TagPage is contract.TagPage: the only one.
type TagPage struct {
	Repository string   `json:"repository"`
	Tags       []string `json:"-"`
}

// Tags reads a repository's tags to the end.
func Tags(ctx context.Context, host *configuration.Host, text string) (*TagPage, error) {
	r := reader{host}
	return patiently(ctx, r, text, r.tags)
}

func (r reader) tags(ctx context.Context, named reference.Named) (*TagPage, error) {
	registry, err := sysregistriesv2.FindRegistry(r.SystemContext(nil), named.Name())
	if err != nil {
		return nil, failure.InConfiguration(err)
	}
	own := configuration.PullSource{Reference: named.String(), Named: named}
	if registry != nil {
		own.Insecure, own.Blocked = registry.Insecure, registry.Blocked
	}
	watch := newRequestWatch(ctx, r.Proxies, []configuration.PullSource{own}, r.Settings.TLSVerify)
	watch.pages = &pageWatch{registry: hostOf(named), asked: map[string]bool{}}
	system, err := r.NetworkContext(named, []configuration.PullSource{own}, nil, watch.proxy)
	if err != nil {
		return nil, err
	}
	if err := r.CompleteCredentials(system, named); err != nil {
		watch.refuse(named, err)
	}
	ref, err := docker.NewReference(named)
	if err != nil {
		return nil, configuration.InvalidReference(named.String(), err.Error())
	}
	var tags []string
	err = whileTokenServerIsBusy(ctx, func() (err error) {
		tags, err = docker.GetRepositoryTags(ctx, system, ref)
		return err
	})
	var (
		link   *url.Error
		syntax *json.SyntaxError
		other  *json.UnmarshalTypeError
		large  *http.MaxBytesError // see CHANGES in golang.py
	)
	switch {
	case err == nil:
		return &TagPage{named.Name(), tags}, nil
	case ctx.Err() != nil:
		return nil, err
	case errors.As(err, &large):
		return nil, failure.TooLarge("a page of the list of tags", int(large.Limit))
	case errors.As(err, &link) && link.Op == "parse":
		return nil, badLink("not a URL")
	case errors.As(err, &syntax), errors.As(err, &other), strings.HasPrefix(err.Error(), "registry returned invalid tag "):
		return nil, &failure.Error{Code: failure.CodeRegistry, Message: failure.OneSentence(err.Error())}
	case own.Blocked:
		return nil, &failure.Error{Code: failure.CodeBlocked, Message: failure.OneSentence(err.Error())}
	}
	return nil, diagnose(system, named, err)
}

func badLink(why string) *failure.Error {
	return &failure.Error{
		Code:    failure.CodeRegistry,
		Message: fmt.Sprintf("the registry's Link to the next page of tags is %s; it is not followed", why),
	}
}

// pageWatch follows the pages of a list. GetRepositoryTags goes wherever a Link leads, for ever if it is in a circle, and
// puts what it names right behind the registry's host, of which it may then become a part.
type pageWatch struct {
	registry string
	asked    map[string]bool
	last     string
	repeats  int
}

func (p *pageWatch) permit(target *url.URL) error {
	query := target.Query()
	if query.Has("scope") || query.Has("service") || target.Path == "/v2/" && target.RawQuery == "" {
		return nil // for a token, or the ping
	}
	if strings.HasPrefix(target.Host, p.registry) && target.Host != p.registry || target.Host == p.registry && strings.Trim(target.Path, "/") == "" {
		return badLink("not a path on the registry")
	}
	if target.Host != p.registry { // a redirect
		return nil
	}
	page := target.RequestURI()
	if len(page) > linkLimit {
		return badLink(fmt.Sprintf("%d characters long", len(page)))
	}
	if page == p.last {
		if p.repeats++; p.repeats > repeatsLimit {
			return badLink("the page itself")
		}
		return nil
	}
	if p.asked[page] || len(p.asked) >= tagPagesLimit {
		return badLink("in a circle, or without an end")
	}
	p.asked[page], p.last, p.repeats = true, page, 1
	return nil
}
