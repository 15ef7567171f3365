// Operations end exactly once, whatever becomes of them; meant for `go test -race` too.

package operations

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// newRunner is a runner of this test's own, and a channel with something in it when its queue has something.
func newRunner() (*Runner, *Queue, chan struct{}) {
	woken := make(chan struct{}, 1)
	queue := &Queue{Wake: func() { woken <- struct{}{} }}
	return NewRunner(queue.Add), queue, woken
}

// collect takes replies as Python's thread does, when woken and then until there is nothing, each once.
func collect(t *testing.T, queue *Queue, woken chan struct{}, wanted int) map[uint64]Answer {
	t.Helper()
	late := time.After(2 * time.Minute)
	got := map[uint64]Answer{}
	for len(got) < wanted {
		select {
		case <-woken:
		case <-late:
			t.Fatalf("only %d of %d operations ended", len(got), wanted)
		}
		for {
			finished, ok := queue.Take()
			if !ok {
				break
			}
			if _, twice := got[finished.ID]; twice {
				t.Fatalf("operation %d finished twice", finished.ID)
			}
			got[finished.ID] = finished.Answer
		}
	}
	return got
}

func encodedRequest(t testing.TB, fields map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func openForTest(t testing.TB, runner *Runner) float64 {
	t.Helper()
	reply := runner.Call(encodedRequest(t, map[string]any{
		"operation": "open",
		"settings": map[string]any{
			"short_names": "enforcing", "tls_verify": false, "environ": map[string]string{"HOME": t.TempDir()},
		},
	}))
	var header struct{ Result struct{ Session float64 } }
	if err := json.Unmarshal(reply.Header, &header); err != nil || header.Result.Session == 0 {
		t.Fatalf("open: %v %s", err, reply.Header)
	}
	return header.Result.Session
}

func TestConcurrentSubmitAndCancel(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select { // hangs until the client goes away or the test ends
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	runner, queue, woken := newRunner()
	session := openForTest(t, runner)
	host := strings.TrimPrefix(server.URL, "http://")

	const each, threads = 20, 8
	var submitting sync.WaitGroup
	var ids atomic.Uint64
	for range threads {
		submitting.Add(1)
		go func() {
			defer submitting.Done()
			for range each {
				id := ids.Add(1)
				runner.Submit(id, encodedRequest(t, map[string]any{
					"operation": "fetch", "session": session, "reference": host + "/app:v1", "timeout": 10,
				}))
				runner.Cancel(id)
				runner.Cancel(id)
			}
		}()
	}
	got := collect(t, queue, woken, each*threads)
	submitting.Wait()
	for id, reply := range got {
		if !strings.Contains(string(reply.Header), `"code":"cancelled"`) {
			t.Fatalf("operation %d: %s", id, reply.Header)
		}
	}
}

func TestAPanicBecomesAnErrorAndPoisons(t *testing.T) {
	runner, _, _ := newRunner()
	t.Cleanup(func() { poisoned.Store(nil) })
	for _, name := range []string{"panic", "versions"} {
		reply := runner.Call(encodedRequest(t, map[string]any{"operation": name}))
		if !strings.Contains(string(reply.Header), `"code":"backend"`) {
			t.Errorf("%s after a panic: %s", name, reply.Header)
		}
	}
}

func TestAnUnknownFieldIsRefused(t *testing.T) {
	runner, _, _ := newRunner()
	reply := runner.Call([]byte(`{"operation":"versions","colour":"red"}`))
	if !strings.Contains(string(reply.Header), "colour") {
		t.Errorf("%s", reply.Header)
	}
}
