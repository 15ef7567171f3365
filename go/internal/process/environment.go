// Package process arranges what containers/image shares with the process it runs in: its environment and its log lines.
package process

// The environment that containers/image sees: what os.environ held when a client was made.
//
// The Go runtime copies the environment at process start and knows nothing of what Python changes later
// (golang/go#27693). containers/image reads HOME, XDG_*, DOCKER_CONFIG and more with os.Getenv, and credential
// helpers inherit os.Environ. So Go's own copy is set to the client's before an operation; operations of clients with
// another environment wait for those that run. C's environment, which is the Python process's, is never touched.

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"go.podman.io/image/v5/pkg/sysregistriesv2"
)

// Go's os.Setenv also calls C's setenv when cgo is in use, through these two pointers (runtime/env_posix.go, which
// promises to keep them); without them its environment is its own.

//go:linkname cgoSetenv runtime._cgo_setenv
var cgoSetenv unsafe.Pointer

//go:linkname cgoUnsetenv runtime._cgo_unsetenv
var cgoUnsetenv unsafe.Pointer

func init() {
	cgoSetenv, cgoUnsetenv = nil, nil
}

// Environment is one client's, with a fingerprint that makes comparing cheap.
type Environment struct {
	variables   map[string]string
	fingerprint string
}

// NewEnvironment takes what os.environ held when a client was made.
func NewEnvironment(variables map[string]string) *Environment {
	var fingerprint strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fingerprint.WriteString(name + "=" + variables[name] + "\x00")
	}
	return &Environment{variables: variables, fingerprint: fingerprint.String()}
}

func (e *Environment) has(name string) bool {
	_, found := e.variables[name]
	return found
}

// apply makes the environment Go's own.
func (e *Environment) apply() {
	// Not os.Clearenv: it calls C's clearenv, through a pointer that the runtime does not share.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); !e.has(name) {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range e.variables {
		_ = os.Setenv(name, value) // fails only for names that no environment can hold
	}
	// The registries.conf cache is keyed by explicit paths alone and depends on these variables
	// (pkg/sysregistriesv2 configWrapper).
	sysregistriesv2.InvalidateCache()
}

// environmentGate lets operations of one environment run at a time, in order of arrival.
type environmentGate struct {
	mutex   sync.Mutex
	current string
	set     bool
	active  int
	waiting []*gateTicket
}

type gateTicket struct {
	environment *Environment
	admitted    chan struct{}
}

var environments = &environmentGate{}

// Enter waits until e is in force and returns what must be called when the operation is over.
func (e *Environment) Enter(ctx context.Context) (leave func(), err error) {
	return environments.enter(ctx, e)
}

// enter waits until e is in force and returns what must be called when the operation is over.
func (g *environmentGate) enter(ctx context.Context, e *Environment) (leave func(), err error) {
	g.mutex.Lock()
	ticket := &gateTicket{environment: e, admitted: make(chan struct{})}
	g.waiting = append(g.waiting, ticket)
	g.admit()
	g.mutex.Unlock()

	select {
	case <-ticket.admitted:
		return g.leave, nil
	case <-ctx.Done():
		g.mutex.Lock()
		defer g.mutex.Unlock()
		if at := slices.Index(g.waiting, ticket); at >= 0 {
			g.waiting = slices.Delete(g.waiting, at, at+1)
		} else { // admitted meanwhile
			g.active--
		}
		g.admit()
		return nil, ctx.Err()
	}
}

func (g *environmentGate) leave() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.active--
	g.admit()
}

// admit lets in, from the head of the queue, all that can run now. The mutex is held.
func (g *environmentGate) admit() {
	for len(g.waiting) > 0 {
		head := g.waiting[0]
		if !g.set || g.current != head.environment.fingerprint {
			if g.active > 0 {
				return
			}
			head.environment.apply()
			g.current, g.set = head.environment.fingerprint, true
		}
		g.waiting = g.waiting[1:]
		g.active++
		close(head.admitted)
	}
}
