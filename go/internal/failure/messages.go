// What of a stranger's words gets into a message or a log record: one line, bounded, escaped, and nothing that could be
// a secret.
//
// containers/image, net/http and net/url quote URLs, headers and bodies whole, in texts alone. So it is their texts that
// are gone through here: what they quote of a body is left out, and a URL loses its user, query and fragment, whatever
// its scheme, its case or its mistakes.

package failure

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// messageLimit bounds what of a registry's own words, which may be of any length, gets into a message.
const messageLimit = 2000

// textLimit bounds what is looked at: what is longer is cut first.
const textLimit = 64 * 1024

// goString is what %q makes of a text.
const goString = `"(?:[^"\\]|\\.)*"`

// leftOut are the places where a text quotes what somebody sent, and what is put there instead.
var leftOut = []struct {
	quoting *regexp.Regexp
	instead string
}{
	// docker/docker_client.go readFromHTTPResponseBody: the start of a token server's answer, so of a token.
	{regexp.MustCompile(`, body start ` + goString), ""},
	// docker/errors.go registryHTTPResponseToError, docker/distribution_error.go unexpectedHTTPResponseError.
	{regexp.MustCompile(`(StatusCode: \d+), ` + goString), "$1"},
	{regexp.MustCompile(`(error parsing HTTP \d+ response body: .*?): ` + goString), "$1"},
	// time.ParseError: the value.
	{regexp.MustCompile(`parsing time ` + goString + `(?: as ` + goString + `)?(?:: cannot parse ` + goString + ` as ` + goString + `)?`), "parsing a time"},
	// net/http: what follows an answer, or is none.
	{regexp.MustCompile(`(Unsolicited response received on idle HTTP channel) starting with ` + goString), "$1"},
	{regexp.MustCompile(`(malformed HTTP (?:response|status code|version)) ` + goString), "$1"},
	// net/url: a password that holds a slash is taken for a port.
	{regexp.MustCompile(`invalid port ` + goString + ` after host`), "invalid port after host"},
}

var (
	// helperSaid is how docker-credential-helpers (client/client.go Get) quotes a helper that failed.
	helperSaid  = regexp.MustCompile("(?s), out: `(.*)`")
	namedSecret = regexp.MustCompile(`(?i)([\w-]*(?:pass(?:word|wd|phrase)|secret|token|auth\w*|key|cred(?:ential)?s?)["']?\s*[=:]\s*` +
		`(?:(?:bearer|basic)\s+)?|\b(?:bearer|basic)\s+)(?:"[^"]*"?|'[^']*'?|\S+)`)
	quoted = regexp.MustCompile(goString)
	// quotesURL ends what stands before a quoted URL: url.Error, net/http Client.do, docker_client.go.
	quotesURL = regexp.MustCompile(`(?:^|[^A-Za-z])(?:Get|Head|Post|parse|Location header|URL|at|Signature) $`)
	scheme    = regexp.MustCompile(`^(?i:[a-z][a-z0-9+.-]*:)?//`)
	bareURL   = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"]+`)
	// requestLine is the whole of a debug line about a request, whose query may hold spaces.
	requestLine = regexp.MustCompile(`^((?:GET|HEAD|POST) [^?#]*)[?#].*$`)
)

// Bounded makes a message of pycoco's own, which may quote what a stranger named, fit to leave the library.
func Bounded(message string) string {
	return bounded(escaped(bounded(message, textLimit)), messageLimit)
}

// OneSentence makes any text of others fit for a message or a log record.
func OneSentence(text string) string {
	text = bounded(text, textLimit)
	text = helperSaid.ReplaceAllStringFunc(text, func(quoting string) string {
		return said(helperSaid.FindStringSubmatch(quoting)[1])
	})
	for _, each := range leftOut {
		text = each.quoting.ReplaceAllString(text, each.instead)
	}
	text = requestLine.ReplaceAllString(text, "$1")
	text = withoutURLSecrets(text)
	return Bounded(strings.Join(strings.Fields(text), " "))
}

// said is what may be repeated of a credential helper's first line, by the rules of said in
// pycoco/configuration/auth/credential_helper.py: nothing that looks like its answer or is one word, and of a sentence
// not what stands behind a secret's name or looks like a token.
func said(output string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(output), "\n")
	line = strings.ToValidUTF8(line[:min(len(line), 200)], "")
	if len(strings.Fields(line)) < 2 || strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") || strings.HasPrefix(line, `"`) {
		return ""
	}
	words := strings.Fields(namedSecret.ReplaceAllString(line, "$1***"))
	for at, word := range words {
		if len(word) >= 20 && !strings.HasPrefix(word, "/") && strings.ContainsAny(word, "0123456789") {
			words[at] = "***"
		}
	}
	return ": " + strings.Join(words, " ")
}

// withoutURLSecrets redacts the URLs that a text quotes, and those that stand in it as they are.
func withoutURLSecrets(text string) string {
	var result strings.Builder
	at := 0
	for _, found := range quoted.FindAllStringIndex(text, -1) {
		before := text[at:found[0]]
		result.WriteString(bareURL.ReplaceAllStringFunc(before, redact))
		inner, err := strconv.Unquote(text[found[0]:found[1]])
		if isURL := err == nil && (scheme.MatchString(inner) || strings.HasPrefix(inner, "/") ||
			quotesURL.MatchString(before)); isURL {
			result.WriteString(strconv.Quote(redact(inner)))
		} else {
			result.WriteString(bareURL.ReplaceAllStringFunc(text[found[0]:found[1]], redact))
		}
		at = found[1]
	}
	result.WriteString(bareURL.ReplaceAllStringFunc(text[at:], redact))
	return result.String()
}

// redact is RedactURL for what may not even be a URL: it goes by where the parts of one would be.
func redact(text string) string {
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	prefix := scheme.FindString(text)
	rest := text[len(prefix):]
	if at := strings.LastIndex(rest, "@"); at >= 0 && !isDigest(rest[at+1:]) {
		rest = rest[at+1:]
	}
	return prefix + rest
}

// RedactURL leaves nothing in a URL that could be a secret.
func RedactURL(target *url.URL) string {
	return (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}).String()
}

var digestLike = regexp.MustCompile(`^(?i:sha\d+|md5|blake\w*):`)

func isDigest(text string) bool { return digestLike.MatchString(text) }

// ShownReference quotes what somebody gave for a reference: bounded, and without what may be a user and a password before
// the registry's name, or follows a question mark; neither belongs into a reference. An @ before something that looks
// like a digest, or behind a path that holds no password, stays, so that one sees what is wrong.
func ShownReference(text string) string {
	text = bounded(text, 300)
	hasQuery := false
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text, hasQuery = text[:end], true
	}
	at := strings.LastIndex(text, "@")
	digest := ""
	if at >= 0 && isDigest(text[at+1:]) {
		text, digest = text[:at], text[at:]
		at = strings.LastIndex(text, "@")
	}
	if at >= 0 {
		transport := scheme.FindString(text)
		if user := strings.TrimPrefix(text[:at], transport); strings.Contains(user, ":") || !strings.Contains(user, "/") {
			text = transport + "***" + text[at:]
		}
	}
	text += digest
	if hasQuery {
		text += "?…"
	}
	return strconv.Quote(text)
}

// bounded cuts the middle out: what happened at mirrors comes first, and at the primary last.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit/2]+"…"+text[len(text)-limit/2:], "")
}

// escaped writes out what would move a terminal's cursor or turn its text around: C0, C1, bidi controls, separators.
func escaped(text string) string {
	if !strings.ContainsFunc(text, mustBeEscaped) && utf8.ValidString(text) {
		return text
	}
	var result strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case !mustBeEscaped(r):
			result.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&result, `\x%02x`, r)
		default:
			fmt.Fprintf(&result, `\u%04x`, r)
		}
	}
	return result.String()
}

func mustBeEscaped(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}
