// Package connections keeps one client's connections from one image to the next.
//
// containers/image makes an http.Transport for every image and closes its connections with it (dockerClient in
// docker/docker_client.go): connecting and TLS again, two of an image's seven round trips. Here whoever has the same TLS
// settings, the client certificates among them, gets the same transport. Nothing else is shared: pings, tokens, redirects
// and proxies stay each image's own. It is not for which requests are sent.
package connections

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"time"
)

const (
	// perHost is how many connections there are to a host at most, as in the Python twin
	// (pycoco/backends/python/network/connections.py). Images in flight beyond that wait for one.
	perHost = 256
	// transportsLimit is how many TLS settings have their connections kept: those of the registries used last.
	transportsLimit = 16
	// An answer that nobody reads to its end is read for so many bytes and so long, as net/http does itself.
	unreadLimit = 64 << 10
	unreadTime  = 50 * time.Millisecond
)

// Kept are one client's connections.
type Kept struct {
	mutex      sync.Mutex
	transports []*http.Transport // the one used last comes last
}

// keepKey is a context's key that containers/image knows too, by its form: see CHANGES in golang.py.
var keepKey = struct{ Transport string }{"pycoco"}

// With has requests that are made with the context go by the connections kept. A module that was not changed takes no
// notice of it.
func (k *Kept) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, keepKey, k.instead)
}

// CloseIdle closes the connections that no request is using; those in use are closed as soon as they are not.
func (k *Kept) CloseIdle() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for _, each := range k.transports {
		each.CloseIdleConnections()
	}
}

// instead returns what takes the place of a transport that was just made and not used yet.
func (k *Kept) instead(own *http.Transport) http.RoundTripper {
	return &sharing{k.equal(own), own.Proxy}
}

// equal returns the transport with the TLS settings of own, which becomes that if there is none.
func (k *Kept) equal(own *http.Transport) *http.Transport {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for at, each := range k.transports {
		if sameTLS(each.TLSClientConfig, own.TLSClientConfig) {
			k.transports = append(slices.Delete(k.transports, at, at+1), each)
			return each
		}
	}
	shared := own.Clone() // whoever made own may still change it
	shared.Proxy = proxyOfRequest
	shared.MaxConnsPerHost, shared.MaxIdleConnsPerHost, shared.MaxIdleConns = perHost, perHost, 2*perHost
	if shared.TLSClientConfig != nil { // a session is resumed as whom, and by whose word, it was begun
		shared.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(perHost)
	}
	if len(k.transports) == transportsLimit {
		k.transports[0].CloseIdleConnections()
		k.transports = slices.Delete(k.transports, 0, 1)
	}
	k.transports = append(k.transports, shared)
	return shared
}

// sharing is one image's way to a transport that others use as well: its requests keep their own choice of a proxy, which
// is also what sees and may refuse every URL (requestWatch of package images).
type sharing struct {
	transport *http.Transport
	proxy     func(*http.Request) (*url.URL, error)
}

type proxyKey struct{}

func (s *sharing) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := s.transport.RoundTrip(request.WithContext(context.WithValue(request.Context(), proxyKey{}, s.proxy)))
	if err == nil && response.StatusCode >= 200 && 0 < response.ContentLength && response.ContentLength <= unreadLimit {
		response.Body = &readToEnd{ReadCloser: response.Body}
	}
	return response, err
}

// readToEnd is the body of an answer that is read to its end before it is closed. containers/image closes a ping's answer unread,
// and net/http reads the rest in a goroutine of its own: the image's next request would find no free connection and
// make another one.
type readToEnd struct {
	io.ReadCloser
	ended bool
}

func (r *readToEnd) Read(into []byte) (int, error) {
	count, err := r.ReadCloser.Read(into)
	r.ended = r.ended || err != nil
	return count, err
}

func (r *readToEnd) Close() error {
	if !r.ended {
		late := time.AfterFunc(unreadTime, func() { _ = r.ReadCloser.Close() }) // which ends the reading
		_, _ = io.Copy(io.Discard, r.ReadCloser)
		late.Stop()
	}
	return r.ReadCloser.Close()
}

func proxyOfRequest(request *http.Request) (*url.URL, error) {
	if choose, _ := request.Context().Value(proxyKey{}).(func(*http.Request) (*url.URL, error)); choose != nil {
		return choose(request)
	}
	return nil, nil
}

// sameTLS tells whether connections made with one are as good as those made with the other: whom they trust, as whom they
// identify themselves, and all else that there is to set. What cannot be compared, such as functions, counts as different.
func sameTLS(one, other *tls.Config) bool {
	if one == nil || other == nil {
		return one == other
	}
	left, right := reflect.ValueOf(one).Elem(), reflect.ValueOf(other).Elem()
	for _, field := range reflect.VisibleFields(left.Type()) {
		switch {
		case !field.IsExported(), field.Name == "ClientSessionCache": // a client uses none of the former, and kept ones have their own
		case field.Name == "RootCAs":
			if !one.RootCAs.Equal(other.RootCAs) {
				return false
			}
		case field.Name == "Certificates":
			if !slices.EqualFunc(one.Certificates, other.Certificates, sameIdentity) {
				return false
			}
		case !reflect.DeepEqual(left.FieldByIndex(field.Index).Interface(), right.FieldByIndex(field.Index).Interface()):
			return false
		}
	}
	return true
}

func sameIdentity(one, other tls.Certificate) bool {
	key, comparable := one.PrivateKey.(interface{ Equal(crypto.PrivateKey) bool })
	return slices.EqualFunc(one.Certificate, other.Certificate, bytes.Equal) && comparable && key.Equal(other.PrivateKey)
}
