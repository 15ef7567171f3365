// The proxies that a client's environment names.

package configuration

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// Proxies decides as http.ProxyFromEnvironment does, from the client's environment instead of the process's.
type Proxies struct {
	choose func(*url.URL) (*url.URL, error)
}

func newProxies(environ map[string]string) *Proxies {
	either := func(upper, lower string) string {
		if value := environ[upper]; value != "" {
			return value
		}
		return environ[lower]
	}
	config := httpproxy.Config{
		HTTPProxy:  either("HTTP_PROXY", "http_proxy"),
		HTTPSProxy: either("HTTPS_PROXY", "https_proxy"),
		NoProxy:    either("NO_PROXY", "no_proxy"),
		CGI:        environ["REQUEST_METHOD"] != "",
	}
	return &Proxies{choose: config.ProxyFunc()}
}

// Choose returns the proxy for a URL, or nil for none.
func (p *Proxies) Choose(target *url.URL) (*url.URL, error) {
	chosen, err := p.choose(target)
	if err != nil {
		return nil, &failure.Error{Code: failure.CodeConfiguration, Message: "the proxy variables cannot be used: " + failure.OneSentence(err.Error())}
	}
	return chosen, checkProxy(chosen)
}

// checkProxy refuses what net/http would try to connect to although it is no proxy's URL (deviations: proxies).
func checkProxy(chosen *url.URL) error {
	if chosen == nil {
		return nil
	}
	switch chosen.Scheme {
	case "http", "https", "socks5", "socks5h":
		// httpproxy makes http://http:// of an http:// without a host.
		if chosen.Hostname() != "" && !strings.HasPrefix(chosen.Path, "//") {
			return nil
		}
	}
	return &failure.Error{
		Code:    failure.CodeConfiguration,
		Message: fmt.Sprintf("the proxy variables name %s, which is not the URL of a proxy", failure.RedactURL(chosen)),
	}
}
