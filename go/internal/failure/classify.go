// What went wrong, as a code that Python turns into one of its exceptions.
//
// Where containers/image gives an error a type, the type decides. Where it gives only a text, either the stage at fault
// is run again by itself to see whether it fails (diagnose), or, as the last resort, the pinned version's text is
// matched here, in one table that failures_test.go holds to the pinned version.

package main

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
	"github.com/docker/distribution/registry/api/errcode"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/tlsclientconfig"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// The codes are those of pycoco/errors.py.
const (
	codeInvalidReference    = "invalid_reference"
	codeShortName           = "short_name"
	codeConfiguration       = "configuration"
	codeCredentials         = "credentials"
	codeRegistry            = "registry"
	codeNotFound            = "not_found"
	codeUnauthorized        = "unauthorized"
	codeDenied              = "denied"
	codeRateLimited         = "rate_limited"
	codeUnavailable         = "unavailable"
	codeBlocked             = "blocked"
	codeManifest            = "manifest"
	codeDigestMismatch      = "digest_mismatch"
	codeAmbiguousManifest   = "ambiguous_manifest"
	codeUnsupportedManifest = "unsupported_manifest"
	codeNoMatchingPlatform  = "no_matching_platform"
	codeNotAnImage          = "not_an_image"
	codeTooLarge            = "too_large"
	codePolicyRejected      = "policy_rejected"
	codeLayout              = "layout"
	codeTimeout             = "timeout"
	codeCancelled           = "cancelled"
	codeBackend             = "backend"
)

// failure is an error with a code, and what pycoco/errors.py keeps beside it.
type failure struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Status    int    `json:"status,omitempty"`
	SpecCode  string `json:"spec_code,omitempty"`
	URL       string `json:"url,omitempty"`
	Retryable bool   `json:"retryable,omitempty"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
}

func (f *failure) Error() string { return f.Message }

// failed is the reply that carries an error.
func failed(err error) answer {
	header, _ := json.Marshal(map[string]*failure{"error": classify(context.Background(), err)})
	return answer{header: header}
}

// panicked records a panic; the stack goes to the log, not to the error.
func panicked(cause any, stack []byte) *failure {
	logrus.Errorf("panic in the Go library: %v\n%s", cause, stack)
	return &failure{
		Code: codeBackend,
		Message: fmt.Sprintf("the Go library panicked (%v) and is not used any further in this process; "+
			"please report it with the log, and use backend=\"python\" meanwhile", cause),
	}
}

// classify gives any error a code. It looks at the outermost cause first: an operation that was cancelled or ran out of
// time fails with whatever its network call made of that.
func classify(ctx context.Context, err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	message := oneSentence(err.Error())
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &failure{Code: codeTimeout, Message: "the operation's timeout passed: " + message}
	case errors.Is(ctx.Err(), context.Canceled):
		return &failure{Code: codeCancelled, Message: "the operation was cancelled"}
	}
	for _, recognise := range []func(error, string) *failure{ofImage, ofPolicy, ofRegistry, ofNetwork, ofText} {
		if found := recognise(err, message); found != nil {
			return found
		}
	}
	return &failure{Code: codeRegistry, Message: message}
}

func ofImage(err error, message string) *failure {
	var artifact manifest.NonImageArtifactError
	if errors.As(err, &artifact) {
		return &failure{Code: codeNotAnImage, Message: message}
	}
	return nil
}

func ofPolicy(err error, message string) *failure {
	var requirement signature.PolicyRequirementError
	var invalid signature.InvalidSignatureError
	var format signature.InvalidPolicyFormatError
	switch {
	case errors.As(err, &requirement), errors.As(err, &invalid):
		return &failure{Code: codePolicyRejected, Message: message}
	case errors.As(err, &format):
		return &failure{Code: codeConfiguration, Message: message}
	}
	return nil
}

// ofRegistry reads what docker/distribution_error.go and docker/errors.go make of a response.
func ofRegistry(err error, message string) *failure {
	var coder errcode.ErrorCoder
	if errors.As(err, &coder) {
		return ofSpecCode(coder, message)
	}
	var credentials docker.ErrUnauthorizedForCredentials
	if errors.As(err, &credentials) {
		return &failure{Code: codeUnauthorized, Message: message, Status: 401}
	}
	if errors.Is(err, docker.ErrTooManyRequests) {
		return &failure{Code: codeRateLimited, Message: message, Status: 429, Retryable: true}
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

func ofSpecCode(coder errcode.ErrorCoder, message string) *failure {
	found := &failure{Code: codeRegistry, Message: message, SpecCode: coder.ErrorCode().Descriptor().Value}
	switch found.SpecCode {
	case "UNAUTHORIZED":
		found.Code, found.Status = codeUnauthorized, 401
	case "DENIED":
		found.Code, found.Status = codeDenied, 403
	case "TOOMANYREQUESTS":
		found.Code, found.Status, found.Retryable = codeRateLimited, 429, true
	case "NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN":
		found.Code, found.Status = codeNotFound, 404
	case "UNAVAILABLE":
		found.Code, found.Status, found.Retryable = codeUnavailable, 503, true
	case "UNKNOWN":
		// Harbor and registry.redhat.io say only this much (docker_client.go isManifestUnknownError).
		// The message may tell of mirrors too; this registry's own words count.
		if own, ok := coder.(errcode.Error); ok && strings.Contains(strings.ToLower(own.Message), "not found") {
			found.Code, found.Status = codeNotFound, 404
		}
	}
	return found
}

func ofStatus(status int, message string) *failure {
	found := &failure{Code: codeRegistry, Message: message, Status: status}
	switch {
	case status == 401:
		found.Code = codeUnauthorized
	case status == 403:
		found.Code = codeDenied
	case status == 404:
		found.Code = codeNotFound
	case status == 429:
		found.Code, found.Retryable = codeRateLimited, true
	case status >= 500:
		found.Code, found.Retryable = codeUnavailable, true
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

func ofNetwork(err error, message string) *failure {
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
	)
	for _, target := range []any{&address, &name, &authority, &hostname, &invalid, &verify, &record, &alert, &timeout, &number, &request} {
		if errors.As(err, target) {
			return &failure{Code: codeUnavailable, Message: message, Retryable: true}
		}
	}
	var corrupt flate.CorruptInputError
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		return &failure{Code: codeUnavailable, Message: message, Retryable: true}
	}
	return nil
}

// texts are the errors that containers/image v5.42.0 gives no type, each with the function that makes it.
var texts = []struct{ part, code string }{
	{"exceeded maximum allowed size of", codeTooLarge},                       // internal/iolimits ReadAtMost
	{"Manifest does not match provided manifest digest", codeDigestMismatch}, // internal/image UnparsedImage.Manifest
	{"computing manifest digest", codeDigestMismatch},                        // the same
	{"reading manifest body", codeUnavailable},                               // docker dockerClient.fetchManifest
	{"decoding bearer token", codeRegistry},                                  // docker bearerToken.readFromHTTPResponseBody
	{"missing realm in bearer auth challenge", codeRegistry},                 // docker dockerClient.getBearerToken
	{"in chunk length", codeUnavailable},                                     // net/http/internal parseHexUint
	{"malformed chunked encoding", codeUnavailable},                          // the same, chunkedReader
	{"chunked encoding contains too much non-data", codeUnavailable},         // the same
	{"chunked line ", codeUnavailable},                                       // the same, readChunkLine
	{"in chunked line", codeUnavailable},                                     // the same
	{"for chunk length", codeUnavailable},                                    // the same, parseHexUint
	{"http chunk length too large", codeUnavailable},                         // the same
	{"header line too long", codeUnavailable},                                // the same, ErrLineTooLong
	{"reading trailer", codeUnavailable},                                     // net/http errTrailerEOF
	{"long trailer after chunked body", codeUnavailable},                     // net/http body.readTrailer
	{"bad trailer key", codeUnavailable},                                     // the same
}

func ofText(err error, message string) *failure {
	text := ownText(err)
	for _, each := range texts {
		if strings.Contains(text, each.part) {
			return &failure{Code: each.code, Message: message, Retryable: each.code == codeUnavailable}
		}
	}
	return nil
}

// ownText is what a registry failed with, without what newImageSource (docker/docker_image_src.go) tells of its mirrors.
func ownText(err error) string {
	if text := err.Error(); !strings.HasPrefix(text, "(Mirrors also failed: ") {
		return text
	}
	if own := errors.Unwrap(err); own != nil {
		return own.Error()
	}
	return err.Error()
}

// diagnose explains why an ImageSource could not be opened. Errors with a type speak for themselves; for the others the
// stages of newImageSource and newPullClient (docker/docker_image_src.go) that need no network are run again.
func diagnose(system *types.SystemContext, named reference.Named, err error) error {
	var known *failure
	if errors.As(err, &known) || ofRegistry(err, "") != nil || ofNetwork(err, "") != nil || ofText(err, err.Error()) != nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	sources, configuration := pullSources(system, named)
	if configuration != nil {
		return configuration
	}
	primary := sources[len(sources)-1]
	if primary.Blocked {
		return &failure{Code: codeBlocked, Message: oneSentence(err.Error())}
	}
	asked := *system
	if reference.Domain(primary.named) != reference.Domain(named) { // as newPullClient does
		asked.DockerAuthConfig = nil
	}
	if _, broken := config.GetCredentialsForRef(&asked, primary.named); broken != nil {
		return credentialsFailure(broken)
	}
	if system.DockerCertPath != "" {
		if broken := tlsclientconfig.SetupCertificates(system.DockerCertPath, &tls.Config{MinVersion: tls.VersionTLS12}); broken != nil {
			return configurationFailure(broken)
		}
	}
	return configurationFailure(err) // certs.d and registries.d are what is left
}

// tomlPlace is where BurntSushi/toml puts the line when only its text reaches us; file names are quoted by
// sysregistriesv2's own wrapping.
var quotedFile = regexp.MustCompile(`(?:configuration|aliases config file) "([^"]+)"`)

func configurationFailure(err error) error {
	found := &failure{Code: codeConfiguration, Message: oneSentence(err.Error())}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		found.Line = parse.Position.Line
	}
	if match := quotedFile.FindStringSubmatch(err.Error()); match != nil {
		found.File = match[1]
	}
	return found
}

func credentialsFailure(err error) error {
	return &failure{Code: codeCredentials, Message: "the credentials cannot be read: " + oneSentence(err.Error())}
}

func unavailable(doing string, err error) error {
	if classified := ofText(err, err.Error()); classified != nil {
		return classified
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return &failure{Code: codeUnavailable, Message: doing + ": " + oneSentence(err.Error()), Retryable: true}
}

func tooLarge(what string, limit int) *failure {
	return &failure{Code: codeTooLarge, Message: fmt.Sprintf("%s is larger than %d bytes; this is refused", what, limit)}
}

func mismatch(what, wanted, got string) *failure {
	return &failure{Code: codeDigestMismatch, Message: fmt.Sprintf("%s has the digest %s, not %s as asked for", what, got, wanted)}
}

// urlUserinfo and urlQuery are what a URL in an error's text could give away.
var urlSecrets = regexp.MustCompile(`(https?://)(?:[^/\s"@]*@)?([^\s"?]*)(?:\?[^\s"]*)?`)

// helperOutput is what docker-credential-helpers (client/client.go Get) quotes of a helper that failed: it may be anything.
var helperOutput = regexp.MustCompile("(?s), out: `.*`")

// messageLimit bounds what of a registry's own words, which may be of any length, gets into a message.
const messageLimit = 2000

func oneSentence(text string) string {
	text = helperOutput.ReplaceAllString(text, "")
	text = strings.Join(strings.Fields(urlSecrets.ReplaceAllString(text, "$1$2")), " ")
	if len(text) > messageLimit { // what happened at mirrors comes first, and at the primary last
		text = strings.ToValidUTF8(text[:messageLimit/2]+"…"+text[len(text)-messageLimit/2:], "")
	}
	return text
}
