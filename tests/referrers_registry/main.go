// A registry that has the referrers API, which CNCF distribution has not: go-containerregistry's, in memory.
//
// It prints its address on one line, then a line "METHOD TARGET STATUS" for each request, and ends with its standard
// input. For tests; see tests/support/referrers_registry.py.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
)

type recorded struct {
	http.ResponseWriter
	status int
}

func (r *recorded) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	inner := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	var mutex sync.Mutex
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &recorded{w, http.StatusOK}
		inner.ServeHTTP(answer, r)
		mutex.Lock()
		defer mutex.Unlock()
		fmt.Println(r.Method, r.URL.RequestURI(), answer.status)
	})))
}
