// What would be sent to a registry.

package configuration

import (
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// Credentials returns the credentials that a qualified reference's own registry is sent.
func (h *Host) Credentials(named reference.Named) (*types.DockerAuthConfig, error) {
	system := h.SystemContext(nil)
	if _, err := sysregistriesv2.CredentialHelpers(system); err != nil {
		return nil, failure.InConfiguration(err)
	}
	if system.DockerAuthConfig == nil || h.Settings.Creds == nil && h.Settings.IdentityToken == "" {
		if err := h.checkAuthFiles(); err != nil {
			return nil, err
		}
	}
	if err := h.CompleteCredentials(system, named); err != nil {
		return nil, err
	}
	found, err := config.GetCredentialsForRef(system, named)
	if err != nil {
		return nil, failure.InCredentials(err)
	}
	return &found, nil
}

// CompleteCredentials undoes, for the registry that was asked for, what explicitCredentials does beside a lone registry
// token: a registry that wants a password gets the one in the files all the same.
func (h *Host) CompleteCredentials(system *types.SystemContext, named reference.Named) error {
	if h.Settings.Creds != nil || h.Settings.IdentityToken != "" || h.Settings.RegistryToken == "" {
		return nil
	}
	without := *system
	without.DockerAuthConfig = nil
	found, err := config.GetCredentialsForRef(&without, named)
	if err != nil {
		return failure.InCredentials(err)
	}
	system.DockerAuthConfig = &found
	return nil
}
