// Which reference to read, and when to ask again: what all that is read has in common.

package images

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker/reference"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/process"
)

const retryDelayLimit = 8 * time.Second

type fromRegistry[T any] func(ctx context.Context, named reference.Named) (T, error)

// patiently asks again, as often as the settings say, while a registry cannot be reached or fails; never so late that
// the operation's deadline would pass. Both twins follow this rule.
func patiently[T any](ctx context.Context, r reader, text string, read fromRegistry[T]) (T, error) {
	var none T
	operation := r.Brakes.NewOperation(ctx)
	defer operation.End()
	ctx = r.Connections.With(withOperation(ctx, operation))
	for delay, left := time.Second, r.Settings.Retries; ; delay, left = min(2*delay, retryDelayLimit), left-1 {
		found, err := fromCandidates(ctx, r, text, read)
		if err == nil {
			return found, nil
		}
		told := process.About(ctx, operation.Telling(err))
		if left <= 0 || told.Code != failure.CodeUnavailable || !told.Retryable {
			return found, r.telling(ctx, text, told)
		}
		err = told
		if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) <= delay {
			return none, err
		}
		logrus.Infof("reading %s failed and is tried again in %s: %v", text, delay, err)
		if err := pause(ctx, delay); err != nil {
			return none, err
		}
	}
}

// telling adds to a refusal what it was asked with.
func (r reader) telling(ctx context.Context, text string, found *failure.Error) error {
	if found.Code != failure.CodeUnauthorized && found.Code != failure.CodeDenied {
		return found
	}
	candidates, err := r.Candidates(text)
	if err != nil {
		return found
	}
	named := candidates[len(candidates)-1].Named
	source := named
	if sources, err := configuration.PullSources(r.SystemContext(nil), named); err == nil && found.Registry != hostOf(named) {
		source = sources[len(sources)-1].Named // registries.conf has another location for it
	}
	told := *found
	told.Credentials, told.Note = r.AskedWith(named, source, process.AskedWithNothing(ctx))
	return &told
}

// fromCandidates tries the candidates one after the other; like CRI-O's (server/image_pull.go), it reports the last
// one's error.
func fromCandidates[T any](ctx context.Context, r reader, text string, read fromRegistry[T]) (T, error) {
	var none T
	parsed, err := configuration.ParseReference(text)
	if err != nil {
		return none, err
	}
	if parsed.Transport != "docker" {
		return none, configuration.InvalidReference(parsed.Text, "a local layout is read by the package, not by its library")
	}
	candidates, err := r.Candidates(text)
	if err != nil {
		return none, err
	}
	var lastErr error
	for _, each := range candidates {
		found, err := read(ctx, each.Named)
		if err == nil {
			return found, nil
		}
		lastErr = err
		if ctx.Err() != nil {
			break
		}
	}
	return none, lastErr
}
