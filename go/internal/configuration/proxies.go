// The proxies that a client's environment names.

package configuration

import (
	"net/url"
	"strconv"
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
		HTTPProxy:  parsable(either("HTTP_PROXY", "http_proxy")),
		HTTPSProxy: parsable(either("HTTPS_PROXY", "https_proxy")),
		NoProxy:    either("NO_PROXY", "no_proxy"),
		CGI:        environ["REQUEST_METHOD"] != "",
	}
	return &Proxies{choose: config.ProxyFunc()}
}

// parsable puts an unusable proxy in the place of one that httpproxy's parseProxy cannot parse and would go without.
func parsable(value string) string {
	if _, err := url.Parse(value); err == nil {
		return value
	}
	if _, err := url.Parse("http://" + value); err == nil {
		return value
	}
	return "unparsable://proxy"
}

// Choose returns the proxy for a URL, or nil for none.
func (p *Proxies) Choose(target *url.URL) (*url.URL, error) {
	chosen, err := p.choose(target)
	if err != nil {
		return nil, &failure.Error{Code: failure.CodeConfiguration, Message: "the proxy variables cannot be used: " + failure.OneSentence(err.Error())}
	}
	if !isProxy(chosen) {
		return nil, &failure.Error{ // the value may hold a password: it is not repeated
			Code:    failure.CodeConfiguration,
			Message: strings.ToUpper(target.Scheme) + "_PROXY is not the URL of an http, https or socks5 proxy: correct or unset it",
		}
	}
	return chosen, nil
}

// isProxy refuses what net/http would try to connect to although it is no proxy's URL (deviations: proxies).
func isProxy(chosen *url.URL) bool {
	if chosen == nil {
		return true
	}
	switch chosen.Scheme {
	case "http", "https", "socks5", "socks5h":
		// httpproxy makes http://http:// of an http:// without a host, or with one that is none.
		port, err := strconv.Atoi(chosen.Port())
		return chosen.Hostname() != "" && !strings.ContainsAny(chosen.Host, `"<>`) && !strings.HasPrefix(chosen.Path, "//") && (chosen.Port() == "" || err == nil && port <= 65535)
	}
	return false
}
