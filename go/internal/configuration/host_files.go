// Files of the host, looked at before containers/image reads them: regular ones of bounded size only.
//
// It reads files whole and waits for what it opens. A pipe would keep the operation waiting for a writer, with locks of
// containers/image's held, and a device or a sparse file fill the memory. Which files these are is upstream's
// business, whose own search (pkg/configfile) is used where there is one. Both twins have the bound
// (pycoco/configuration/regular_file.py).

package configuration

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/storage/pkg/configfile"
	"go.podman.io/storage/pkg/homedir"
	"go.podman.io/storage/pkg/unshare"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// fileLimit bounds a file of configuration, credentials or certificates, in bytes.
const fileLimit = 4 * 1024 * 1024

// RequireRegular refuses a file that is there and is no regular file of bounded size. A directory is left to its reader,
// who says so without waiting.
func RequireRegular(path string) error {
	about, err := os.Stat(path)
	switch {
	case err != nil, about.IsDir():
		return nil // whoever reads it says what is wrong
	case !about.Mode().IsRegular():
		return fmt.Errorf("%s cannot be read: it is not a regular file", path)
	case about.Size() > fileLimit:
		return fmt.Errorf("%s cannot be read: it is too large for a file of its kind", path)
	}
	return nil
}

// ReadRegular reads a file as RequireRegular would have it, also if it has become something else meanwhile: never more
// than the bound, and never waiting for a pipe's writer.
func ReadRegular(path string) ([]byte, error) {
	if err := RequireRegular(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if about, err := file.Stat(); err != nil || !about.Mode().IsRegular() {
		return nil, fs.ErrInvalid
	}
	data, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err == nil && len(data) > fileLimit {
		return nil, fs.ErrInvalid
	}
	return data, err
}

// CheckFiles looks at what every operation reads that asks the configuration: registries.conf, its drop-in files, and
// the file of short names.
func (h *Host) CheckFiles() error {
	return h.checkSearched(&configfile.File{
		Name:                            "registries",
		Extension:                       "conf",
		EnvironmentName:                 "CONTAINERS_REGISTRIES_CONF",
		CustomConfigFilePath:            h.Settings.RegistriesConf,
		CustomConfigFileDropInDirectory: h.Settings.RegistriesConfDir,
	}, h.aliasFile()) // sysregistriesv2 configWrapper.toConfigFileOptions
}

// checkNetworkFiles looks at what asking pull sources reads besides: registries.d, certificates, and where credentials may
// be, unless they were given for all of these.
func (h *Host) checkNetworkFiles(named reference.Named, sources []PullSource) error {
	// docker/registries_d.go loadRegistryConfiguration.
	if err := h.checkSearched(&configfile.File{
		Name: "registries", Extension: "yaml", DoNotLoadMainFiles: true, DoNotUseExtensionForConfigName: true,
	}); err != nil {
		return err
	}
	given := h.Settings.Creds != nil || h.Settings.IdentityToken != ""
	for _, source := range sources {
		host := reference.Domain(source.Named)
		given = given && host == reference.Domain(named)
		if err := requireAll(h.certificates(host)); err != nil {
			return err
		}
	}
	if given {
		return nil
	}
	return h.checkAuthFiles()
}

// authFiles are where credentials may be (pkg/docker/config getAuthFilePaths).
func (h *Host) authFiles() []string {
	if h.Settings.AuthFile != "" {
		return []string{h.Settings.AuthFile}
	}
	home := homedir.Get()
	either := func(variable, otherwise string) string {
		if value := os.Getenv(variable); value != "" {
			return value
		}
		return otherwise
	}
	return []string{
		filepath.Join(either("XDG_RUNTIME_DIR", fmt.Sprintf("/run/containers/%d", os.Getuid())), "containers/auth.json"),
		fmt.Sprintf("/run/containers/%d/auth.json", os.Getuid()),
		filepath.Join(either("XDG_CONFIG_HOME", filepath.Join(home, ".config")), "containers/auth.json"),
		filepath.Join(either("DOCKER_CONFIG", filepath.Join(home, ".docker")), "config.json"),
		filepath.Join(home, legacyAuthFile),
	}
}

const legacyAuthFile = ".dockercfg"

func (h *Host) checkAuthFiles() error {
	for _, path := range h.authFiles() {
		if err := RequireRegular(path); err != nil {
			return failure.InCredentials(err)
		}
	}
	return nil
}

// CheckPolicyFile looks at the policy.json that would be read (signature/policy_config.go DefaultPolicy).
func (h *Host) CheckPolicyFile() error {
	if named := h.Settings.Policy; named != nil && *named != "" {
		return requireAll([]string{*named})
	}
	return h.checkSearched(&configfile.File{
		Name: "policy", Extension: "json", DoNotLoadDropInFiles: true, EnvironmentName: "CONTAINERS_POLICY_JSON",
	})
}

// checkSearched looks at what configfile.Read would read, and at more files.
func (h *Host) checkSearched(file *configfile.File, more ...string) error {
	file.UserId = unshare.GetRootlessUID()
	found, err := configfile.GetSearchPaths(file)
	if err != nil {
		return nil // which whoever reads them says
	}
	paths := append(more, found.ExtraOverrideFile)
	for _, path := range found.MainFiles {
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
			break
		}
	}
	for _, directory := range found.DropInDirectories {
		paths = append(paths, filesIn(directory, "."+file.Extension)...)
	}
	return requireAll(paths)
}

func requireAll(paths []string) error {
	for _, path := range paths {
		if err := RequireRegular(path); err != nil {
			return &failure.Error{Code: failure.CodeConfiguration, Message: failure.OneSentence(err.Error()), File: path}
		}
	}
	return nil
}

// aliasFile is sysregistriesv2's shortNameAliasesConfPath, which is not exported.
func (h *Host) aliasFile() string {
	const file = "containers/short-name-aliases.conf"
	if os.Geteuid() == 0 && unshare.GetRootlessUID() == 0 {
		return filepath.Join("/var/cache", file)
	}
	cache, err := homedir.GetCacheHome()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, file)
}

// certificates are the files for a host, found as docker_client.go dockerCertDir and pkg/tlsclientconfig do.
func (h *Host) certificates(host string) []string {
	directory := h.Settings.CertDir
	if directory == "" {
		found, err := configfile.GetSearchPaths(&configfile.File{
			Name: "certs", Extension: "d", DoNotUseExtensionForConfigName: true, UserId: unshare.GetRootlessUID(),
		})
		if err != nil {
			return nil
		}
		for _, parent := range append(found.DropInDirectories, "/etc/docker/certs.d") {
			directory = filepath.Join(parent, host)
			if _, err := os.Stat(directory); err == nil {
				break
			}
		}
	}
	return filesIn(directory, ".crt", ".cert", ".key")
}

func filesIn(directory string, suffixes ...string) []string {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil
	}
	paths := []string{}
	for _, entry := range entries {
		for _, suffix := range suffixes {
			if strings.HasSuffix(entry.Name(), suffix) {
				paths = append(paths, filepath.Join(directory, entry.Name()))
			}
		}
	}
	return paths
}
