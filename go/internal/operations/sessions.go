// Sessions: one client's settings, opened once, and what every operation of that client finds in force.

package operations

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.podman.io/image/v5/pkg/sysregistriesv2"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/process"
)

// configurationAge is how long a read configuration is trusted: a change to a file is seen by operations that start
// this much later. Both twins follow this rule.
const configurationAge = time.Second

type session struct {
	host        *configuration.Host
	environment *process.Environment

	ctx   context.Context // done when the session is closed
	close context.CancelFunc

	running atomic.Int64 // operations
}

var (
	sessionID atomic.Uint64
	sessions  sync.Map // uint64 → *session

	configurationStale atomic.Bool
	configurationRead  time.Time
	configurationMutex sync.Mutex
)

type settingsRequest struct {
	common
	Settings *configuration.Settings `json:"settings"`
}

func openSession(_ context.Context, request *settingsRequest) (any, [][]byte, error) {
	if request.Settings == nil {
		return nil, nil, &failure.Error{Code: failure.CodeBackend, Message: "a session needs settings"}
	}
	host, err := configuration.NewHost(request.Settings)
	if err != nil {
		return nil, nil, err
	}
	opened := &session{host: host, environment: process.NewEnvironment(request.Settings.Environ)}
	opened.ctx, opened.close = context.WithCancel(context.Background())
	configurationStale.Store(true) // a new client sees the configuration as it is now; whoever reads it has the lock
	id := request.Session          // Python's own number, behind a pipe: it opens the session again in a program started later
	if id == 0 {
		id = sessionID.Add(1)
	}
	sessions.Store(id, opened)
	return map[string]uint64{"session": id}, nil, nil
}

func closeSession(_ context.Context, request *common) (any, [][]byte, error) {
	if closing, ok := sessions.LoadAndDelete(request.Session); ok {
		closed := closing.(*session)
		closed.close()
		closed.host.Connections.CloseIdle()
	}
	return map[string]any{}, nil, nil
}

func findSession(id uint64) (*session, error) {
	found, ok := sessions.Load(id)
	if !ok {
		return nil, &failure.Error{Code: failure.CodeCancelled, Message: "the client is closed"}
	}
	return found.(*session), nil
}

// enter puts the session's environment in force and makes sure that configuration is not older than configurationAge.
// The context it returns is done when the operation or the whole session is.
func (s *session) enter(ctx context.Context) (context.Context, func(), error) {
	joined, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() {
		cancel(&failure.Error{Code: failure.CodeCancelled, Message: "the client was closed while this ran"})
	})
	leave, err := s.environment.Enter(joined)
	if err != nil {
		stop()
		defer cancel(nil)
		return nil, nil, context.Cause(joined)
	}
	// An operation that does not notice its end (see abandonAfter) must not keep other clients out. What it does with
	// another environment in force is harmless: nobody takes its answer and its network calls fail.
	leave = sync.OnceFunc(leave)
	unwatch := afterDone(joined, leave)
	configurationMutex.Lock()
	if now := time.Now(); configurationStale.Swap(false) || now.Sub(configurationRead) > configurationAge {
		configurationRead = now
		sysregistriesv2.InvalidateCache()
	}
	configurationMutex.Unlock()
	s.running.Add(1)

	return joined, func() {
		unwatch()
		stop()
		cancel(nil)
		leave()
		// What was cancelled leaves connections behind that it was still making, and the next image may never come.
		if left := s.running.Add(-1); s.ctx.Err() != nil || left == 0 && ctx.Err() != nil {
			s.host.Connections.CloseIdle()
		}
	}, nil
}
