// The certificate roots a client trusts: the system's, found by the client's own environment.
//
// crypto/x509 reads SSL_CERT_FILE and SSL_CERT_DIR once for the whole process. A client whose environment names
// others gets a pool read from those; files of certs.d are added by containers/image itself.

package configuration

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

type certificateRoots struct {
	file, directories string

	once  sync.Once
	named *x509.CertPool
	err   error
}

func newCertificateRoots(environ map[string]string) *certificateRoots {
	return &certificateRoots{
		file:        environ["SSL_CERT_FILE"],
		directories: environ["SSL_CERT_DIR"],
	}
}

// pool returns a fresh pool (tlsclientconfig.SetupCertificates adds to it), or nil for the system's own.
func (r *certificateRoots) pool() (*x509.CertPool, error) {
	r.once.Do(r.read)
	if r.err != nil || r.named == nil {
		return nil, r.err
	}
	return r.named.Clone(), nil
}

// read follows crypto/x509 root_unix.go loadSystemRoots: SSL_CERT_FILE replaces the known bundles and SSL_CERT_DIR
// the known directories, each by itself; what cannot be read is passed over.
func (r *certificateRoots) read() {
	if r.file == "" && r.directories == "" {
		return
	}
	files, directories := systemBundles, systemDirectories
	if r.file != "" {
		files = []string{r.file}
	}
	if r.directories != "" {
		directories = strings.Split(r.directories, ":")
	}
	r.named = x509.NewCertPool()
	for _, file := range files {
		if data, err := ReadRegular(file); err == nil {
			r.named.AppendCertsFromPEM(data)
			break
		}
	}
	for _, directory := range directories {
		entries, err := os.ReadDir(directory)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if data, err := ReadRegular(filepath.Join(directory, entry.Name())); err == nil {
				r.named.AppendCertsFromPEM(data)
			}
		}
	}
}

// As in crypto/x509 root_linux.go.
var (
	systemBundles = []string{
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
	}
	systemDirectories = []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
)
