// Package ratelimit holds one client's brake for each registry: who is told that there are too many requests tells
// everybody else of the client, and nobody waits for longer than there is time.
//
// While a registry is limited, one operation at a time finds out whether it still is; the others wait for its answer.
// The rule is that of pycoco/backends/python/registry/brake.py, and the delays are containers/image's own
// (docker/docker_client.go makeRequestToResolvedURL).
package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// strikesLimit is how many answers in a row may be 429 before all that wait give up: upstream's backoffNumIterations.
const strikesLimit = 5

// Brakes are one client's.
type Brakes struct {
	mutex   sync.Mutex
	limited map[string]*brake // by host
}

// brake is one registry's, from its first 429 until it answers otherwise.
type brake struct {
	until   time.Time
	strikes int
	asking  *Operation    // the one that finds out
	changed chan struct{} // closed, and replaced, when one of the others may go on
	gaveUp  bool
	headers map[string]string
}

// Operation is one of the client's, for which it asks registries.
type Operation struct {
	ctx    context.Context
	brakes *Brakes

	advice  *float64
	headers map[string]string
}

// NewOperation begins one; End must be called when it is over.
func (b *Brakes) NewOperation(ctx context.Context) *Operation { return &Operation{ctx: ctx, brakes: b} }

// End lets another operation ask where this one was to find out.
func (o *Operation) End() {
	o.brakes.mutex.Lock()
	defer o.brakes.mutex.Unlock()
	for _, each := range o.brakes.limited {
		if each.asking == o {
			each.release()
		}
	}
}

// Admit waits until a host may be asked. It returns an error where that would take longer than the operation has.
func (o *Operation) Admit(host string) error {
	o.brakes.mutex.Lock()
	found := o.brakes.limited[host]
	for {
		now := time.Now()
		switch {
		case found == nil, o.brakes.limited[host] != found && !found.gaveUp: // it answers again
			o.brakes.mutex.Unlock()
			return nil
		case found.gaveUp:
			o.brakes.mutex.Unlock()
			return found.refusal(host)
		case !now.Before(found.until) && (found.asking == nil || found.asking == o):
			found.asking = o
			o.brakes.mutex.Unlock()
			return nil
		}
		if o.outOfTime(found) {
			o.brakes.mutex.Unlock()
			return found.refusal(host)
		}
		changed, timer := found.changed, time.NewTimer(max(time.Until(found.until), 0))
		if !now.Before(found.until) {
			timer.Stop() // another one is finding out
		}
		o.brakes.mutex.Unlock()
		select {
		case <-o.ctx.Done():
			timer.Stop()
			return o.ctx.Err()
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
		o.brakes.mutex.Lock()
	}
}

// Answered takes note of a host's answer; wait is how long upstream would wait after it if it is 429. It tells whether
// that answer is the last: it was one refusal too many, or the operation has no time for the wait.
func (o *Operation) Answered(answer *http.Response, wait time.Duration) (last bool) {
	host := answer.Request.URL.Host
	o.brakes.mutex.Lock()
	defer o.brakes.mutex.Unlock()
	found := o.brakes.limited[host]
	if answer.StatusCode != http.StatusTooManyRequests {
		if found != nil && (found.asking == o || !time.Now().Before(found.until)) {
			delete(o.brakes.limited, host)
			found.release()
		}
		return false
	}
	if found == nil {
		found = &brake{changed: make(chan struct{})}
		if o.brakes.limited == nil {
			o.brakes.limited = map[string]*brake{}
		}
		o.brakes.limited[host] = found
	}
	if found.asking == o || found.strikes == 0 {
		found.strikes++
	}
	if until := time.Now().Add(wait); until.After(found.until) {
		found.until = until
	}
	o.advice, o.headers = RetryAfter(answer.Header.Get("Retry-After")), Limits(answer.Header)
	found.headers = o.headers
	if found.strikes >= strikesLimit { // once the wait is over, one more may try
		found.gaveUp = true
		o.brakes.limited[host] = &brake{
			until: found.until, strikes: strikesLimit - 1, changed: make(chan struct{}), headers: found.headers,
		}
	}
	found.release()
	return found.gaveUp || o.outOfTime(found)
}

// Telling adds to an error what the last 429 advised, which upstream does not tell.
func (o *Operation) Telling(err error) error {
	found := failure.Classify(o.ctx, err)
	if found.Code != failure.CodeRateLimited || found.RetryAfter != nil {
		return err
	}
	told := *found
	told.RetryAfter, told.RateLimit = o.advice, o.headers
	return &told
}

// RetryAfter is what such a header says in seconds, nil where it says nothing (docker_client.go parseRetryAfter).
func RetryAfter(header string) *float64 {
	seconds := 0.0
	if number, err := strconv.ParseInt(header, 10, 64); err == nil {
		seconds = float64(max(number, 0))
	} else if date, err := http.ParseTime(header); err == nil && time.Until(date) > 0 {
		seconds = time.Until(date).Seconds()
	} else {
		return nil
	}
	return &seconds
}

func (o *Operation) outOfTime(found *brake) bool {
	deadline, limited := o.ctx.Deadline()
	return limited && found.until.After(deadline)
}

// release lets one of those who wait go on. The mutex is held.
func (b *brake) release() {
	b.asking = nil
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *brake) refusal(host string) error {
	wait := max(time.Until(b.until).Seconds(), 0)
	return &failure.Error{
		Code: failure.CodeRateLimited, Status: http.StatusTooManyRequests, SpecCode: "TOOMANYREQUESTS", Registry: host,
		Retryable: true, RetryAfter: &wait, RateLimit: b.headers,
		Message: fmt.Sprintf("%s has answered with status 429, too many requests, and is not asked again for %.1f seconds; try again later, or log in where that allows more", host, wait),
	}
}

var (
	limitName = regexp.MustCompile(`^((x-)?ratelimit(-[a-z0-9-]{1,50})?|docker-ratelimit-source)$`)
	notPlain  = regexp.MustCompile(`[^ -~]`)
)

// Limits are what RateLimit headers say by their names in lower case, by the rule of rate_limit_of in
// pycoco/backends/exchange.py; nil where there are none.
func Limits(header http.Header) map[string]string {
	var found map[string]string
	for _, name := range slices.Sorted(maps.Keys(header)) {
		low := strings.ToLower(name)
		if len(found) == 10 || !limitName.MatchString(low) {
			continue
		}
		if at := slices.IndexFunc(header[name], func(value string) bool { return !notPlain.MatchString(value) }); at >= 0 {
			if found == nil {
				found = map[string]string{}
			}
			found[low] = header[name][at][:min(len(header[name][at]), 200)]
		}
	}
	return found
}
