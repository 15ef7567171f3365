// The last request of an operation, and how far it came: what an error of containers/image does not tell.

package process

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/idna"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// last is the last request that an operation made to a registry or on its behalf.
type last struct {
	mutex    sync.Mutex
	url      *url.URL
	status   int    // 0 where no answer came
	registry string // the host of the last request to a registry itself, which token servers and blobs' hosts are not
	asked    asked  // what was sent for that registry
	way      *way
}

// asked is what was sent on behalf of a registry.
type asked int

const (
	withNothing asked = iota
	withEmpty         // it wanted credentials, and there were none
	withSome
)

// emptyPair is what stands for no user and no password.
const emptyPair = "Basic Og=="

type lastKey struct{}

// WithLast remembers the last request that is made with the context, for About.
func WithLast(ctx context.Context) context.Context {
	made := &last{}
	ctx = context.WithValue(ctx, lastKey{}, made)
	further := handed(ctx)
	return context.WithValue(ctx, exchangeKey, handOver(func(request *http.Request, transport http.RoundTripper) (*http.Response, error) {
		on := &way{}
		made.begins(request, on)
		response, err := further(request.WithContext(httptrace.WithClientTrace(request.Context(), on.trace())), transport)
		if err == nil {
			made.answered(request.URL, response.StatusCode)
		}
		return response, err
	}))
}

// About is any error as a failure, with what is known of the last request that was made with the context.
func About(ctx context.Context, err error) *failure.Error {
	found := failure.Classify(ctx, err)
	if made, known := ctx.Value(lastKey{}).(*last); known {
		return found.About(made.request())
	}
	return found
}

// AskedWithNothing tells whether a registry that wanted credentials was told of none.
func AskedWithNothing(ctx context.Context) bool {
	made, known := ctx.Value(lastKey{}).(*last)
	if !known {
		return false
	}
	made.mutex.Lock()
	defer made.mutex.Unlock()
	return made.asked == withEmpty
}

func (l *last) request() failure.Request {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.url == nil {
		return failure.Request{}
	}
	found := failure.Request{URL: failure.RedactURL(l.url), Registry: l.registry, Status: l.status}
	found.Proxy, found.Stopped = l.way.proxy(address(l.url))
	return found
}

func (l *last) begins(request *http.Request, on *way) {
	target := request.URL
	if target.Scheme != "http" && target.Scheme != "https" {
		return // a redirect to what cannot be asked
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.url, l.status, l.way = target, 0, on
	if strings.HasPrefix(target.Path, "/v2/") {
		if l.registry != target.Host {
			l.asked = withNothing
		}
		l.registry = target.Host
	}
	authorization := request.Header.Get("Authorization")
	switch {
	case request.Method == http.MethodPost, strings.HasPrefix(authorization, "Basic ") && authorization != emptyPair:
		l.asked = withSome
	case authorization != "" && l.asked == withNothing:
		l.asked = withEmpty
	}
}

func (l *last) answered(target *url.URL, status int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.url == target {
		l.status = status
	}
}

// way is how far one request has come on its way to a host, which may lead through a proxy.
type way struct {
	mutex   sync.Mutex
	address string // that a connection is wanted to: the proxy's, if there is one
	reached reached
}

type reached int

const (
	nobody  reached = iota
	shaking         // with a proxy of https first, and with the host itself once there is a tunnel to it
	host
)

// trace has the steps told. A proxy's tunnel is none of them: what follows it is (net/http Transport.dialConn).
func (w *way) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(address string) {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.address, w.reached = address, nobody
		},
		TLSHandshakeStart: func() { w.step(nobody, shaking) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				w.step(shaking, nobody)
			}
		},
		GotConn: func(httptrace.GotConnInfo) {
			w.step(nobody, host)
			w.step(shaking, host) // of a connection that another request made
		},
	}
}

func (w *way) step(from, to reached) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.reached == from {
		w.reached = to
	}
}

// proxy is the address of the proxy on the way, "" for none, and whether the request did not get past it. direct is the
// host's own address.
func (w *way) proxy(direct string) (address string, stopped bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.address == direct {
		return "", false
	}
	return w.address, w.address != "" && w.reached == nobody
}

// address is what a URL's host is connected to without a proxy (net/http canonicalAddr).
func address(target *url.URL) string {
	host, port := target.Hostname(), target.Port()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	return net.JoinHostPort(host, port)
}
