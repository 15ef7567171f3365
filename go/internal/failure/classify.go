// Any error as a failure: whose type tells what it is, or, as the last resort, whose text does.
//
// Where containers/image gives an error a type, the type decides. Where it gives only a text, either the stage at fault
// is run again by itself to see whether it fails (diagnose in package images), or the pinned version's text is matched
// here, in one table that failures_test.go of package images holds to the pinned version.

package failure

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"reflect"
	"strings"
	"syscall"

	"github.com/docker/distribution/registry/api/errcode"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
)

// Classify gives any error a code. It looks at the outermost cause first: an operation that was cancelled or ran out of
// time fails with whatever its network call made of that.
func Classify(ctx context.Context, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	message := OneSentence(err.Error())
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: "the operation's timeout passed: " + message}
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Code: CodeCancelled, Message: "the operation was cancelled"}
	}
	for _, recognise := range []func(error, string) *Error{ofImage, ofPolicy, OfRegistry, OfNetwork, OfText} {
		if found := recognise(err, message); found != nil {
			found.cause = err
			return found
		}
	}
	return &Error{Code: CodeRegistry, Message: message, cause: err}
}

func ofImage(err error, message string) *Error {
	var artifact manifest.NonImageArtifactError
	if errors.As(err, &artifact) {
		return &Error{Code: CodeNotAnImage, Message: message}
	}
	return nil
}

func ofPolicy(err error, message string) *Error {
	var requirement signature.PolicyRequirementError
	var invalid signature.InvalidSignatureError
	var format signature.InvalidPolicyFormatError
	switch {
	case errors.As(err, &requirement), errors.As(err, &invalid):
		return &Error{Code: CodePolicyRejected, Message: message}
	case errors.As(err, &format):
		return &Error{Code: CodeConfiguration, Message: message}
	}
	return nil
}

// OfRegistry reads what docker/distribution_error.go and docker/errors.go make of a response.
func OfRegistry(err error, message string) *Error {
	var coder errcode.ErrorCoder
	if errors.As(err, &coder) {
		return ofSpecCode(coder, message)
	}
	var credentials docker.ErrUnauthorizedForCredentials
	if errors.As(err, &credentials) {
		return &Error{Code: CodeUnauthorized, Message: message, Status: 401}
	}
	if errors.Is(err, docker.ErrTooManyRequests) {
		return &Error{Code: CodeRateLimited, Message: message, Status: 429, Retryable: true}
	}
	var unexpected docker.UnexpectedHTTPStatusError
	if errors.As(err, &unexpected) {
		return ofStatus(unexpected.StatusCode, message)
	}
	if status := statusOfUnparsedResponse(err); status != 0 {
		return ofStatus(status, message)
	}
	return nil
}

func ofSpecCode(coder errcode.ErrorCoder, message string) *Error {
	found := &Error{Code: CodeRegistry, Message: message, SpecCode: coder.ErrorCode().Descriptor().Value}
	switch found.SpecCode {
	case "UNAUTHORIZED":
		found.Code, found.Status = CodeUnauthorized, 401
	case "DENIED":
		found.Code, found.Status = CodeDenied, 403
	case "TOOMANYREQUESTS":
		found.Code, found.Status, found.Retryable = CodeRateLimited, 429, true
	case "NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN":
		found.Code, found.Status = CodeNotFound, 404
	case "UNAVAILABLE":
		found.Code, found.Status, found.Retryable = CodeUnavailable, 503, true
	case "UNKNOWN":
		// Harbor and registry.redhat.io say only this much (docker_client.go isManifestUnknownError).
		// The message may tell of mirrors too; this registry's own words count.
		if own, ok := coder.(errcode.Error); ok && strings.Contains(strings.ToLower(own.Message), "not found") {
			found.Code, found.Status = CodeNotFound, 404
		}
	}
	return found
}

func ofStatus(status int, message string) *Error {
	found := &Error{Code: CodeRegistry, Message: message, Status: status}
	switch {
	case status == 401:
		found.Code = CodeUnauthorized
	case status == 403:
		found.Code = CodeDenied
	case status == 404:
		found.Code = CodeNotFound
	case status == 429:
		found.Code, found.Retryable = CodeRateLimited, true
	case status >= 500:
		found.Code, found.Retryable = CodeUnavailable, true
	}
	return found
}

// statusOfUnparsedResponse reads StatusCode of docker's unexpectedHTTPResponseError, which has no exported name.
func statusOfUnparsedResponse(err error) int {
	for ; err != nil; err = errors.Unwrap(err) {
		value := reflect.ValueOf(err)
		if value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Struct &&
			value.Elem().Type().String() == "docker.unexpectedHTTPResponseError" {
			return int(value.Elem().FieldByName("StatusCode").Int())
		}
	}
	return 0
}

// OfNetwork recognises a transfer that failed: a connection, a name, a certificate, framing, compression.
func OfNetwork(err error, message string) *Error {
	var (
		address   *net.OpError
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		timeout   net.Error
		request   *url.Error
		number    syscall.Errno
		malformed textproto.ProtocolError // a trailer's line; a head's is a url.Error
	)
	for _, target := range []any{&address, &name, &authority, &hostname, &invalid, &verify, &record, &alert, &timeout, &number, &request, &malformed} {
		if errors.As(err, target) {
			return &Error{Code: CodeUnavailable, Message: message, Retryable: true}
		}
	}
	var corrupt flate.CorruptInputError
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		return &Error{Code: CodeUnavailable, Message: message, Retryable: true}
	}
	return nil
}

// texts are the errors that containers/image v5.42.1 gives no type, each with the function that makes it.
var texts = []struct{ part, code string }{
	{"exceeded maximum allowed size of", CodeTooLarge},                       // internal/iolimits ReadAtMost
	{"Manifest does not match provided manifest digest", CodeDigestMismatch}, // internal/image UnparsedImage.Manifest
	{"computing manifest digest", CodeDigestMismatch},                        // the same
	{"reading manifest body", CodeUnavailable},                               // docker dockerClient.fetchManifest
	{"decoding bearer token", CodeRegistry},                                  // docker bearerToken.readFromHTTPResponseBody
	{"missing realm in bearer auth challenge", CodeRegistry},                 // docker dockerClient.getBearerToken
	{"in chunk length", CodeUnavailable},                                     // net/http/internal parseHexUint
	{"malformed chunked encoding", CodeUnavailable},                          // the same, chunkedReader
	{"chunked encoding contains too much non-data", CodeUnavailable},         // the same
	{"chunked line ", CodeUnavailable},                                       // the same, readChunkLine
	{"in chunked line", CodeUnavailable},                                     // the same
	{"for chunk length", CodeUnavailable},                                    // the same, parseHexUint
	{"http chunk length too large", CodeUnavailable},                         // the same
	{"header line too long", CodeUnavailable},                                // the same, ErrLineTooLong
	{"reading trailer", CodeUnavailable},                                     // net/http errTrailerEOF
	{"long trailer after chunked body", CodeUnavailable},                     // net/http body.readTrailer
	{"bad trailer key", CodeUnavailable},                                     // the same
}

// OfText recognises an error by the words of the pinned version.
func OfText(err error, message string) *Error {
	text := ownText(err)
	for _, each := range texts {
		if strings.Contains(text, each.part) {
			return &Error{Code: each.code, Message: message, Retryable: each.code == CodeUnavailable}
		}
	}
	return nil
}

const mirrorsFailed = "(Mirrors also failed: "

// ownText is what a registry failed with, without what newImageSource (docker/docker_image_src.go) tells of its mirrors.
func ownText(err error) string {
	if err == nil {
		return ""
	}
	if text := err.Error(); !strings.HasPrefix(text, mirrorsFailed) {
		return text
	}
	if own := errors.Unwrap(err); own != nil {
		return own.Error()
	}
	return err.Error()
}
