// Nothing secret gets into a message.

package failure

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNothingSecretInAMessage(t *testing.T) {
	for text, want := range map[string]string{
		"Get \"https://user:pa55@host.io/v2/?token=t0k\":\n x509: bad":                     `Get "https://host.io/v2/": x509: bad`,
		`parse "HTTP://u:s@h:x/p?s": invalid port ":x" after host`:                         `parse "HTTP://h:x/p": invalid port after host`,
		`failed to parse Location header "x?s": bad`:                                       `failed to parse Location header "x": bad`,
		`GET https://h/t?account=a b`:                                                      `GET https://h/t`,
		`StatusCode: 404, "the \"token\" is s"`:                                            `StatusCode: 404`,
		`decoding bearer token (last URL "https://h/t?s", body start "{\"token\":\"s"): x`: `decoding bearer token (last URL "https://h/t"): x`,
		`parsing time "\"s\"" as "\"2006\"": cannot parse "s" as "2006"`:                   `parsing a time`,
		"error getting credentials - err: exit 1, out: `s`":                                "error getting credentials - err: exit 1",
		"one\u2028two\u202ethree\x1b[31m\u0085":                                            `one two\u202ethree\x1b[31m`,
		`reading manifest v1 in h.io/app@sha256:abc: key "a@b" twice`:                      `reading manifest v1 in h.io/app@sha256:abc: key "a@b" twice`,
	} {
		if got := OneSentence(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if long := OneSentence(strings.Repeat("x\u202e", 1<<20)); utf8.RuneCountInString(long) > messageLimit+1 {
		t.Errorf("%d characters are left", len(long))
	}
}
