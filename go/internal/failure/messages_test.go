// Nothing secret gets into a message.

package failure

import "testing"

func TestNothingSecretInAMessage(t *testing.T) {
	got := OneSentence("Get \"https://user:pa55@host.io/v2/?token=t0k\":\n x509: bad")
	if want := `Get "https://host.io/v2/": x509: bad`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
