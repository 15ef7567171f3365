// Sessions: one client's settings, turned into containers/image's SystemContext once.
//
// What a setting means is containers/image's business; this only puts each where SystemContext expects it.

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/go-connections/tlsconfig"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// configurationAge is how long a read configuration is trusted: a change to a file is seen by operations that start
// this much later. Both twins follow this rule.
const configurationAge = time.Second

type session struct {
	settings    *settings
	environment *environment
	system      types.SystemContext
	roots       *certificateRoots
	proxies     *proxySettings

	ctx   context.Context // done when the session is closed
	close context.CancelFunc
}

var (
	sessionID atomic.Uint64
	sessions  sync.Map // uint64 → *session

	configurationRead  time.Time
	configurationMutex sync.Mutex
)

func openSession(_ context.Context, request *request) (any, [][]byte, error) {
	if request.Settings == nil {
		return nil, nil, &failure{Code: codeBackend, Message: "a session needs settings"}
	}
	opened, err := newSession(request.Settings)
	if err != nil {
		return nil, nil, err
	}
	sysregistriesv2.InvalidateCache() // a new client sees the configuration as it is now
	id := sessionID.Add(1)
	sessions.Store(id, opened)
	return map[string]uint64{"session": id}, nil, nil
}

func closeSession(_ context.Context, request *request) (any, [][]byte, error) {
	if closing, ok := sessions.LoadAndDelete(request.Session); ok {
		closing.(*session).close()
	}
	return map[string]any{}, nil, nil
}

func findSession(id uint64) (*session, error) {
	found, ok := sessions.Load(id)
	if !ok {
		return nil, &failure{Code: codeCancelled, Message: "the client is closed"}
	}
	return found.(*session), nil
}

func newSession(settings *settings) (*session, error) {
	opened := &session{
		settings:    settings,
		environment: newEnvironment(settings.Environ),
		roots:       newCertificateRoots(settings.Environ),
		proxies:     newProxySettings(settings.Environ),
	}
	opened.ctx, opened.close = context.WithCancel(context.Background())

	mode, err := shortNameMode(settings.ShortNames)
	if err != nil {
		return nil, err
	}
	opened.system = types.SystemContext{
		SystemRegistriesConfPath:    settings.RegistriesConf,
		SystemRegistriesConfDirPath: settings.RegistriesConfDir,
		AuthFilePath:                settings.AuthFile,
		DockerCertPath:              settings.CertDir,
		DockerRegistryUserAgent:     settings.UserAgent,
		DockerBearerRegistryToken:   settings.RegistryToken,
		ShortNameMode:               &mode,
		DockerAuthConfig:            explicitCredentials(settings),
	}
	if settings.Policy != nil {
		opened.system.SignaturePolicyPath = *settings.Policy
	}
	if settings.TLSVerify != nil {
		opened.system.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*settings.TLSVerify)
	}
	return opened, nil
}

// explicitCredentials is nil when nothing was given. It is empty, not nil, beside a lone registry token: only then
// does newPullClient (docker/docker_image_src.go) keep that token from mirrors on other hosts.
func explicitCredentials(settings *settings) *types.DockerAuthConfig {
	if settings.Creds == nil && settings.IdentityToken == "" && settings.RegistryToken == "" {
		return nil
	}
	explicit := &types.DockerAuthConfig{IdentityToken: settings.IdentityToken}
	if settings.Creds != nil {
		explicit.Username, explicit.Password = settings.Creds[0], settings.Creds[1]
	}
	return explicit
}

// systemContext makes the context for one operation. watch sees every request's URL before it is sent.
func (s *session) systemContext(platform *requestedPlatform, watch *requestWatch) (*types.SystemContext, error) {
	system := s.system
	if platform == nil {
		platform = &s.settings.Platform
	}
	system.OSChoice, system.ArchitectureChoice, system.VariantChoice = platform.OS, platform.Architecture, platform.Variant
	if watch == nil {
		return &system, nil
	}
	system.DockerProxy = watch.proxy
	roots, err := s.roots.pool()
	if err != nil {
		return nil, err
	}
	// BaseTLSConfig replaces newDockerClient's own default (docker/docker_client.go), so its cipher suites are kept.
	system.BaseTLSConfig = &tls.Config{
		CipherSuites:       tlsconfig.ClientDefault().CipherSuites,
		RootCAs:            roots,
		ClientSessionCache: s.roots.resumption,
	}
	return &system, nil
}

// enter puts the session's environment in force and makes sure that configuration is not older than configurationAge.
// The context it returns is done when the operation or the whole session is.
func (s *session) enter(ctx context.Context) (context.Context, func(), error) {
	joined, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() {
		cancel(&failure{Code: codeCancelled, Message: "the client was closed while this ran"})
	})
	leave, err := environments.enter(joined, s.environment)
	if err != nil {
		stop()
		defer cancel(nil)
		return nil, nil, context.Cause(joined)
	}
	// An operation that does not notice its end (see abandonAfter) must not keep other clients out. What it does with
	// another environment in force is harmless: nobody takes its answer and its network calls fail.
	leave = sync.OnceFunc(leave)
	unwatch := afterDone(joined, leave)
	configurationMutex.Lock()
	if now := time.Now(); now.Sub(configurationRead) > configurationAge {
		configurationRead = now
		sysregistriesv2.InvalidateCache()
	}
	configurationMutex.Unlock()

	return joined, func() {
		unwatch()
		stop()
		cancel(nil)
		leave()
	}, nil
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
	return types.ShortNameModeInvalid, &failure{
		Code:    codeConfiguration,
		Message: fmt.Sprintf("short_names is %q; use enforcing, permissive or disabled", name),
	}
}
