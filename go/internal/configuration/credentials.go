// What would be sent to a registry.

package configuration

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

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

// AskedWith tells with what a pull source of an image was asked, as registry_errors.asked_with takes it: "given",
// "registry_token", or where it was found; else what was passed over. No helper is asked again: whether it had any shows
// in that the registry was told of nothing.
func (h *Host) AskedWith(named, source reference.Named, nothing bool) (origin, note string) {
	if reference.Domain(source) == reference.Domain(named) {
		switch {
		case h.Settings.RegistryToken != "":
			return "registry_token", ""
		case h.Settings.IdentityToken != "", h.Settings.Creds != nil && *h.Settings.Creds != [2]string{}:
			return "given", ""
		case h.Settings.Creds != nil: // and they are empty: nothing is to be sent
			return "", ""
		}
	}
	without := *h.SystemContext(nil)
	without.DockerAuthConfig = nil
	helpers, err := sysregistriesv2.CredentialHelpers(&without)
	switch {
	case err == nil && slices.Equal(helpers, []string{sysregistriesv2.AuthenticationFileHelper}):
		origin, note = h.inAuthFiles(without, source)
		if !strings.HasPrefix(origin, credentialHelper) {
			return origin, note
		}
	case err == nil && len(helpers) == 1:
		origin = credentialHelper + helpers[0]
	default:
		origin = "pycoco explain says where"
	}
	if nothing {
		return "", note
	}
	return origin, note
}

const credentialHelper = "credential helper docker-credential-"

// inAuthFiles is the file that has credentials for a pull source, or the helper that it names.
func (h *Host) inAuthFiles(without types.SystemContext, source reference.Named) (origin, note string) {
	for _, path := range h.authFiles() {
		helper, store := helpersIn(path, reference.Domain(source))
		if helper != "" {
			return credentialHelper + helper, note
		}
		without.AuthFilePath, without.LegacyFormatAuthFilePath = path, ""
		if h.Settings.AuthFile == "" && filepath.Base(path) == legacyAuthFile {
			without.AuthFilePath, without.LegacyFormatAuthFilePath = "", path
		}
		if found, err := config.GetCredentialsForRef(&without, source); err == nil && found != (types.DockerAuthConfig{}) {
			return path, ""
		}
		if store && note == "" {
			note = "credsStore of " + path + " is not read, as by CRI-O: name its helper under credHelpers"
		}
	}
	return "", note
}

// helpersIn reads of an auth file the helper for a registry, "" for none, and whether it names one for all of them,
// which containers/image does not read.
func helpersIn(path, registry string) (helper string, store bool) {
	var file struct {
		CredHelpers map[string]string `json:"credHelpers"`
		CredsStore  string            `json:"credsStore"`
	}
	data, err := ReadRegular(path)
	if err != nil || json.Unmarshal(data, &file) != nil {
		return "", false
	}
	return file.CredHelpers[registry], file.CredsStore != ""
}
