// Asking again when a token server has too many requests.
//
// containers/image asks a registry again after a 429, five times in all (docker/docker_client.go
// makeRequestToResolvedURL), but takes the first one of a token server for an answer, whose Retry-After it does not hand
// on either. Everything else is asked as often as containers/image asks.

package images

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
)

// As makeRequestToResolvedURL has them.
const (
	backoffAttempts     = 5
	backoffInitialDelay = 2 * time.Second
)

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
		logrus.Debugf("too many requests to a token server, waiting %s", delay)
		if err := pause(ctx, delay); err != nil {
			return err
		}
		delay *= 2 // 2, 4, 8 and 16 seconds: never as long as upstream's cap
	}
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
