// What runs: pure operations at once, network operations as goroutines that report through one pipe.
//
// It knows nothing of images. An operation is a function of a context and its decoded request; each runs with a
// recover of its own, since a panic in a goroutine would end the whole process.

package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// answer is one reply before it is laid out in C memory.
type answer struct {
	header []byte
	parts  [][]byte
}

type completion struct {
	id     uint64
	answer answer
}

// operation answers one decoded request: any JSON-able result and raw parts.
type operation func(ctx context.Context, request *request) (result any, parts [][]byte, err error)

// table runs operations and keeps what has finished until Python takes it.
type table struct {
	named map[string]operation

	poisoned atomic.Pointer[failure] // set by a panic; every later request gets it

	mutex       sync.Mutex
	running     map[uint64]context.CancelFunc
	finished    []completion
	droppedLogs int
	read        *os.File
	write       *os.File
	signalled   bool // a byte is in the pipe that complete has not taken
}

var operations = &table{running: map[uint64]context.CancelFunc{}}

func init() {
	operations.named = map[string]operation{
		"open":                  openSession,
		"close":                 closeSession,
		"versions":              versions,
		"log_level":             setLogLevel,
		"fetch":                 fetch,
		"parse_reference":       parseReferenceOperation,
		"short_name_candidates": shortNameCandidatesOperation,
		"pull_sources":          pullSourcesOperation,
		"credentials_for":       credentialsForOperation,
		"choose_instance":       chooseInstanceOperation,
		"check_manifest":        checkManifestOperation,
		"check_config":          checkConfigOperation,
		"parse_challenges":      parseChallengesOperation,
		"panic":                 func(context.Context, *request) (any, [][]byte, error) { panic("asked for by a test") },
	}
}

// call runs a request to its end on the caller's own thread. It has no id, and nobody can cancel it.
func (t *table) call(body []byte) answer {
	return t.run(context.Background(), 0, body)
}

// submit starts a request in a goroutine, under the id that the caller chose.
func (t *table) submit(id uint64, body []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	t.mutex.Lock()
	t.running[id] = cancel
	t.mutex.Unlock()
	go func() {
		defer cancel()
		t.finish(id, t.run(ctx, id, body))
	}()
}

// reject answers a request that could not even be started.
func (t *table) reject(id uint64, why answer) {
	t.mutex.Lock()
	t.running[id] = func() {}
	t.mutex.Unlock()
	t.finish(id, why)
}

func (t *table) cancel(id uint64) {
	t.mutex.Lock()
	cancel := t.running[id]
	t.mutex.Unlock()
	if cancel != nil {
		cancel()
	}
}

// run decodes a request and answers it; a panic poisons the library and becomes an error.
func (t *table) run(ctx context.Context, id uint64, body []byte) (reply answer) {
	defer func() {
		if cause := recover(); cause != nil {
			reply = failed(t.poison(panicked(cause, debug.Stack())))
		}
	}()
	if poison := t.poisoned.Load(); poison != nil {
		return failed(poison)
	}
	request, err := decodeRequest(body)
	if err != nil {
		return failed(err)
	}
	run, known := t.named[request.Operation]
	if !known {
		return failed(&failure{Code: codeBackend, Message: "the library has no operation " + request.Operation})
	}
	if request.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(request.Timeout*float64(time.Second)))
		defer cancel()
	}
	defer t.abandon(ctx, id)()
	result, parts, err := run(ctx, request)
	if err != nil {
		return failed(classify(ctx, err))
	}
	header, err := json.Marshal(map[string]any{"result": result})
	if err != nil {
		return failed(&failure{Code: codeBackend, Message: "encoding a result: " + err.Error()})
	}
	return answer{header: header, parts: parts}
}

// abandonAfter is how long an operation may take to notice that its context is done. containers/image runs credential
// helpers and reads files without looking at one.
const abandonAfter = 100 * time.Millisecond

// abandon answers for an operation whose context was done for so long; what it comes to later is dropped. The function
// it returns ends that watch.
func (t *table) abandon(ctx context.Context, id uint64) (stop func() bool) {
	return afterDone(ctx, func() { t.finish(id, failed(classify(ctx, ctx.Err()))) })
}

// afterDone calls what abandonAfter later than ctx is done, unless it is stopped before ctx is.
func afterDone(ctx context.Context, what func()) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		time.AfterFunc(abandonAfter, func() {
			defer poisonOnPanic()
			what()
		})
	})
}

// poison records the first panic: after one, nothing that the library says should be trusted.
func (t *table) poison(cause *failure) *failure {
	t.poisoned.CompareAndSwap(nil, cause)
	return cause
}

func poisonOnPanic() {
	if cause := recover(); cause != nil {
		operations.poison(panicked(cause, debug.Stack()))
	}
}

// finish queues an operation's first reply, and drops any other, and makes the descriptor readable.
func (t *table) finish(id uint64, reply answer) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if _, running := t.running[id]; !running {
		return
	}
	delete(t.running, id)
	t.finished = append(t.finished, completion{id, reply})
	t.signal()
}

// signal writes at most one byte that has not been taken yet, so that the pipe can never be full.
func (t *table) signal() {
	if t.write == nil || t.signalled {
		return
	}
	t.signalled = true
	_, _ = t.write.Write([]byte{1})
}

// descriptor returns the pipe's read end, made on first use.
func (t *table) descriptor() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.read == nil {
		read, write, err := os.Pipe()
		if err != nil {
			return -1
		}
		t.read, t.write = read, write
		if len(t.finished) > 0 {
			t.signal()
		}
	}
	return int(t.read.Fd())
}

// complete takes the oldest finished reply. Whoever reads the descriptor takes its byte first and then everything
// that is here: an empty queue is the moment at which a new byte is needed again.
func (t *table) complete() (completion, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.finished) == 0 {
		t.signalled = false
		t.finished = nil
		return completion{}, false
	}
	next := t.finished[0]
	t.finished[0] = completion{}
	t.finished = t.finished[1:]
	return next, true
}
