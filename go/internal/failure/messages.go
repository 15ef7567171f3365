// What of a stranger's words gets into a message: one line, bounded, and nothing that could be a secret.

package failure

import (
	"net/url"
	"regexp"
	"strings"
)

// urlUserinfo and urlQuery are what a URL in an error's text could give away.
var urlSecrets = regexp.MustCompile(`(https?://)(?:[^/\s"@]*@)?([^\s"?]*)(?:\?[^\s"]*)?`)

// helperOutput is what docker-credential-helpers (client/client.go Get) quotes of a helper that failed: it may be anything.
var helperOutput = regexp.MustCompile("(?s), out: `.*`")

// messageLimit bounds what of a registry's own words, which may be of any length, gets into a message.
const messageLimit = 2000

// OneSentence makes any text fit for a message or a log record.
func OneSentence(text string) string {
	text = helperOutput.ReplaceAllString(text, "")
	text = strings.Join(strings.Fields(urlSecrets.ReplaceAllString(text, "$1$2")), " ")
	if len(text) > messageLimit { // what happened at mirrors comes first, and at the primary last
		text = strings.ToValidUTF8(text[:messageLimit/2]+"…"+text[len(text)-messageLimit/2:], "")
	}
	return text
}

// RedactURL leaves nothing in a URL that could be a secret.
func RedactURL(target *url.URL) string {
	return (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}).String()
}
