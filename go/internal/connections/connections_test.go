// Who shares connections with whom: those with the same TLS settings and client certificate, and nobody else.
package connections

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// registry answers with the name on the client's certificate, and "resumed" where the TLS session was.
type registry struct {
	*httptest.Server
	opened, open atomic.Int64
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	made := &registry{Server: httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, each := range r.TLS.PeerCertificates {
			_, _ = io.WriteString(w, each.Subject.CommonName)
		}
		if r.TLS.DidResume {
			_, _ = io.WriteString(w, " resumed")
		}
	}))}
	made.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	made.Config.ErrorLog = log.New(io.Discard, "", 0)
	made.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			made.opened.Add(1)
			made.open.Add(1)
		case http.StateClosed:
			made.open.Add(-1)
		}
	}
	made.StartTLS()
	t.Cleanup(made.Close)
	return made
}

// settings are made anew for every image, as containers/image does.
func (r *registry) settings(clients ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(r.Certificate())
	return &tls.Config{RootCAs: roots, Certificates: clients, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
}

// read asks as one image does, with a transport of its own, and returns the answer.
func (r *registry) read(t *testing.T, kept *Kept, settings *tls.Config) string {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: settings}
	instead := kept.With(t.Context()).Value(keepKey).(func(*http.Transport) http.RoundTripper)
	response, err := (&http.Client{Transport: instead(transport)}).Get(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func identity(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}
}

func TestTheNextImageGoesByTheSameConnection(t *testing.T) {
	registry, kept, anna := newRegistry(t), &Kept{}, identity(t, "anna")
	for range 3 {
		if got := registry.read(t, kept, registry.settings(anna)); got != "anna" {
			t.Errorf("the registry saw %q", got)
		}
	}
	if opened := registry.opened.Load(); opened != 1 {
		t.Errorf("%d connections", opened)
	}
}

func TestOtherTLSSettingsHaveConnectionsOfTheirOwn(t *testing.T) {
	registry, kept := newRegistry(t), &Kept{}
	anna, bert := identity(t, "anna"), identity(t, "bert")
	sameChain := tls.Certificate{Certificate: anna.Certificate, PrivateKey: bert.PrivateKey}
	unverified := registry.settings()
	unverified.InsecureSkipVerify = true
	trusting := registry.settings()
	trusting.RootCAs.AddCert(&x509.Certificate{Raw: []byte("another authority")})
	older := registry.settings()
	older.MaxVersion = tls.VersionTLS12
	callback := registry.settings()
	callback.VerifyConnection = func(tls.ConnectionState) error { return nil }
	for number, each := range []struct {
		settings *tls.Config
		seen     string
	}{
		{registry.settings(), ""},
		{registry.settings(anna), "anna"},
		{registry.settings(bert), "bert"},
		{registry.settings(anna, bert), "anna"},
		{unverified, ""},
		{trusting, ""},
		{older, ""},
		{callback, ""},
	} {
		if got := registry.read(t, kept, each.settings); got != each.seen {
			t.Errorf("settings %d: the registry saw %q, not %q", number, got, each.seen)
		}
		if opened := registry.opened.Load(); opened != int64(number+1) {
			t.Errorf("settings %d: %d connections", number, opened)
		}
	}
	if sameTLS(registry.settings(anna), registry.settings(sameChain)) {
		t.Error("another key is another identity")
	}
	if sameTLS(callback, callback) {
		t.Error("functions cannot be compared")
	}
}

func TestASessionIsResumedAsWhoBeganIt(t *testing.T) {
	registry, kept := newRegistry(t), &Kept{}
	anna, bert := identity(t, "anna"), identity(t, "bert")
	for _, each := range []struct {
		client tls.Certificate
		wanted string
	}{{anna, "anna"}, {anna, "anna resumed"}, {bert, "bert"}, {bert, "bert resumed"}} {
		if got := registry.read(t, kept, registry.settings(each.client)); got != each.wanted {
			t.Errorf("the registry saw %q, not %q", got, each.wanted)
		}
		kept.CloseIdle()
	}
}

func TestAnAnswerThatNobodyReadsFreesItsConnection(t *testing.T) {
	stalls := make(chan struct{})
	defer close(stalls)
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3")
		w.(http.Flusher).Flush()
		if r.URL.Path == "/stalls" {
			<-stalls
		}
		_, _ = io.WriteString(w, "401")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	kept := &Kept{}
	ask := func(path string) {
		response, err := (&http.Client{Transport: kept.instead(&http.Transport{TLSClientConfig: &tls.Config{}})}).Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	for range 200 {
		ask("/v2/")
	}
	if opened.Load() != 1 {
		t.Errorf("%d connections", opened.Load())
	}
	began := time.Now()
	ask("/stalls")
	if took := time.Since(began); took < unreadTime || took > 5*time.Second {
		t.Errorf("a body that does not come was waited for during %s", took)
	}
}

func TestConnectionsAreBoundedAndClosed(t *testing.T) {
	registry, kept := newRegistry(t), &Kept{}
	for range transportsLimit + 2 {
		registry.read(t, kept, registry.settings(identity(t, "somebody")))
	}
	registry.untilOpen(t, transportsLimit)
	kept.CloseIdle()
	registry.untilOpen(t, 0)
}

func (r *registry) untilOpen(t *testing.T, wanted int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); r.open.Load() != wanted; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open, not %d", r.open.Load(), wanted)
		}
	}
}

func TestEveryImageChoosesItsOwnProxy(t *testing.T) {
	registry, kept := newRegistry(t), &Kept{}
	refusal := errors.New("refused")
	asked := 0
	for _, refuses := range []bool{false, true, false} {
		own := &http.Transport{TLSClientConfig: registry.settings(), Proxy: func(request *http.Request) (*url.URL, error) {
			asked++
			if refuses {
				return nil, refusal
			}
			return nil, nil
		}}
		response, err := (&http.Client{Transport: kept.instead(own)}).Get(registry.URL)
		if errors.Is(err, refusal) != refuses {
			t.Errorf("refuses %v: %v", refuses, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
	if opened := registry.opened.Load(); asked != 3 || opened != 1 {
		t.Errorf("%d asked, %d connections", asked, opened)
	}
}
