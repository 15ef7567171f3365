"""References: the grammar, normalisation, and which text means which transport.

It is not for deciding what a short name stands for (see `short_names`), nor for reading a layout.

The grammar is docker/reference of containers/image (regexp.go, normalize.go, reference.go). A bare name is read as
CRI-O reads it, `docker://NAME` as skopeo does, and `oci:`, `dir:`, `oci-archive:` and `docker-archive:` are local.
"""

from __future__ import annotations

import re

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.configuration.values import ParsedReference
from pycoco.errors import InvalidReferenceError

DEFAULT_DOMAIN = "docker.io"
_DOCKER = (DEFAULT_DOMAIN, "index.docker.io")
DEFAULT_TAG = "latest"
NAME_LIMIT = 255
"""Characters of a repository's name, domain included, at most (reference.NameTotalLengthMax)."""

# No valid reference comes near: 255 of a name, 128 of a tag, 135 of a digest. It bounds the work of the patterns.
_TEXT_LIMIT = 1024

_DOMAIN_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
DOMAIN = rf"{_DOMAIN_LABEL}(?:\.{_DOMAIN_LABEL})*(?::[0-9]+)?"
"""The pattern of a registry, host[:port], to be used with `re.ASCII` and `fullmatch` (reference.DomainRegexp)."""

# Upstream lets the separator be empty. One that is not spells the same language, and a failing match stays linear
# here, where an empty one would make this backtracking engine try every way to cut a run of letters.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[\w][\w.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_NAME = pattern(rf"(?:({DOMAIN})/)?({_PATH})", re.ASCII)
_REFERENCE = pattern(rf"((?:{DOMAIN}/)?{_PATH})(?::({_TAG}))?(?:@({_DIGEST}))?", re.ASCII)
_IDENTIFIER = pattern(r"[a-f0-9]{64}", re.ASCII)
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_LOWER_HEX = pattern(r"[a-f0-9]+", re.ASCII)
_SCHEME = pattern(r"(?:[a-z][a-z0-9+.-]*:)?//", re.ASCII | re.IGNORECASE)
_DIGEST_LIKE = pattern(r"(?:sha[0-9]+|md5|blake\w*):", re.ASCII | re.IGNORECASE)

_SURROGATE = pattern("[\ud800-\udfff]")

_UNKNOWN_DIGEST = "@@unknown-digest@@"
# The names containers/image registers besides the readable ones (transports/alltransports).
_UNREADABLE_TRANSPORTS = frozenset({"atomic", "containers-storage", "docker-daemon", "ostree", "sif", "tarball"})
_READABLE = "NAME, docker://NAME, oci:DIR[:TAG], dir:DIR, oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME]"
_LAYOUT_IMAGE = pattern(
    r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*", re.ASCII
)
_INDEX = pattern(r"@([+-]?)0*([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NamedReference:
    """A syntactically valid reference: `domain` and `path` make the name; `tag` and `digest` are "" where absent."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def text(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def qualified(self) -> bool:
        """Whether the domain can only be a registry (pkg/shortnames parseUnnormalizedShortName)."""
        return "." in self.domain or ":" in self.domain or self.domain == "localhost"


def parse_reference(text: str) -> ParsedReference:
    """Take a reference apart; see the module's docstring for the forms that `text` may have.

    A bare name without a registry has `short` set, `domain` "" and `path` as given; its digest, where there is one,
    displaces its tag, as in CRI-O. `docker://` completes such a name with docker.io instead. Neither leaves both
    tag and digest empty. Local references are checked and cut, their parts as given; no file is looked at.
    InvalidReferenceError for everything else.
    """
    if _SURROGATE.search(text):
        raise InvalidReferenceError(f"{shown(text)} is not UTF-8 text; rename what it names")
    # Upstream takes what docker and podman print of an id for a repository "sha256" and a tag.
    _refuse_identifier(text.removeprefix("docker://").removeprefix("sha256:"))
    transport, colon, rest = text.partition(":")
    # "docker:dind" is a name with a tag; only "docker://" is the transport.
    if transport == "docker" and rest.startswith("//"):
        return _parse_docker(rest[2:])
    if colon and transport in ("oci", "oci-archive"):
        return _parse_oci(transport, rest)
    if colon and transport == "docker-archive":
        return _parse_docker_archive(rest)
    if colon and transport == "dir":
        return ParsedReference("dir", text, path=_required_path(transport, rest))
    if colon and transport in _UNREADABLE_TRANSPORTS:
        raise InvalidReferenceError(f"{transport}: is not a transport pycoco reads; use {_READABLE}")
    return _parse_bare(text)


def parse(text: str) -> NamedReference:
    """Take `text` apart without completing it (reference.Parse). InvalidReferenceError if it is no reference."""
    if not text:
        raise InvalidReferenceError("the reference is empty; give the name of an image")
    match = _REFERENCE.fullmatch(text) if len(text) <= _TEXT_LIMIT else None
    if match is None:
        raise InvalidReferenceError(f"{shown(text)} is not an image reference; {_advice(text)}")
    name, tag, digest = match.group(1), match.group(2) or "", match.group(3) or ""
    if len(name) > NAME_LIMIT:
        raise InvalidReferenceError(
            f"the name in {shown(text)} has {len(name)} characters; a repository's name has at most {NAME_LIMIT}"
        )
    _check_digest(digest, text)
    return NamedReference(*domain_and_path(name), tag=tag, digest=digest)


def parse_normalized(text: str) -> NamedReference:
    """Take `text` apart, completing a name without a registry with docker.io (reference.ParseNormalizedNamed).

    The tag is not completed. InvalidReferenceError if `text` is no reference, or 64 hexadecimal digits: those look
    like an image's identifier.
    """
    _refuse_identifier(text)
    domain, remainder = _split_docker_domain(text)
    return parse(f"{domain}/{remainder}")


def parse_canonical(text: str) -> NamedReference:
    """Take apart a reference that is written in full already (reference.ParseNamed).

    InvalidReferenceError also if normalising would change it.
    """
    named = parse_normalized(text)
    if named.text != text:
        raise InvalidReferenceError(f"{shown(text)} is not written in full; write {named.text}")
    return named


def repository_name(text: str) -> str:
    """The repository of `text` without tag and digest, Docker Hub's names in full ("docker.io/library/busybox").

    So the kubelet and CRI-O name an image when they look for its credentials: a short name is Docker Hub's there.
    InvalidReferenceError for what is no registry's reference.
    """
    found = parse_reference(text)
    if found.transport != "docker":
        raise InvalidReferenceError(f"{shown(text)} names no registry; write REGISTRY/REPOSITORY")
    return parse_normalized(found.path).name if found.short else f"{found.domain}/{found.path}"


def domain_and_path(name: str) -> tuple[str, str]:
    """Split a repository's name into (domain, path); the domain is "" where the grammar sees none.

    This is reference.splitDomain: purely syntactic, so that "library/fedora" has the domain "library".
    """
    match = _NAME.fullmatch(name)
    return (match.group(1) or "", match.group(2)) if match else ("", name)


def shown(text: str) -> str:
    """`text` quoted for a message: bounded, and without what may be a user and password, a query or a fragment.

    None of them belongs into a reference. An @ before what looks like a digest, or behind a path that holds no
    password, stays, so that one sees what is wrong (ShownReference in go/internal/failure).
    """
    text = text if len(text) <= 300 else text[:150] + "…" + text[-150:]
    named, *unwanted = re.split("[?#]", text, maxsplit=1)
    head, at, tail = named.rpartition("@")
    digest = ""
    if at and _DIGEST_LIKE.match(tail):
        digest = at + tail
        head, at, tail = head.rpartition("@")
    if at:
        scheme = _SCHEME.match(head)
        transport = scheme[0] if scheme else ""
        user = head.removeprefix(transport)
        if ":" in user or "/" not in user:
            head = transport + "***"
    return repr(head + at + tail + digest + ("?…" if unwanted else ""))


def _parse_bare(text: str) -> ParsedReference:
    # CRI-O's ParseRegistryImageReferenceFromOutOfProcessData refuses 64 digits for every name but that of a pull.
    _refuse_identifier(text)
    named = parse(text)
    if named.qualified:
        return parsed(parse_normalized(text) if named.domain in _DOCKER else named)  # which completes names there only
    # The domain of a short name is only its first component: see IsShortName in pkg/shortnames.
    return parsed(NamedReference("", named.name, named.tag, named.digest), short=True)


def parsed(named: NamedReference, *, short: bool = False) -> ParsedReference:
    """The docker reference to read for `named`: a digest displaces a tag, and ":latest" completes a bare name.

    See RegistryImageReferenceFromRaw in CRI-O's internal/storage/references and reference.TagNameOnly.
    """
    tag = "" if named.digest else named.tag or DEFAULT_TAG
    full = NamedReference(named.domain, named.path, tag, named.digest)
    return ParsedReference("docker", full.text, full.domain, full.path, full.tag, full.digest, short=short)


def _parse_docker(text: str) -> ParsedReference:
    # docker.ParseReference and newReference (docker/docker_transport.go).
    if text.endswith(_UNKNOWN_DIGEST):
        raise InvalidReferenceError(f"{shown(text)} names no image to read; give a tag or a digest")
    named = parse_normalized(text)
    if named.tag and named.digest:
        raise InvalidReferenceError(
            f"docker:// takes a tag or a digest, not both; write docker://{named.name}@{named.digest}"
        )
    return parsed(named)


def _parse_oci(transport: str, rest: str) -> ParsedReference:
    # ParseReferenceIntoElements and ValidateImageName (oci/internal/oci_util.go); an archive has no "@N".
    path, _, image = rest.partition(":")
    _required_path(transport, path)
    if image.startswith("@") and transport == "oci":
        _check_index(transport, image)
    elif image and not _LAYOUT_IMAGE.fullmatch(image):
        raise InvalidReferenceError(f"{shown(image)} cannot be an image's name in {transport}:{path}; give its tag")
    return ParsedReference(transport, f"{transport}:{rest}", path=path, image=image)


def _parse_docker_archive(rest: str) -> ParsedReference:
    # docker/archive/transport.go ParseReference.
    path, colon, image = rest.partition(":")
    _required_path("docker-archive", path)
    if image.startswith("@"):
        _check_index("docker-archive", image)
    elif colon and parse_normalized(image).digest:
        raise InvalidReferenceError("docker-archive: names an image by its tag; leave out the digest")
    return ParsedReference("docker-archive", f"docker-archive:{rest}", path=path, image=image)


def _required_path(transport: str, path: str) -> str:
    if not path or "\0" in path:
        raise InvalidReferenceError(f"{transport}: needs a path; use {_READABLE}")
    return path


def _check_index(transport: str, image: str) -> None:
    match = _INDEX.fullmatch(image)
    if match is None or (match.group(1) == "-" and int(match.group(2))) or int(match.group(2)) >= 2**63:
        raise InvalidReferenceError(f"{shown(image)} is not an index; write {transport}:PATH:@N with N from 0")


def _split_docker_domain(text: str) -> tuple[str, str]:
    # reference.splitDockerDomain (normalize.go). Upper case does not make a domain here.
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        domain, remainder = first, rest
    else:
        domain, remainder = DEFAULT_DOMAIN, text
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = f"library/{remainder}"
    return domain, remainder


def _refuse_identifier(text: str) -> None:
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReferenceError(
            f"{text} is an image's id, which only the host that has the image knows; give its name, or NAME@sha256:…"
        )


def _check_digest(digest: str, text: str) -> None:
    # go-digest Digest.Validate: three algorithms, lower-case hexadecimal digits, the exact length.
    if not digest:
        return
    algorithm, _, encoded = digest.partition(":")
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        raise InvalidReferenceError(f"{algorithm} in {shown(text)} is not a digest algorithm; use a sha256 digest")
    if len(encoded) != length or not _LOWER_HEX.fullmatch(encoded):
        raise InvalidReferenceError(
            f"the digest in {shown(text)} is not one; {algorithm}: takes {length} lower-case hexadecimal digits"
        )


def _advice(text: str) -> str:
    scheme, separator, _ = text.partition("://")
    if separator:
        return f"leave out {scheme}:// and write REGISTRY/REPOSITORY[:TAG|@DIGEST]"
    if len(text) <= _TEXT_LIMIT and _REFERENCE.fullmatch(text.lower()):
        return "a repository's name is in lower case"
    return "write REGISTRY/REPOSITORY[:TAG|@DIGEST]"
