// Package failure says what went wrong: an error with a code, which Python turns into one of its exceptions.
//
// It is not for deciding what to do about one. See classify.go for errors that others made, messages.go for what of a
// stranger's words gets into a message.
package failure

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/BurntSushi/toml"
)

// The codes are those of pycoco/errors.py.
const (
	CodeInvalidReference    = "invalid_reference"
	CodeShortName           = "short_name"
	CodeConfiguration       = "configuration"
	CodeCredentials         = "credentials"
	CodeRegistry            = "registry"
	CodeNotFound            = "not_found"
	CodeUnauthorized        = "unauthorized"
	CodeDenied              = "denied"
	CodeRateLimited         = "rate_limited"
	CodeUnavailable         = "unavailable"
	CodeBlocked             = "blocked"
	CodeManifest            = "manifest"
	CodeDigestMismatch      = "digest_mismatch"
	CodeAmbiguousManifest   = "ambiguous_manifest"
	CodeUnsupportedManifest = "unsupported_manifest"
	CodeNoMatchingPlatform  = "no_matching_platform"
	CodeNotAnImage          = "not_an_image"
	CodeTooLarge            = "too_large"
	CodePolicyRejected      = "policy_rejected"
	CodeLayout              = "layout"
	CodeTimeout             = "timeout"
	CodeCancelled           = "cancelled"
	CodeBackend             = "backend"
)

// Error is an error with a code, and what pycoco/errors.py keeps beside it.
type Error struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Status    int    `json:"status,omitempty"`
	SpecCode  string `json:"spec_code,omitempty"`
	URL       string `json:"url,omitempty"`
	Retryable bool   `json:"retryable,omitempty"`

	RetryAfter *float64          `json:"retry_after,omitempty"` // seconds
	RateLimit  map[string]string `json:"rate_limit,omitempty"`  // RateLimit headers, their names in lower case

	// What pycoco/backends/registry_errors.py makes the message of; Kind is "" where the message is pycoco's own.
	Kind        string `json:"kind,omitempty"`
	Detail      string `json:"detail,omitempty"`      // the registry's own words, or upstream's
	Mirrors     string `json:"mirrors,omitempty"`     // what failed at the mirrors before
	Registry    string `json:"registry,omitempty"`    // its host
	Proxy       string `json:"proxy,omitempty"`       // HOST:PORT of the proxy on the way to what cannot be reached
	Credentials string `json:"credentials,omitempty"` // "given", "registry_token" or where found: what a refused request was sent with
	Note        string `json:"note,omitempty"`        // what was passed over where none were found

	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`

	// Of a top-level manifest that was read, and verified, before it turned out to be of no use.
	Digest      string `json:"digest,omitempty"`
	MediaType   string `json:"media_type,omitempty"`
	RawManifest []byte `json:"raw_manifest,omitempty"` // base64

	cause error // of an error that others made
}

func (f *Error) Error() string { return f.Message }

// quotedFile finds the file's name, which sysregistriesv2's own wrapping quotes, when only its text reaches us.
var quotedFile = regexp.MustCompile(`(?:configuration|aliases config file) "([^"]+)"`)

// InConfiguration is about what the host is configured to, with the file and the line where the error tells them.
func InConfiguration(err error) error {
	found := &Error{Code: CodeConfiguration, Message: OneSentence(err.Error())}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		found.Line = parse.Position.Line
	}
	if match := quotedFile.FindStringSubmatch(err.Error()); match != nil {
		found.File = match[1]
	}
	return found
}

// InCredentials is about credentials that are there and cannot be read.
func InCredentials(err error) error {
	return &Error{Code: CodeCredentials, Message: "the credentials cannot be read: " + OneSentence(err.Error())}
}

// Unavailable is about a transfer that failed while doing something.
func Unavailable(doing string, err error) error {
	if classified := OfText(err, err.Error()); classified != nil {
		return classified
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return &Error{Code: CodeUnavailable, Message: doing + ": " + OneSentence(err.Error()), Retryable: true, cause: err}
}

// TooLarge is about what is refused for its size in bytes.
func TooLarge(what string, limit int) *Error {
	return &Error{Code: CodeTooLarge, Message: fmt.Sprintf("%s is larger than %d bytes; it is refused", what, limit)}
}

// Mismatch is about bytes that are not those that a digest names.
func Mismatch(what, wanted, got string) *Error {
	return &Error{Code: CodeDigestMismatch, Message: fmt.Sprintf("%s has the digest %s, not %s by which it was asked for; do not use it", what, got, wanted)}
}
