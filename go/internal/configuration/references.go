// References and what configuration makes of them: candidates, pull sources, credentials.
//
// All of it is containers/image's; this adds only what CRI-O does around it (a bare name's tag is dropped beside a
// digest, internal/storage/references) and which transports pycoco reads.

package main

import (
	"context"
	"fmt"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// parsedReference is contract.ParsedReference.
type parsedReference struct {
	Transport string `json:"transport"`
	Text      string `json:"text"`
	Domain    string `json:"domain"`
	Path      string `json:"path"`
	Tag       string `json:"tag"`
	Digest    string `json:"digest"`
	Image     string `json:"image"`
	Short     bool   `json:"short"`

	named reference.Named // for docker
}

func parseReferenceOperation(_ context.Context, request *request) (any, [][]byte, error) {
	parsed, err := parseReference(request.Reference)
	return parsed, nil, err
}

// Transports that containers/image knows and pycoco does not read, and those whose files Python reads in place.
var (
	unreadTransports  = []string{"containers-storage", "docker-daemon", "ostree", "sif", "atomic", "tarball"}
	archiveTransports = []string{"oci-archive", "docker-archive"}
)

func parseReference(text string) (*parsedReference, error) {
	transport, rest, hasColon := strings.Cut(text, ":")
	switch {
	case hasColon && transport == "docker" && strings.HasPrefix(rest, "//"):
		return parseDockerURL(text, rest)
	case hasColon && transport == "oci":
		return parseOCI(text, rest)
	case hasColon && transport == "dir":
		return localReference(text, transport, rest, "")
	case hasColon && contains(archiveTransports, transport):
		return parseArchive(text, transport, rest)
	case hasColon && contains(unreadTransports, transport):
		return nil, invalidReference(text, fmt.Sprintf("pycoco does not read %s:; use a registry's reference, oci: or dir:", transport))
	}
	return parseBareName(text)
}

func contains(names []string, name string) bool {
	for _, each := range names {
		if each == name {
			return true
		}
	}
	return false
}

// parseDockerURL reads docker://…, as skopeo does.
func parseDockerURL(text, rest string) (*parsedReference, error) {
	ref, err := docker.ParseReference(rest)
	if err != nil {
		return nil, invalidReference(text, err.Error())
	}
	named := ref.DockerReference()
	if reference.IsNameOnly(named) {
		return nil, invalidReference(text, "it has neither a tag nor a digest to read")
	}
	return describe(named, false), nil
}

// parseBareName reads a name as CRI-O is given it: a short one is left for configuration to resolve.
func parseBareName(text string) (*parsedReference, error) {
	named, short, err := parseUnnormalized(text)
	if err != nil {
		return nil, invalidReference(text, err.Error())
	}
	return describe(withoutTagBesideDigest(reference.TagNameOnly(named)), short), nil
}

// parseUnnormalized tells short names apart as pkg/shortnames parseUnnormalizedShortName, which is not exported, does:
// what has no domain once parsed without normalisation is short.
func parseUnnormalized(text string) (named reference.Named, short bool, err error) {
	parsed, err := reference.Parse(text)
	if err != nil {
		return nil, false, err
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return nil, false, fmt.Errorf("%q is not a name", text)
	}
	domain := reference.Domain(named)
	if domain != "" && (strings.ContainsAny(domain, ".:") || domain == "localhost") {
		named, err := reference.ParseNormalizedNamed(text)
		return named, false, err
	}
	if reference.IsFullIdentifier(text) {
		return nil, false, fmt.Errorf("64 hexadecimal digits are an image's id, not its name")
	}
	return named, true, nil
}

func withoutTagBesideDigest(named reference.Named) reference.Named {
	canonical, digested := named.(reference.Canonical)
	if _, tagged := named.(reference.NamedTagged); !tagged || !digested {
		return named
	}
	if trimmed, err := reference.WithDigest(reference.TrimNamed(named), canonical.Digest()); err == nil {
		return trimmed
	}
	return named
}

func describe(named reference.Named, short bool) *parsedReference {
	parsed := &parsedReference{Transport: "docker", Text: named.String(), Short: short, named: named}
	if short {
		parsed.Path = named.Name()
	} else {
		parsed.Domain, parsed.Path = reference.Domain(named), reference.Path(named)
	}
	if tagged, ok := named.(reference.Tagged); ok {
		parsed.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		parsed.Digest = digested.Digest().String()
	}
	return parsed
}

// parseOCI leaves the path to whoever opens it, where upstream resolves it already: taking a reference apart must not
// depend on which files there are.
func parseOCI(text, rest string) (*parsedReference, error) {
	path, image, _ := strings.Cut(rest, ":")
	if _, err := layout.ParseReference("/:" + image); err != nil {
		return nil, invalidReference(text, err.Error())
	}
	return localReference(text, "oci", path, image)
}

func localReference(text, transport, path, image string) (*parsedReference, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return nil, invalidReference(text, "it needs a path")
	}
	return &parsedReference{Transport: transport, Text: text, Path: path, Image: image}, nil
}

// parseArchive checks as oci/archive and docker/archive do (ParseReference there), which would make them part of the
// library only to be refused: archives are read by the package.
func parseArchive(text, transport, rest string) (*parsedReference, error) {
	path, image, hasImage := strings.Cut(rest, ":")
	isIndex := strings.HasPrefix(image, "@")
	switch {
	case transport == "oci-archive" && isIndex:
		return nil, invalidReference(text, "an image in an OCI archive is named by its tag")
	case transport == "oci-archive" || isIndex:
		if _, err := layout.ParseReference("/:" + image); err != nil {
			return nil, invalidReference(text, err.Error())
		}
	case hasImage:
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			return nil, invalidReference(text, err.Error())
		}
		if _, digested := named.(reference.Digested); digested {
			return nil, invalidReference(text, "an image in a docker archive is named by its tag")
		}
	}
	return localReference(text, transport, path, image)
}

func invalidReference(text, why string) error {
	return &failure{Code: codeInvalidReference, Message: fmt.Sprintf("%q is not a reference that can be read: %s", text, why)}
}

// candidate is contract.Candidate.
type candidate struct {
	Reference string `json:"reference"`
	Origin    string `json:"origin"`

	named reference.Named
}

func shortNameCandidatesOperation(ctx context.Context, request *request) (any, [][]byte, error) {
	return inSession(ctx, request, func(_ context.Context, s *session) (any, error) {
		return s.candidates(request.Reference)
	})
}

// candidates resolves a bare name as CRI-O does (internal/storage CandidatesForPotentiallyShortImageName).
func (s *session) candidates(text string) ([]candidate, error) {
	parsed, err := parseReference(text)
	if err != nil {
		return nil, err
	}
	if !parsed.Short { // a local layout stands for itself too
		return []candidate{{Reference: parsed.Text, Origin: "given", named: parsed.named}}, nil
	}
	system, err := s.systemContext(nil, nil)
	if err != nil {
		return nil, err
	}
	// Resolve would prompt on a terminal; "disabled" is the one mode in which it never does, and gives the same list.
	asked := *system.ShortNameMode
	never := types.ShortNameModeDisabled
	system.ShortNameMode = &never
	resolved, err := shortnames.Resolve(system, text)
	if err != nil {
		return nil, s.unresolved(system, parsed, err)
	}
	origin := "unqualified-search"
	if strings.Contains(resolved.Description(), "as an alias") {
		origin = "alias"
	}
	if asked == types.ShortNameModeEnforcing && len(resolved.PullCandidates) > 1 {
		return nil, &failure{
			Code: codeShortName,
			Message: fmt.Sprintf("short name %q could come from %d registries and short-name mode is enforcing; name the registry or add an alias",
				text, len(resolved.PullCandidates)),
		}
	}
	candidates := []candidate{}
	for _, each := range resolved.PullCandidates {
		named := withoutTagBesideDigest(each.Value)
		candidates = append(candidates, candidate{Reference: named.String(), Origin: origin, named: named})
	}
	return candidates, nil
}

// unresolved tells why a short name did not resolve, which Resolve says in texts alone: a configuration file that cannot
// be read, a search registry and a name that make no reference, or nothing to resolve it by.
func (s *session) unresolved(system *types.SystemContext, parsed *parsedReference, err error) error {
	// In the order in which Resolve reads them: the file of aliases first.
	alias, _, broken := sysregistriesv2.ResolveShortNameAlias(system, parsed.Path)
	if broken != nil {
		return configurationFailure(broken)
	}
	if _, broken := sysregistriesv2.GetRegistries(system); broken != nil {
		return configurationFailure(broken)
	}
	if registries, broken := sysregistriesv2.UnqualifiedSearchRegistries(system); broken == nil && alias == nil && len(registries) > 0 {
		return invalidReference(parsed.Text, err.Error())
	}
	return &failure{
		Code:    codeShortName,
		Message: oneSentence(err.Error()) + "; name the registry, or add one to unqualified-search-registries",
	}
}

// pullSource is contract.PullSource.
type pullSource struct {
	Reference      string `json:"reference"`
	Insecure       bool   `json:"insecure"`
	Mirror         bool   `json:"mirror"`
	Blocked        bool   `json:"blocked"`
	NamespaceProxy string `json:"namespace_proxy"`

	named reference.Named
}

func pullSourcesOperation(ctx context.Context, request *request) (any, [][]byte, error) {
	return inSession(ctx, request, func(_ context.Context, s *session) (any, error) {
		parsed, err := parseQualified(request.Reference)
		if err != nil {
			return nil, err
		}
		system, err := s.systemContext(nil, nil)
		if err != nil {
			return nil, err
		}
		return pullSources(system, parsed.named)
	})
}

// pullSources follows docker/docker_image_src.go newImageSource and newPullClient.
func pullSources(system *types.SystemContext, named reference.Named) ([]pullSource, error) {
	registry, err := sysregistriesv2.FindRegistry(system, named.Name())
	if err != nil {
		return nil, configurationFailure(err)
	}
	if registry == nil {
		registry = &sysregistriesv2.Registry{
			Endpoint: sysregistriesv2.Endpoint{Location: named.String()},
			Prefix:   named.String(),
		}
	}
	found, err := registry.PullSourcesFromReference(named)
	if err != nil {
		return nil, configurationFailure(err)
	}
	sources := []pullSource{}
	for at, source := range found {
		own, err := sysregistriesv2.FindRegistry(system, source.Reference.Name())
		if err != nil {
			return nil, configurationFailure(err)
		}
		sources = append(sources, pullSource{
			Reference:      source.Reference.String(),
			Insecure:       source.Endpoint.Insecure,
			Mirror:         at < len(found)-1,
			Blocked:        own != nil && own.Blocked,
			NamespaceProxy: source.Endpoint.NamespaceProxy,
			named:          source.Reference,
		})
	}
	return sources, nil
}

func credentialsForOperation(ctx context.Context, request *request) (any, [][]byte, error) {
	return inSession(ctx, request, func(_ context.Context, s *session) (any, error) {
		parsed, err := parseQualified(request.Reference)
		if err != nil {
			return nil, err
		}
		system, err := s.systemContext(nil, nil)
		if err != nil {
			return nil, err
		}
		if _, err := sysregistriesv2.CredentialHelpers(system); err != nil {
			return nil, configurationFailure(err)
		}
		if err := s.completeCredentials(system, parsed.named); err != nil {
			return nil, err
		}
		found, err := config.GetCredentialsForRef(system, parsed.named)
		if err != nil {
			return nil, credentialsFailure(err)
		}
		return map[string][]byte{ // a password may be any bytes, which JSON's text cannot hold
			"username": []byte(found.Username), "password": []byte(found.Password), "identity_token": []byte(found.IdentityToken),
		}, nil
	})
}

// completeCredentials undoes, for the registry that was asked for, what explicitCredentials does beside a lone registry
// token: a registry that wants a password gets the one in the files all the same.
func (s *session) completeCredentials(system *types.SystemContext, named reference.Named) error {
	if s.settings.Creds != nil || s.settings.IdentityToken != "" || s.settings.RegistryToken == "" {
		return nil
	}
	without := *system
	without.DockerAuthConfig = nil
	found, err := config.GetCredentialsForRef(&without, named)
	if err != nil {
		return credentialsFailure(err)
	}
	system.DockerAuthConfig = &found
	return nil
}

func parseQualified(text string) (*parsedReference, error) {
	parsed, err := parseReference(text)
	if err != nil {
		return nil, err
	}
	if parsed.Transport != "docker" || parsed.Short {
		return nil, invalidReference(text, "a reference that names its registry is needed")
	}
	return parsed, nil
}

// inSession runs a pure operation with the session's environment in force.
func inSession(ctx context.Context, request *request, run func(context.Context, *session) (any, error)) (any, [][]byte, error) {
	s, err := findSession(request.Session)
	if err != nil {
		return nil, nil, err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	result, err := run(ctx, s)
	return result, nil, err
}
