// Asking again when a token server has too many requests.
//
// containers/image asks a registry again after a 429, five times in all (docker/docker_client.go
// makeRequestToResolvedURL), but takes the first one of a token server for an answer; a line of ours has it hand on the
// Retry-After (CHANGES in golang.py). Everything else is asked as often as containers/image asks.

package images

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/ratelimit"
)

// As makeRequestToResolvedURL has them.
const (
	backoffAttempts     = 5
	backoffInitialDelay = 2 * time.Second
	backoffMaxDelay     = 60 * time.Second
)

var toldRetryAfter = regexp.MustCompile(`\(Retry-After: ("(?:[^"\\]|\\.)*")\)`)

// openSource opens an image source, waiting and opening it anew while a token server is too busy.
func openSource(ctx context.Context, system *types.SystemContext, ref types.ImageReference) (source types.ImageSource, err error) {
	err = whileTokenServerIsBusy(ctx, func() error {
		source, err = ref.NewImageSource(ctx, system)
		return err
	})
	return source, err
}

// whileTokenServerIsBusy asks again while a token server is too busy: only a token request fails with
// ErrTooManyRequests (httpResponseToError in docker/errors.go).
func whileTokenServerIsBusy(ctx context.Context, ask func() error) error {
	delay := backoffInitialDelay
	for attempt := 1; ; attempt++ {
		err := ask()
		if attempt == backoffAttempts || !errors.Is(err, docker.ErrTooManyRequests) {
			return err
		}
		advice := advised(err)
		if advice != nil {
			delay = time.Duration(min(*advice, backoffMaxDelay.Seconds()) * float64(time.Second))
		}
		if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) <= delay {
			told := *failure.Classify(ctx, err)
			told.RetryAfter = advice
			return &told
		}
		logrus.Debugf("too many requests to a token server, waiting %s", delay)
		if err := pause(ctx, delay); err != nil {
			return err
		}
		delay = min(2*delay, backoffMaxDelay)
	}
}

// advised is what a token server's Retry-After says in seconds, nil where it says nothing.
func advised(err error) *float64 {
	told := toldRetryAfter.FindStringSubmatch(err.Error())
	if told == nil {
		return nil
	}
	header, err := strconv.Unquote(told[1])
	if err != nil {
		return nil
	}
	return ratelimit.RetryAfter(header)
}

type operationKey struct{}

// withOperation lets answers with 429 be taken note of, by a line of ours in makeRequestToResolvedURL (CHANGES in
// golang.py), and requests be held back.
func withOperation(ctx context.Context, operation *ratelimit.Operation) context.Context {
	ctx = context.WithValue(ctx, docker.ErrTooManyRequests, operation.Answered)
	return context.WithValue(ctx, operationKey{}, operation)
}

func operationOf(ctx context.Context) *ratelimit.Operation {
	return ctx.Value(operationKey{}).(*ratelimit.Operation)
}

// pause waits for so long, or returns the context's error as soon as that is done.
func pause(ctx context.Context, delay time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(delay):
		return nil
	}
}
