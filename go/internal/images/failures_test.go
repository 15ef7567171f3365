// Errors keep their codes: every class of failure that containers/image gives no type is made by it here, so that a new
// version with other words fails these tests and not its users.

package images

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/process"
)

// registryAnswering serves /v2/ and gives the handler every other request.
func registryAnswering(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func hostForTest(t *testing.T, change func(*configuration.Settings)) *configuration.Host {
	t.Helper()
	verify := false
	given := &configuration.Settings{
		TLSVerify: &verify, ShortNames: "enforcing",
		Environ: map[string]string{"HOME": t.TempDir(), "XDG_RUNTIME_DIR": t.TempDir()},
	}
	if change != nil {
		change(given)
	}
	host, err := configuration.NewHost(given)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func errorOfFetch(t *testing.T, host *configuration.Host, reference string) *failure.Error {
	t.Helper()
	leave, err := process.NewEnvironment(host.Settings.Environ).Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	_, err = Fetch(t.Context(), host, reference, nil)
	if err == nil {
		t.Fatalf("fetching %s: no error", reference)
	}
	return failure.Classify(t.Context(), err)
}

func TestCodesOfRegistryAnswers(t *testing.T) {
	specError := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"as the specification has it"}]}`, code)
		}
	}
	plain := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	body := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", imgspecv1.MediaTypeImageManifest)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   string
		status int
	}{
		"unknown manifest": {specError(404, "MANIFEST_UNKNOWN"), failure.CodeNotFound, 404},
		"unknown name":     {specError(404, "NAME_UNKNOWN"), failure.CodeNotFound, 404},
		"unauthorized":     {specError(401, "UNAUTHORIZED"), failure.CodeUnauthorized, 401},
		"denied":           {specError(403, "DENIED"), failure.CodeDenied, 403},
		"404 without body": {plain(404), failure.CodeNotFound, 404},
		"403 without body": {plain(403), failure.CodeDenied, 403},
		"500":              {plain(500), failure.CodeUnavailable, 500},
		"202":              {plain(202), failure.CodeRegistry, 202},
		"over the limit":   {body(strings.Repeat(" ", documents.SizeLimit+1)), failure.CodeTooLarge, 0},
		"not JSON":         {body("{"), failure.CodeManifest, 0},
		"an artifact":      {body(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`), failure.CodeNotAnImage, 0},
		"two keys":         {body(`{"schemaVersion":2,"layers":[],"Layers":[]}`), failure.CodeAmbiguousManifest, 0},
	} {
		t.Run(name, func(t *testing.T) {
			host := registryAnswering(t, test.answer)
			found := errorOfFetch(t, hostForTest(t, nil), host+"/app:v1")
			if found.Code != test.code || found.Status != test.status {
				t.Errorf("got %s %d (%s), want %s %d", found.Code, found.Status, found.Message, test.code, test.status)
			}
		})
	}
}

func TestDigestMismatchOfAPinnedReference(t *testing.T) {
	host := registryAnswering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", imgspecv1.MediaTypeImageManifest)
		fmt.Fprint(w, `{"schemaVersion":2}`)
	})
	found := errorOfFetch(t, hostForTest(t, nil), host+"/app@sha256:"+strings.Repeat("a", 64))
	if found.Code != failure.CodeDigestMismatch {
		t.Errorf("got %s (%s)", found.Code, found.Message)
	}
}

func TestCodesOfConfiguration(t *testing.T) {
	write := func(name, content string) func(*configuration.Settings) {
		return func(given *configuration.Settings) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "registries.conf":
				given.RegistriesConf = path
			case "auth.json":
				given.AuthFile = path
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*configuration.Settings)
		code   string
		line   int
	}{
		"broken TOML":    {write("registries.conf", "unqualified-search-registries = [\"a.io\"]\nx = maybe\n"), failure.CodeConfiguration, 2},
		"version 1":      {write("registries.conf", "[registries.search]\nregistries = [\"a.io\"]\n"), failure.CodeConfiguration, 0},
		"blocked":        {write("registries.conf", "[[registry]]\nprefix = \"127.0.0.1\"\nlocation = \"127.0.0.1\"\nblocked = true\n"), failure.CodeBlocked, 0},
		"broken secrets": {write("auth.json", "{"), failure.CodeCredentials, 0},
		"a lone key": {func(given *configuration.Settings) {
			given.CertDir = t.TempDir()
			if err := os.WriteFile(filepath.Join(given.CertDir, "client.key"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, failure.CodeConfiguration, 0},
	} {
		t.Run(name, func(t *testing.T) {
			found := errorOfFetch(t, hostForTest(t, test.change), "127.0.0.1:1/app:v1")
			if found.Code != test.code || found.Line != test.line {
				t.Errorf("got %s line %d (%s), want %s line %d", found.Code, found.Line, found.Message, test.code, test.line)
			}
		})
	}
}
