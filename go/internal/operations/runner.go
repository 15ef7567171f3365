// Pure operations run at once, network operations as goroutines whose replies go to whoever started them.
//
// Each runs with a recover of its own, since a panic in a goroutine would end the whole process.

package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/process"
)

// Runner runs operations and hands each one's reply to deliver, once.
type Runner struct {
	deliver func(Reply)
	named   map[string]operation

	mutex   sync.Mutex
	running map[uint64]context.CancelFunc
}

// NewRunner makes a runner; deliver is called from many goroutines and must not block.
func NewRunner(deliver func(Reply)) *Runner {
	return &Runner{deliver: deliver, named: named(), running: map[uint64]context.CancelFunc{}}
}

// Call runs a request to its end on the caller's own thread. It has no id, and nobody can cancel it.
func (r *Runner) Call(body []byte) Answer {
	return r.run(context.Background(), 0, body)
}

// Submit starts a request in a goroutine, under the id that the caller chose.
func (r *Runner) Submit(id uint64, body []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	r.mutex.Lock()
	r.running[id] = cancel
	r.mutex.Unlock()
	go func() {
		defer cancel()
		r.finish(id, r.run(ctx, id, body))
	}()
}

// Reject answers a request that could not even be started.
func (r *Runner) Reject(id uint64, why Answer) {
	r.mutex.Lock()
	r.running[id] = func() {}
	r.mutex.Unlock()
	r.finish(id, why)
}

// Cancel ends an operation soon; its reply still comes.
func (r *Runner) Cancel(id uint64) {
	r.mutex.Lock()
	cancel := r.running[id]
	r.mutex.Unlock()
	if cancel != nil {
		cancel()
	}
}

// run decodes a request and answers it; a panic becomes an error.
func (r *Runner) run(ctx context.Context, id uint64, body []byte) (answer Answer) {
	defer func() {
		if cause := recover(); cause != nil {
			answer = Panicked(cause)
		}
	}()
	if poison := poisoned.Load(); poison != nil {
		return failed(poison)
	}
	request := common{}
	if err := json.Unmarshal(body, &request); err != nil {
		return failed(unreadable(err))
	}
	run, known := r.named[request.Operation]
	if !known {
		return failed(&failure.Error{Code: failure.CodeBackend, Message: "the library has no operation " + request.Operation})
	}
	if request.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(request.Timeout*float64(time.Second)))
		defer cancel()
	}
	if request.Observe {
		ctx = process.WithExchanges(ctx, func(seen process.Exchange) { r.deliver(exchangeRecord(id, seen)) })
	}
	ctx = process.WithLast(ctx)
	defer r.abandon(ctx, id)()
	result, parts, err := run(ctx, body)
	if err != nil {
		return failed(process.About(ctx, err))
	}
	header, err := json.Marshal(map[string]any{"result": result})
	if err != nil {
		return failed(&failure.Error{Code: failure.CodeBackend, Message: "encoding a result: " + err.Error()})
	}
	return Answer{Header: header, Parts: parts}
}

// abandonAfter is how long an operation may take to notice that its context is done. containers/image runs credential
// helpers and reads files without looking at one.
const abandonAfter = 100 * time.Millisecond

// abandon answers for an operation whose context was done for so long; what it comes to later is dropped. The function
// it returns ends that watch.
func (r *Runner) abandon(ctx context.Context, id uint64) (stop func() bool) {
	return afterDone(ctx, func() { r.finish(id, failed(failure.Classify(ctx, ctx.Err()))) })
}

// afterDone calls what abandonAfter later than ctx is done, unless it is stopped before ctx is.
func afterDone(ctx context.Context, what func()) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		time.AfterFunc(abandonAfter, func() {
			defer PoisonOnPanic()
			what()
		})
	})
}

// finish delivers an operation's first reply, and drops any other.
func (r *Runner) finish(id uint64, answer Answer) {
	r.mutex.Lock()
	_, running := r.running[id]
	delete(r.running, id)
	r.mutex.Unlock()
	if running {
		r.deliver(Reply{id, answer})
	}
}

// failed is the answer that carries an error.
func failed(err error) Answer {
	found := *failure.Classify(context.Background(), err)
	found.Message = failure.Bounded(found.Message)
	header, _ := json.Marshal(map[string]failure.Error{"error": found})
	return Answer{Header: header}
}

// poisoned is set by the first panic in the process: after one, nothing that pycoco's Go code says should be trusted.
var poisoned atomic.Pointer[failure.Error]

// Poisoned tells of the first panic; nil if there was none.
func Poisoned() error {
	if cause := poisoned.Load(); cause != nil {
		return cause
	}
	return nil
}

// Panicked records a panic that was recovered, and answers for what it ended. The stack goes to the log, not to the error.
func Panicked(cause any) Answer {
	logrus.Errorf("panic in the Go library: %v\n%s", cause, debug.Stack())
	recorded := &failure.Error{
		Code: failure.CodeBackend,
		Message: fmt.Sprintf("the Go library panicked (%v) and is not used any further in this process; "+
			"please report it with the log, and use backend=\"python\" meanwhile", cause),
	}
	poisoned.CompareAndSwap(nil, recorded)
	return failed(recorded)
}

// PoisonOnPanic is deferred where there is nobody to answer.
func PoisonOnPanic() {
	if cause := recover(); cause != nil {
		Panicked(cause)
	}
}
