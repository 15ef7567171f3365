// Many goroutines at once, meant for `go test -race`: the saved corpus of tests/fuzz/corpus.py through every pure operation,
// and fetches that are submitted, cancelled and closed under each other. No race, no panic, one answer for each.

package operations

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pycoco/pycoco/go/internal/failure"
)

const callers = 8

// TestCorpusFromManyGoroutines asks every saved request from all callers, each in an order of its own, and holds that
// the answers are the same.
func TestCorpusFromManyGoroutines(t *testing.T) {
	requests := savedRequests(t)
	own, _, _ := newRunner()
	session := openIn(t, own, nil)
	first := make([]Answer, len(requests))
	for i, fields := range requests {
		fields["session"] = session
		requests[i] = fields
		first[i] = own.Call(encodedRequest(t, fields))
	}
	var asking sync.WaitGroup
	for caller := range callers {
		asking.Add(1)
		go func() {
			defer asking.Done()
			for _, i := range rand.New(rand.NewSource(int64(caller))).Perm(len(requests)) {
				body, err := json.Marshal(requests[i])
				if err != nil {
					t.Error(err)
					return
				}
				if again := own.Call(body); string(again.Header) != string(first[i].Header) {
					t.Errorf("%s: first %s, then %s", body, first[i].Header, again.Header)
				}
			}
		}()
	}
	asking.Wait()
	if poison := poisoned.Load(); poison != nil {
		t.Fatal(poison.Message)
	}
}

func savedRequests(t testing.TB) []map[string]any {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus in testdata (%v): run python -m tests.fuzz.corpus", err)
	}
	var requests []map[string]any
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var fields map[string]any
			if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			requests = append(requests, fields)
		}
	}
	return requests
}

// TestTrafficUnderCancellation lets sessions of two environments fetch, configuration be read, operations be cancelled
// at any moment, and sessions be closed under them.
func TestTrafficUnderCancellation(t *testing.T) {
	const each = 60
	host := imageRegistry(t)
	own, queue, woken := newRunner()
	homes := []string{t.TempDir(), t.TempDir()}
	var submitting sync.WaitGroup
	for caller := range callers {
		submitting.Add(1)
		go func() {
			defer submitting.Done()
			random := rand.New(rand.NewSource(int64(caller)))
			var session float64
			for number := range each {
				if number%10 == 0 {
					session = openIn(t, own, map[string]any{"HOME": homes[random.Intn(len(homes))]})
				}
				id := uint64(caller*each + number + 1)
				own.Submit(id, trafficRequest(t, random, session, host))
				switch random.Intn(4) {
				case 0:
					own.Cancel(id)
				case 1:
					time.Sleep(time.Duration(random.Intn(3000)) * time.Microsecond)
					own.Cancel(id)
				case 2:
					if number%10 == 9 {
						own.Call(encodedRequest(t, map[string]any{"operation": "close", "session": session}))
					}
				}
			}
		}()
	}
	got := collect(t, queue, woken, callers*each)
	submitting.Wait()
	fetches := 0
	for id, reply := range got {
		var header struct {
			Result json.RawMessage
			Error  *failure.Error
		}
		if err := json.Unmarshal(reply.Header, &header); err != nil {
			t.Fatalf("operation %d: %v", id, err)
		}
		if header.Error != nil && header.Error.Code != failure.CodeCancelled && header.Error.Code != failure.CodeTimeout {
			t.Errorf("operation %d: %s", id, reply.Header)
		}
		if len(reply.Parts) == 3 {
			fetches++
		}
	}
	if fetches == 0 {
		t.Error("no fetch came to its end")
	}
	t.Logf("%d of %d operations ended with an image", fetches, len(got))
}

func trafficRequest(t *testing.T, random *rand.Rand, session float64, host string) []byte {
	fields := map[string]any{"operation": "fetch", "session": session, "reference": host + "/app:v1", "timeout": 20}
	switch random.Intn(6) {
	case 0:
		fields["operation"] = "pull_sources"
	case 1:
		fields["operation"] = "credentials_for"
	case 2:
		fields["timeout"] = 0.001
	}
	return encodedRequest(t, fields)
}

// imageRegistry serves app:v1, a single image, to whoever has a token.
func imageRegistry(t *testing.T) string {
	config := []byte(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`)
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":`+
		`"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`,
		imgspecv1.MediaTypeImageManifest, digest.FromBytes(config), len(config))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			fmt.Fprint(w, `{"token":"t0k"}`)
		case r.Header.Get("Authorization") != "Bearer t0k":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/manifests/v1"):
			w.Header().Set("Content-Type", imgspecv1.MediaTypeImageManifest)
			_, _ = w.Write(manifest)
		case strings.HasSuffix(r.URL.Path, digest.FromBytes(config).String()):
			_, _ = w.Write(config)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func openIn(t *testing.T, own *Runner, environ map[string]any) float64 {
	if environ == nil {
		environ = map[string]any{"HOME": t.TempDir()}
	}
	reply := own.Call(encodedRequest(t, map[string]any{
		"operation": "open",
		"settings":  map[string]any{"short_names": "enforcing", "tls_verify": false, "environ": environ},
	}))
	var header struct{ Result struct{ Session float64 } }
	if err := json.Unmarshal(reply.Header, &header); err != nil || header.Result.Session == 0 {
		t.Errorf("open: %v %s", err, reply.Header)
	}
	return header.Result.Session
}
