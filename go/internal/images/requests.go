// Every request's URL, seen before it is sent: to forbid what pycoco refuses and to know which pull source answered.
//
// containers/image gives no hook into its HTTP client but SystemContext.DockerProxy, which the transport asks for each
// request, redirects and token requests included (net/http Transport.connectMethodForRequest).

package images

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"go.podman.io/image/v5/docker/reference"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/ratelimit"
)

// requestWatch follows the requests of one fetch.
type requestWatch struct {
	proxies *configuration.Proxies
	sources []configuration.PullSource
	plain   map[string]bool // hosts that may be asked over plain http: those of insecure pull sources

	lookasides []*url.URL // where registries.d says that signatures are, on the web

	refused    string // a host that cannot be asked, because its credentials cannot be read
	refusedFor error

	pages     *pageWatch // of a list, nil for an image
	operation *ratelimit.Operation

	mutex     sync.Mutex
	plainHTTP bool     // the registry being talked to answers on http, which only an insecure one may
	manifests []string // host and path of each manifest request, in order
}

func newRequestWatch(ctx context.Context, proxies *configuration.Proxies, sources []configuration.PullSource, tlsVerify *bool) *requestWatch {
	watch := &requestWatch{proxies: proxies, sources: sources, plain: map[string]bool{}, operation: operationOf(ctx)}
	for _, source := range sources {
		insecure := source.Insecure
		if tlsVerify != nil { // DockerInsecureSkipTLSVerify overrides registries.conf
			insecure = !*tlsVerify
		}
		watch.plain[hostOf(source.Named)] = watch.plain[hostOf(source.Named)] || insecure
	}
	return watch
}

// refuse lets requests to a reference's own host fail.
func (w *requestWatch) refuse(named reference.Named, why error) {
	w.refused, w.refusedFor = hostOf(named), why
}

// proxy is a types.SystemContext.DockerProxy. An error from it fails the request before a connection is made.
func (w *requestWatch) proxy(target *url.URL) (*url.URL, error) {
	if err := w.permit(target); err != nil {
		return nil, err
	}
	if err := w.operation.Admit(target.Host); err != nil {
		return nil, err
	}
	return w.proxies.Choose(target)
}

// permit refuses http once the registry was reached by https: neither a token realm nor a redirect may downgrade.
// detectPropertiesHelper (docker/docker_client.go) pings https first and http only for an insecure registry, so a
// plain ping is the only way into plain http.
func (w *requestWatch) permit(target *url.URL) error {
	if w.refusedFor != nil && target.Host == w.refused {
		return w.refusedFor
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	switch ping := target.Path == "/v2/" && target.RawQuery == ""; {
	case ping && target.Scheme == "https":
		w.plainHTTP = false
	case ping && w.plain[target.Host]:
		w.plainHTTP = true
	case target.Scheme == "http" && !w.plainHTTP && !w.isLookaside(target):
		return &failure.Error{
			Code:    failure.CodeRegistry,
			Message: fmt.Sprintf("the registry uses https and sends to plain http at %s; this is refused", target.Host),
			URL:     failure.RedactURL(target),
		}
	}
	if target.User != nil {
		return &failure.Error{
			Code:    failure.CodeRegistry,
			Message: fmt.Sprintf("the registry sends to a URL at %s with a user name in it; this is refused", target.Host),
			URL:     failure.RedactURL(target),
		}
	}
	if strings.Contains(target.RawQuery, " ") { // net/http would send it, and with it a line that is no request
		return &failure.Error{
			Code:    failure.CodeUnavailable,
			Message: fmt.Sprintf("the registry sends to a URL at %s that cannot be asked for: there is a space in it", target.Host),
			URL:     failure.RedactURL(target),
		}
	}
	if w.pages != nil {
		if err := w.pages.permit(target); err != nil {
			return err
		}
	}
	if strings.Contains(target.Path, "/manifests/") {
		w.manifests = append(w.manifests, target.Host+target.Path)
	}
	return nil
}

// isLookaside tells whether a request is for a signature where the host's own configuration says that signatures are: that
// may be plain http, whatever the registry is.
func (w *requestWatch) isLookaside(target *url.URL) bool {
	for _, base := range w.lookasides {
		if target.Scheme == base.Scheme && target.Host == base.Host && strings.HasPrefix(target.Path, base.Path+"@") {
			return true
		}
	}
	return false
}

// served tells which of the pull sources answered: the last one whose manifest was asked for. Upstream tries them in
// order and keeps the first that answers (docker/docker_image_src.go newImageSource).
func (w *requestWatch) served() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	at := 0
	for _, asked := range w.manifests {
		for later := at; later < len(w.sources); later++ {
			if asked == manifestAddress(w.sources[later].Named) {
				at = later
				break
			}
		}
	}
	return w.sources[at].Reference
}

// manifestAddress is the host and path that a reference's manifest is asked for at.
func manifestAddress(named reference.Named) string {
	which := ""
	if tagged, ok := named.(reference.Tagged); ok {
		which = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		which = digested.Digest().String()
	}
	return fmt.Sprintf("%s/v2/%s/manifests/%s", hostOf(named), reference.Path(named), which)
}

func hostOf(named reference.Named) string {
	if domain := reference.Domain(named); domain != "docker.io" {
		return domain
	}
	return "registry-1.docker.io"
}
