// Operations end exactly once, whatever becomes of them; meant for `go test -race` too.

package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// waiter takes completions as Python's thread does: read the descriptor, then take until there is nothing.
func waiter(t *testing.T, table *table, wanted int) map[uint64]answer {
	t.Helper()
	descriptor := table.descriptor()
	got := map[uint64]answer{}
	buffer := make([]byte, 64)
	for len(got) < wanted {
		if _, err := syscall.Read(descriptor, buffer); err != nil && !errors.Is(err, syscall.EINTR) {
			t.Fatal(err)
		}
		for {
			finished, ok := table.complete()
			if !ok {
				break
			}
			if finished.id == 0 { // a log record
				continue
			}
			if _, twice := got[finished.id]; twice {
				t.Fatalf("operation %d finished twice", finished.id)
			}
			got[finished.id] = finished.answer
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

func openForTest(t testing.TB) float64 {
	t.Helper()
	reply := operations.call(encodedRequest(t, map[string]any{
		"operation": "open",
		"settings": map[string]any{
			"short_names": "enforcing", "tls_verify": false, "environ": map[string]string{"HOME": t.TempDir()},
		},
	}))
	var header struct{ Result struct{ Session float64 } }
	if err := json.Unmarshal(reply.header, &header); err != nil || header.Result.Session == 0 {
		t.Fatalf("open: %v %s", err, reply.header)
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
	session := openForTest(t)
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
				operations.submit(id, encodedRequest(t, map[string]any{
					"operation": "fetch", "session": session, "reference": host + "/app:v1", "timeout": 10,
				}))
				operations.cancel(id)
				operations.cancel(id)
			}
		}()
	}
	got := waiter(t, operations, each*threads)
	submitting.Wait()
	for id, reply := range got {
		if !strings.Contains(string(reply.header), `"code":"cancelled"`) {
			t.Fatalf("operation %d: %s", id, reply.header)
		}
	}
}

func TestAPanicBecomesAnErrorAndPoisons(t *testing.T) {
	own := &table{named: operations.named, running: operations.running}
	for _, name := range []string{"panic", "versions"} {
		reply := own.call(encodedRequest(t, map[string]any{"operation": name}))
		if !strings.Contains(string(reply.header), `"code":"backend"`) {
			t.Errorf("%s after a panic: %s", name, reply.header)
		}
	}
}

func TestAnUnknownFieldIsRefused(t *testing.T) {
	reply := operations.call([]byte(`{"operation":"versions","colour":"red"}`))
	if !strings.Contains(string(reply.header), "colour") {
		t.Errorf("%s", reply.header)
	}
}
