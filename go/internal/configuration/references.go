// Taking a reference apart, which needs no configuration.
//
// It is containers/image that does; this adds only what CRI-O does around it (a bare name's tag is dropped beside a
// digest, internal/storage/references) and which transports pycoco reads.

package configuration

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/oci/layout"

	"github.com/opencontainers/go-digest"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// ParsedReference is contract.ParsedReference.
type ParsedReference struct {
	Transport string `json:"transport"`
	Text      string `json:"text"`
	Domain    string `json:"domain"`
	Path      string `json:"path"`
	Tag       string `json:"tag"`
	Digest    string `json:"digest"`
	Image     string `json:"image"`
	Short     bool   `json:"short"`

	Named reference.Named `json:"-"` // for docker
}

// Transports that containers/image knows and pycoco does not read, and those whose files Python reads in place.
var (
	unreadTransports  = []string{"containers-storage", "docker-daemon", "ostree", "sif", "atomic", "tarball"}
	archiveTransports = []string{"oci-archive", "docker-archive"}
)

// ParseReference takes any reference apart that pycoco reads.
func ParseReference(text string) (*ParsedReference, error) {
	transport, rest, hasColon := strings.Cut(text, ":")
	switch {
	case reference.IsFullIdentifier(strings.TrimPrefix(strings.TrimPrefix(text, "docker://"), "sha256:")):
		return nil, InvalidReference(text, errIdentifier.Error()) // upstream takes it for a repository "sha256" and a tag
	case hasColon && transport == "docker" && strings.HasPrefix(rest, "//"):
		return parseDockerURL(text, rest)
	case hasColon && transport == "oci":
		return parseOCI(text, rest)
	case hasColon && transport == "dir":
		return localReference(text, transport, rest, "")
	case hasColon && slices.Contains(archiveTransports, transport):
		return parseArchive(text, transport, rest)
	case hasColon && slices.Contains(unreadTransports, transport):
		return nil, InvalidReference(text, fmt.Sprintf("pycoco does not read %s:; use a registry's reference, oci: or dir:", transport))
	}
	return parseBareName(text)
}

// parseDockerURL reads docker://…, as skopeo does.
func parseDockerURL(text, rest string) (*ParsedReference, error) {
	ref, err := docker.ParseReference(rest)
	if err != nil {
		return nil, InvalidReference(text, reason(err))
	}
	named := ref.DockerReference()
	if reference.IsNameOnly(named) {
		return nil, InvalidReference(text, "it has neither a tag nor a digest to read")
	}
	return describe(named, false), nil
}

// parseBareName reads a name as CRI-O is given it: a short one is left for configuration to resolve.
func parseBareName(text string) (*ParsedReference, error) {
	named, short, err := parseUnnormalized(text)
	if err != nil {
		return nil, InvalidReference(text, reason(err))
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
		return nil, false, reference.ErrReferenceInvalidFormat
	}
	domain := reference.Domain(named)
	if domain != "" && (strings.ContainsAny(domain, ".:") || domain == "localhost") {
		named, err := reference.ParseNormalizedNamed(text)
		return named, false, err
	}
	if reference.IsFullIdentifier(text) {
		return nil, false, errIdentifier
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

func describe(named reference.Named, short bool) *ParsedReference {
	parsed := &ParsedReference{Transport: "docker", Text: named.String(), Short: short, Named: named}
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
func parseOCI(text, rest string) (*ParsedReference, error) {
	path, image, _ := strings.Cut(rest, ":")
	if _, err := layout.ParseReference("/:" + image); err != nil {
		return nil, InvalidReference(text, reason(err))
	}
	return localReference(text, "oci", path, image)
}

func localReference(text, transport, path, image string) (*ParsedReference, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return nil, InvalidReference(text, "it needs a path")
	}
	return &ParsedReference{Transport: transport, Text: text, Path: path, Image: image}, nil
}

// parseArchive checks as oci/archive and docker/archive do (ParseReference there), which would make them part of the
// library only to be refused: archives are read by the package.
func parseArchive(text, transport, rest string) (*ParsedReference, error) {
	path, image, hasImage := strings.Cut(rest, ":")
	isIndex := strings.HasPrefix(image, "@")
	switch {
	case transport == "oci-archive" && isIndex:
		return nil, InvalidReference(text, "an image in an OCI archive is named by its tag")
	case transport == "oci-archive" || isIndex:
		if _, err := layout.ParseReference("/:" + image); err != nil {
			return nil, InvalidReference(text, reason(err))
		}
	case hasImage:
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			return nil, InvalidReference(text, reason(err))
		}
		if _, digested := named.(reference.Digested); digested {
			return nil, InvalidReference(text, "an image in a docker archive is named by its tag")
		}
	}
	return localReference(text, transport, path, image)
}

var errIdentifier = errors.New("it is an image's id, which only the host that has the image knows; give its name, or NAME@sha256:…")

// reason says why a text is no reference, without the text: upstream's own words may repeat it.
func reason(err error) string {
	switch text := err.Error(); {
	case errors.Is(err, errIdentifier), strings.Contains(text, "64-byte hexadecimal"):
		return errIdentifier.Error()
	case errors.Is(err, reference.ErrNameContainsUppercase), strings.HasSuffix(text, "must be lowercase"):
		return "a repository's name is in lower case"
	case errors.Is(err, reference.ErrNameTooLong):
		return "its name is too long"
	case errors.Is(err, digest.ErrDigestUnsupported):
		return "its digest is of an algorithm that is not supported; use sha256"
	case errors.Is(err, digest.ErrDigestInvalidLength), errors.Is(err, digest.ErrDigestInvalidFormat):
		return "its digest is not one"
	}
	return "write REGISTRY/REPOSITORY[:TAG|@DIGEST]"
}

// InvalidReference is about a text that is no reference pycoco reads.
func InvalidReference(text, why string) error {
	return &failure.Error{Code: failure.CodeInvalidReference, Message: fmt.Sprintf("%s is not an image reference; %s", failure.ShownReference(text), why)}
}

// ParseQualified takes a reference apart that must name its registry.
func ParseQualified(text string) (*ParsedReference, error) {
	parsed, err := ParseReference(text)
	if err != nil {
		return nil, err
	}
	if parsed.Transport != "docker" || parsed.Short {
		return nil, InvalidReference(text, "a reference that names its registry is needed")
	}
	return parsed, nil
}
