// What is told of a failed request beside its class: where it went, and which sentence of
// pycoco/backends/registry_errors.py says what became of it.
//
// Both backends say the same sentence. What upstream says reaches the message in brackets.

package failure

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/docker/distribution/registry/api/errcode"
)

// Request is the last one that an operation made.
type Request struct {
	URL      string // redacted
	Registry string // the host of the registry that it was made for
	Status   int    // of the answer, 0 where there was none
	Proxy    string // HOST:PORT of the proxy on the way, "" for none
	Stopped  bool   // whether it did not get past the proxy
}

// detailLimit bounds what of a registry's own words stands in brackets, as in distribution_error.py.
const detailLimit = 200

// lasting are the kinds for which the same call will not succeed later (registry_errors.LASTING).
var lasting = map[string]bool{
	"authority": true, "expired": true, "other_name": true, "not_tls": true, "client_certificate": true,
	"redirects": true, "scheme": true,
}

// About adds to an error what is known of the request that failed.
func (f *Error) About(request Request) *Error {
	told := *f
	switch f.Code {
	case CodeTooLarge:
		if limit := exceeded.FindStringSubmatch(told.text()); limit != nil && request.URL != "" {
			told.Kind, told.Detail, told.URL = "too_large", limit[1], request.URL
		}
		return &told
	case CodeRegistry, CodeNotFound, CodeUnauthorized, CodeDenied, CodeRateLimited, CodeUnavailable:
	default:
		return f
	}
	if told.Registry == "" {
		told.Registry = request.Registry
	}
	if f.Kind == "" && told.URL == "" && request.URL != "" {
		told.URL, told.Proxy = request.URL, request.Proxy
		told.Kind, told.Detail = told.said(request)
		told.Retryable = told.Retryable && !lasting[told.Kind]
	}
	if told.Kind == "answer" {
		told.Status = request.Status // of an error in a body upstream keeps the code alone
	}
	if mirrors := strings.TrimSuffix(told.text(), ownText(told.cause)); told.Kind != "" && strings.HasPrefix(mirrors, mirrorsFailed) {
		told.Mirrors = OneSentence(strings.TrimSuffix(strings.TrimPrefix(mirrors, mirrorsFailed), "): "))
	}
	return &told
}

// said is the kind of sentence, and what stands in brackets.
func (f *Error) said(request Request) (kind, detail string) {
	switch {
	case f.cause == nil:
		return "", ""
	case f.Status != 0 && request.Status != 0:
		return "answer", ofRegistrysWords(f.cause)
	case strings.Contains(f.text(), "decoding bearer token"):
		return "token", ofToken(f.cause)
	case f.Code != CodeUnavailable:
		return "", ""
	case strings.Contains(f.text(), "stopped after 10 redirects"): // net/http defaultCheckRedirect
		return "redirects", ""
	case strings.Contains(f.text(), "unsupported protocol scheme"): // net/http Transport.roundTrip
		return "scheme", ""
	case request.Status != 0:
		return "body", innermost(f.cause)
	}
	if request.Stopped {
		return "proxy", ofProxy(f.cause)
	}
	return unreachable(f.cause), innermost(f.cause)
}

// ofToken says what of a token server's answer is not what it should be, and nothing of the answer itself, as
// pycoco/backends/python/registry/token.py does.
func ofToken(err error) string {
	var (
		kind *json.UnmarshalTypeError
		time *time.ParseError
	)
	if errors.As(err, &time) {
		return "issued_at is no time" // the only one there is
	}
	if errors.As(err, &kind) {
		for _, name := range []string{"token", "access_token", "expires_in", "issued_at"} {
			if strings.EqualFold(kind.Field, name) { // it is told as the answer has it
				return name + " is " + noneOf(kind)
			}
		}
	}
	return "it is not the JSON object that it should be"
}

// noneOf says what the value of a token's field is not.
func noneOf(kind *json.UnmarshalTypeError) string {
	number, isNumber := strings.CutPrefix(kind.Value, "number")
	switch {
	case kind.Type.Kind() != reflect.Int:
		return "no string"
	case !isNumber:
		return "no number"
	case strings.ContainsAny(number, ".eE"):
		return "no whole number"
	}
	return "out of range"
}

// ofProxy says what became of the request to a proxy.
func ofProxy(err error) string {
	var connecting *net.OpError
	if !errors.As(err, &connecting) || connecting.Op != "proxyconnect" {
		return "it does not open a tunnel: " + innermost(err)
	}
	if said := connecting.Err.Error(); strings.HasPrefix(said, refusedByProxy) {
		return "it " + said
	}
	return "it cannot be reached: " + innermost(connecting.Err)
}

// refusedByProxy is what our change of containers/image (CHANGES in golang.py) says of a proxy's answer.
const refusedByProxy = "answers with status "

// exceeded is what internal/iolimits says.
var exceeded = regexp.MustCompile(`exceeded maximum allowed size of (\d+) bytes`)

// unreachable is a key of registry_errors.UNREACHABLE, or "unreachable" for another reason.
func unreachable(err error) string {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		remote    *net.OpError
		name      *net.DNSError
	)
	switch {
	case errors.As(err, &authority):
		return "authority"
	case errors.As(err, &hostname):
		return "other_name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "not_tls"
	case errors.As(err, &remote) && remote.Op == "remote error" && strings.Contains(remote.Err.Error(), "certificate required"):
		return "client_certificate" // crypto/tls alert has no exported name
	case errors.As(err, &name) && name.IsNotFound:
		return "no_host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "http: server closed idle connection"): // net/http errServerClosedIdle
		return "closed"
	}
	return "unreachable"
}

// innermost is what the last of the errors that a request's is made of says: the URL is told already.
func innermost(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return OneSentence(err.Error())
}

// ofRegistrysWords is what the first error in an answer's body says.
func ofRegistrysWords(err error) string {
	var coder errcode.ErrorCoder
	if !errors.As(err, &coder) {
		return ""
	}
	code, message := coder.ErrorCode().Descriptor().Value, coder.ErrorCode().Descriptor().Message
	if own, ok := coder.(errcode.Error); ok {
		message = bounded(OneSentence(own.Message), detailLimit)
	}
	if message == "" {
		return code
	}
	return code + ": " + message
}

// text is what the error that others made says, "" where there is none.
func (f *Error) text() string {
	if f.cause == nil {
		return ""
	}
	return f.cause.Error()
}
