// Requests and their answers, told to whoever asked to see them.

package process

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/pycoco/pycoco/go/internal/ratelimit"
)

// Exchange is one request and its answer. Status is 0 where none came; Bytes are the body's as far as it was read, and
// Seconds are until it was closed.
type Exchange struct {
	Method  string  `json:"method"`
	URL     string  `json:"url"`
	Status  int     `json:"status"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`

	RateLimit map[string]string `json:"rate_limit,omitempty"` // see ratelimit.Limits
}

// exchangeKey is a context's key that containers/image knows too, by its form: see CHANGES in golang.py, by which it
// hands every request over to the function under this key. A module that was not changed hands over none.
var exchangeKey = struct{ Exchange string }{"pycoco"}

type handOver = func(*http.Request, http.RoundTripper) (*http.Response, error)

// handed is what requests that are made with the context are handed over to so far.
func handed(ctx context.Context) handOver {
	if found, ok := ctx.Value(exchangeKey).(handOver); ok {
		return found
	}
	return func(request *http.Request, transport http.RoundTripper) (*http.Response, error) {
		return transport.RoundTrip(request)
	}
}

// WithExchanges lets take see the exchanges of requests that are made with the context.
func WithExchanges(ctx context.Context, take func(Exchange)) context.Context {
	return context.WithValue(ctx, exchangeKey, handOver(func(request *http.Request, transport http.RoundTripper) (*http.Response, error) {
		began := time.Now()
		seen := func(status int, bytes int64, limits map[string]string) {
			take(Exchange{request.Method, request.URL.String(), status, time.Since(began).Seconds(), bytes, limits})
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			seen(0, 0, nil)
			return nil, err
		}
		limits := ratelimit.Limits(response.Header)
		response.Body = &countedBody{ReadCloser: response.Body, closed: func(bytes int64) { seen(response.StatusCode, bytes, limits) }}
		return response, nil
	}))
}

// WithAnswers lets take see each answer to a request that is made with the context: its head, before anybody else has it.
func WithAnswers(ctx context.Context, take func(*http.Request, *http.Response)) context.Context {
	further := handed(ctx)
	return context.WithValue(ctx, exchangeKey, handOver(func(request *http.Request, transport http.RoundTripper) (*http.Response, error) {
		response, err := further(request, transport)
		if err == nil {
			take(request, response)
		}
		return response, err
	}))
}

// countedBody counts what is read of a body and says so once, when it is closed.
type countedBody struct {
	io.ReadCloser
	bytes  int64
	once   sync.Once
	closed func(bytes int64)
}

func (c *countedBody) Read(into []byte) (int, error) {
	count, err := c.ReadCloser.Read(into)
	c.bytes += int64(count)
	return count, err
}

func (c *countedBody) Close() error {
	err := c.ReadCloser.Close()
	c.once.Do(func() { c.closed(c.bytes) })
	return err
}
