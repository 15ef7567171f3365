// Package configuration says what this host is configured to, as one client sees it: references and short names,
// registries.conf, credentials, certificates, proxies. It asks no registry.
package configuration

import (
	"crypto/tls"
	"fmt"
	"net/url"

	"github.com/docker/go-connections/tlsconfig"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/connections"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/ratelimit"
)

// Settings are a client's, as pycoco/backends/contract.py describes them.
type Settings struct {
	Platform          Platform          `json:"platform"`
	RegistriesConf    string            `json:"registries_conf"`
	RegistriesConfDir string            `json:"registries_conf_dir"`
	AuthFile          string            `json:"auth_file"`
	Creds             *[2]string        `json:"creds"`
	IdentityToken     string            `json:"identity_token"`
	RegistryToken     string            `json:"registry_token"`
	CertDir           string            `json:"cert_dir"`
	TLSVerify         *bool             `json:"tls_verify"`
	ShortNames        string            `json:"short_names"`
	Policy            *string           `json:"policy"`
	Store             string            `json:"store"`
	Schema1           bool              `json:"schema1"`
	NestedIndexes     int               `json:"nested_indexes"`
	Retries           int               `json:"retries"`
	UserAgent         string            `json:"user_agent"`
	Environ           map[string]string `json:"environ"`
}

// Platform names what to choose; an empty field means what the machine itself has.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// Host is the host as one client sees it: the client's settings, turned into containers/image's SystemContext once.
//
// What a setting means is containers/image's business; this only puts each where SystemContext expects it.
type Host struct {
	Settings    *Settings
	Proxies     *Proxies
	Brakes      *ratelimit.Brakes
	Connections *connections.Kept

	system types.SystemContext
	roots  *certificateRoots
}

// NewHost refuses settings that mean nothing. Files are read when an operation needs them.
func NewHost(settings *Settings) (*Host, error) {
	mode, err := shortNameMode(settings.ShortNames)
	if err != nil {
		return nil, err
	}
	opened := &Host{
		Settings:    settings,
		Proxies:     newProxies(settings.Environ),
		Brakes:      &ratelimit.Brakes{},
		Connections: &connections.Kept{},
		roots:       newCertificateRoots(settings.Environ),
		system: types.SystemContext{
			SystemRegistriesConfPath:    settings.RegistriesConf,
			SystemRegistriesConfDirPath: settings.RegistriesConfDir,
			AuthFilePath:                settings.AuthFile,
			DockerCertPath:              settings.CertDir,
			DockerRegistryUserAgent:     settings.UserAgent,
			DockerBearerRegistryToken:   settings.RegistryToken,
			ShortNameMode:               &mode,
			DockerAuthConfig:            explicitCredentials(settings),
		},
	}
	if settings.Policy != nil {
		opened.system.SignaturePolicyPath = *settings.Policy
	}
	if settings.TLSVerify != nil {
		opened.system.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*settings.TLSVerify)
	}
	return opened, nil
}

// SystemContext makes the context for one operation that uses no network. A nil platform is the settings' own.
func (h *Host) SystemContext(platform *Platform) *types.SystemContext {
	system := h.system
	if platform == nil {
		platform = &h.Settings.Platform
	}
	system.OSChoice, system.ArchitectureChoice, system.VariantChoice = platform.OS, platform.Architecture, platform.Variant
	return &system
}

// NetworkContext makes the context for one operation that asks a reference's pull sources, having looked at the files that
// containers/image then reads. proxy sees every request's URL before it is sent.
func (h *Host) NetworkContext(named reference.Named, sources []PullSource, platform *Platform, proxy func(*url.URL) (*url.URL, error)) (*types.SystemContext, error) {
	if err := h.checkNetworkFiles(named, sources); err != nil {
		return nil, err
	}
	system := h.SystemContext(platform)
	system.DockerProxy = proxy
	roots, err := h.roots.pool()
	if err != nil {
		return nil, err
	}
	// BaseTLSConfig replaces newDockerClient's own default (docker/docker_client.go), so its cipher suites are kept.
	system.BaseTLSConfig = &tls.Config{CipherSuites: tlsconfig.ClientDefault().CipherSuites, RootCAs: roots}
	return system, nil
}

// explicitCredentials is nil when nothing was given. It is empty, not nil, beside a lone registry token: only then
// does newPullClient (docker/docker_image_src.go) keep that token from mirrors on other hosts.
func explicitCredentials(settings *Settings) *types.DockerAuthConfig {
	if settings.Creds == nil && settings.IdentityToken == "" && settings.RegistryToken == "" {
		return nil
	}
	explicit := &types.DockerAuthConfig{IdentityToken: settings.IdentityToken}
	if settings.Creds != nil {
		explicit.Username, explicit.Password = settings.Creds[0], settings.Creds[1]
	}
	return explicit
}

func shortNameMode(name string) (types.ShortNameMode, error) {
	switch name {
	case "disabled":
		return types.ShortNameModeDisabled, nil
	case "permissive":
		return types.ShortNameModePermissive, nil
	case "enforcing", "":
		return types.ShortNameModeEnforcing, nil
	}
	return types.ShortNameModeInvalid, &failure.Error{
		Code:    failure.CodeConfiguration,
		Message: fmt.Sprintf("short_names is %q; use enforcing, permissive or disabled", name),
	}
}
