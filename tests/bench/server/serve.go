package main

// The registry: TLS and bearer tokens on one address, which offers HTTP/2, the same without HTTP/2 on a second, neither
// TLS nor tokens on a third, and the counts on a fourth.

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	user     = "bench"
	password = "not a secret"
	service  = "bench.pycoco.invalid"
)

// counts are what clients asked for since the last reset.
type counts struct {
	Connections atomic.Int64
	Resumed     atomic.Int64 // requests on connections whose TLS session was resumed, counted once for a connection
	Pings       atomic.Int64
	Tokens      atomic.Int64
	Tags        atomic.Int64 // manifests by tag
	Digests     atomic.Int64 // manifests by digest
	Blobs       atomic.Int64
	Heads       atomic.Int64
	Refused     atomic.Int64 // answered with 401, the unauthenticated ping excepted
	Other       atomic.Int64
	HTTP2       atomic.Int64 // requests of any kind that came by it
}

func (c *counts) all() map[string]*atomic.Int64 {
	return map[string]*atomic.Int64{
		"connections": &c.Connections, "resumed": &c.Resumed, "pings": &c.Pings, "tokens": &c.Tokens, "tags": &c.Tags,
		"digests": &c.Digests, "blobs": &c.Blobs, "heads": &c.Heads, "refused": &c.Refused, "other": &c.Other, "http2": &c.HTTP2,
	}
}

type registry struct {
	counts       counts
	order        []*repository
	repositories map[string]*repository
	secret       string
	seen         sync.Map // connections whose resumption was counted
}

func newRegistry(repositories, tags int) *registry {
	random := make([]byte, 300) // a token is about as long as a signed one
	_, _ = rand.Read(random)
	made := &registry{repositories: map[string]*repository{}, secret: hex.EncodeToString(random)}
	for number := range repositories {
		repository := newRepository(fmt.Sprintf("team-%d/app-%02d", number%7, number), tags)
		made.order = append(made.order, repository)
		made.repositories[repository.name] = repository
	}
	return made
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	certificate := flags.String("certificate", "", "the certificate chain")
	key := flags.String("key", "", "its key")
	repositories := flags.Int("repositories", 50, "how many repositories")
	tags := flags.Int("tags", 20, "how many tags each has")
	if err := flags.Parse(args); err != nil {
		return err
	}
	registry := newRegistry(*repositories, *tags)
	addresses := map[string]string{}
	start := func(name string, handler http.Handler, run func(*http.Server, net.Listener) error) error {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses[name] = listener.Addr().String()
		server := &http.Server{Handler: handler, ConnState: registry.connection, ErrorLog: log.New(quiet{}, "", 0)}
		if name == "control" {
			server.ConnState = nil
		}
		go func() { log.Fatal(run(server, listener)) }()
		return nil
	}
	plainly := func(server *http.Server, listener net.Listener) error { return server.Serve(listener) }
	encrypted := func(server *http.Server, listener net.Listener) error {
		return server.ServeTLS(listener, *certificate, *key)
	}
	if err := start("secured", registry.handler(true), encrypted); err != nil {
		return err
	}
	withoutHTTP2 := func(server *http.Server, listener net.Listener) error {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		return encrypted(server, listener)
	}
	if err := start("http1", registry.handler(true), withoutHTTP2); err != nil {
		return err
	}
	if err := start("plain", registry.handler(false), plainly); err != nil {
		return err
	}
	if err := start("control", http.HandlerFunc(registry.control), plainly); err != nil {
		return err
	}
	return announce(addresses)
}

// quiet drops what clients that were cancelled make net/http log.
type quiet struct{}

func (quiet) Write(line []byte) (int, error) { return len(line), nil }

func (r *registry) connection(connection net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		r.counts.Connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		r.seen.Delete(connection.RemoteAddr().String())
	}
}

// control tells the counts and starts them anew: GET /counts, POST /reset; GET /images lists what there is.
func (r *registry) control(answer http.ResponseWriter, request *http.Request) {
	result := map[string]any{}
	switch request.URL.Path {
	case "/counts":
		for name, count := range r.counts.all() {
			result[name] = count.Load()
		}
	case "/reset":
		for _, count := range r.counts.all() {
			count.Store(0)
		}
	case "/images":
		result["images"] = r.listing()
		result["user"], result["password"] = user, password
	default:
		http.NotFound(answer, request)
		return
	}
	_ = json.NewEncoder(answer).Encode(result)
}

type listed struct {
	Name     string `json:"name"`
	Token    string `json:"token"`
	Tag      string `json:"tag"`
	Digest   string `json:"digest"`
	Instance string `json:"instance"`
	Config   string `json:"config"`
}

// listing goes through the repositories in turn, so that neighbours are of different ones.
func (r *registry) listing() []listed {
	images := []listed{}
	for number := range r.order[0].tags {
		for _, each := range r.order {
			tag := each.tags[number]
			parts := each.amd64[tag]
			images = append(images, listed{each.name, r.tokenFor(each.name), tag, each.manifests[tag].digest, parts[0], parts[1]})
		}
	}
	return images
}

func (r *registry) handler(secured bool) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.ProtoMajor == 2 {
			r.counts.HTTP2.Add(1)
		}
		if request.TLS != nil && request.TLS.DidResume {
			if _, known := r.seen.LoadOrStore(request.RemoteAddr, true); !known {
				r.counts.Resumed.Add(1)
			}
		}
		if request.URL.Path == "/token" && secured {
			r.token(answer, request)
			return
		}
		answer.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		name, _, _, _ := split(request.URL.Path)
		if secured && request.Header.Get("Authorization") != "Bearer "+r.tokenFor(name) {
			r.challenge(answer, request)
			return
		}
		r.answer(answer, request)
	})
}

func (r *registry) challenge(answer http.ResponseWriter, request *http.Request) {
	challenge := fmt.Sprintf(`Bearer realm="https://%s/token",service="%s"`, request.Host, service)
	if name, _, _, ok := split(request.URL.Path); ok {
		challenge += fmt.Sprintf(`,scope="repository:%s:pull"`, name)
		r.counts.Refused.Add(1)
	} else {
		r.counts.Pings.Add(1)
	}
	answer.Header().Set("WWW-Authenticate", challenge)
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(http.StatusUnauthorized)
	_, _ = answer.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}` + "\n"))
}

func (r *registry) token(answer http.ResponseWriter, request *http.Request) {
	r.counts.Tokens.Add(1)
	given, secret, _ := request.BasicAuth()
	if request.Method == http.MethodPost { // the OAuth2 form
		given, secret = request.PostFormValue("username"), request.PostFormValue("password")
	}
	if given != user || secret != password {
		answer.WriteHeader(http.StatusUnauthorized)
		return
	}
	scope := strings.TrimSuffix(strings.TrimPrefix(request.FormValue("scope"), "repository:"), ":pull")
	token := r.tokenFor(scope)
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300})
}

// tokenFor is the token that opens one repository and no other.
func (r *registry) tokenFor(name string) string {
	return r.secret + "." + hex.EncodeToString([]byte(name))
}

func (r *registry) answer(answer http.ResponseWriter, request *http.Request) {
	name, kind, wanted, ok := split(request.URL.Path)
	if !ok {
		if request.URL.Path == "/v2/" {
			r.counts.Pings.Add(1)
			_, _ = answer.Write([]byte("{}"))
			return
		}
		r.counts.Other.Add(1)
		http.NotFound(answer, request)
		return
	}
	count, found, body := r.find(name, kind, wanted)
	if request.Method == http.MethodHead {
		count = &r.counts.Heads
	}
	count.Add(1)
	if !found {
		http.NotFound(answer, request)
		return
	}
	header := answer.Header()
	header.Set("Content-Type", body.mediaType)
	header.Set("Docker-Content-Digest", body.digest)
	header.Set("Content-Length", fmt.Sprint(len(body.body)))
	if request.Method != http.MethodHead {
		_, _ = answer.Write(body.body)
	}
}

func (r *registry) find(name, kind, wanted string) (*atomic.Int64, bool, document) {
	repository := r.repositories[name]
	if repository == nil {
		return &r.counts.Other, false, document{}
	}
	if kind == "blobs" {
		found, ok := repository.blobs[wanted]
		found.mediaType = "application/octet-stream"
		return &r.counts.Blobs, ok, found
	}
	count := &r.counts.Tags
	if strings.HasPrefix(wanted, "sha256:") {
		count = &r.counts.Digests
	}
	found, ok := repository.manifests[wanted]
	return count, ok, found
}

// split takes /v2/NAME/manifests/WANTED and /v2/NAME/blobs/WANTED apart.
func split(path string) (name, kind, wanted string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return "", "", "", false
	}
	for _, kind := range []string{"manifests", "blobs"} {
		if name, wanted, found := strings.Cut(rest, "/"+kind+"/"); found {
			return name, kind, wanted, true
		}
	}
	return "", "", "", false
}
