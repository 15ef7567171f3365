"""Which part of which policy.json is for an image.

It is not for whether that part allows it (see `evaluate`). It mirrors signature/policy_config.go of containers/image
and requirementsForImageRef of policy_eval.go; what a well-formed requirement looks like is in `requirements`.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pycoco.configuration import configuration_files, regular_file
from pycoco.configuration.policy import requirements
from pycoco.configuration.policy.fields import InvalidPolicyError, strict_object
from pycoco.configuration.policy.requirements import Requirement
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.documents.syntax import encoding_json
from pycoco.errors import ConfigurationError, LayoutError

Requirements = tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """The part of a policy.json that is for one image.

    `file` is "" for a policy that is in no file. `transport` is "" where the policy's default applies, and `scope` ""
    where the transport's or the default does.
    """

    file: str
    transport: str
    scope: str
    requirements: Requirements = field(repr=False)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types of the requirements, in order."""
        return tuple(requirement.kind for requirement in self.requirements)

    def __str__(self) -> str:
        if self.scope:
            section = f"{self.transport}, scope {self.scope}"
        else:
            section = f"{self.transport}, default" if self.transport else "default"
        return f"{self.file}{': ' if self.file else ''}{section}: {', '.join(self.kinds)}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy.json that was read. `file` is "" where it was given as bytes."""

    file: str
    default: Requirements
    transports: Mapping[str, Mapping[str, Requirements]]
    raw: bytes = field(repr=False)

    def applicable(self, reference: ParsedReference) -> AppliedPolicy:
        """Return the part that is for `reference`, evaluating nothing (requirementsForImageRef).

        Raises LayoutError for a local path that does not exist.
        """
        transport = reference.transport
        scopes = _scopes(reference)  # also where none counts: upstream has no reference to a path that is not there
        if transport in self.transports:
            sections = self.transports[transport]
            for scope in [*scopes, ""]:
                if scope in sections:
                    return AppliedPolicy(self.file, transport, scope, sections[scope])
        return AppliedPolicy(self.file, "", "", self.default)


def applicable(settings: Settings, reference: ParsedReference) -> AppliedPolicy:
    """Return the part of the policy.json that `settings` name which is for `reference`.

    Settings without a policy are read as those that leave the file to the search rule. Raises ConfigurationError for
    a policy that is missing or malformed, LayoutError for a local path that does not exist.
    """
    return read(settings).applicable(reference)


def read(settings: Settings) -> Policy:
    """Return the policy.json that applies on this host. Raises ConfigurationError if it is missing or malformed."""
    file = file_of(settings)
    try:
        raw = regular_file.read(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ConfigurationError(f"the policy {file} cannot be read: {reason}.", file=file) from None
    return parse(raw, file)


def file_of(settings: Settings) -> str:
    """Return the path of the policy.json that `settings` name or that is found. Raises ConfigurationError."""
    if settings.policy:
        return settings.policy
    found = configuration_files.main_file(settings, name="policy.json", variable="CONTAINERS_POLICY_JSON")
    if found is None:
        # There is no policy to fall back on: containers/image insists on one as well.
        raise ConfigurationError("there is no policy.json: write /etc/containers/policy.json, or name one.")
    return str(found)


def parse(raw: bytes, file: str = "") -> Policy:
    """Return the policy that `raw`, the content of `file`, is. Raises ConfigurationError if it is malformed."""
    what = f"the policy {file}" if file else "the policy"
    try:
        return _parsed(raw, file)
    except json.JSONDecodeError as error:
        message = f"{what} is not valid JSON: {error.msg} in line {error.lineno}."
        raise ConfigurationError(message, file=file or None, line=error.lineno) from None
    except ValueError as error:
        raise ConfigurationError(f"{what} is not valid: {error}.", file=file or None) from None


@functools.lru_cache(maxsize=16)
def _parsed(raw: bytes, file: str) -> Policy:
    fields = strict_object(encoding_json.parse(raw), ("default", "transports"))
    if "default" not in fields:
        raise InvalidPolicyError("it has no default")
    default = requirements.parse(fields["default"])
    transports: dict[str, Mapping[str, Requirements]] = {}
    if "transports" in fields:
        for transport, sections in strict_object(fields["transports"]).items():
            transports[transport] = _sections(transport, sections)
    return Policy(file, default, transports, raw)


def _sections(transport: str, value: encoding_json.Value) -> dict[str, Requirements]:
    # Scopes of transports that pycoco does not read are not looked at, like those that containers/image does not know.
    accepts = _SCOPE_CHECKS.get(transport, _any_scope)
    sections: dict[str, Requirements] = {}
    for scope, listed in strict_object(value).items():
        if scope and not accepts(scope):
            raise InvalidPolicyError(f"{scope!r} is not a scope of {transport}")
        sections[scope] = requirements.parse(listed)
    return sections


def _any_scope(scope: str) -> bool:
    return True


def _no_scope(scope: str) -> bool:
    return False


def _clean_path(scope: str) -> bool:
    # Absolute, as filepath.Clean would leave it, and not "/" itself.
    return scope.startswith("/") and not {"", ".", ".."} & set(scope[1:].split("/"))


_SCOPE_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "oci": _clean_path,
    "oci-archive": _clean_path,
    "dir": _clean_path,
    "docker-archive": _no_scope,
}
"""ValidatePolicyConfigurationScope of the transports that pycoco reads; docker accepts any scope."""


def docker_scopes(reference: ParsedReference) -> list[str]:
    """Return the scopes of a registry's image, the narrowest first (docker/policyconfiguration/naming.go).

    A wildcard is for the domains below it, whatever their port.
    """
    name = f"{reference.domain}/{reference.path}"
    scopes = [f"{name}@{reference.digest}" if reference.digest else f"{name}:{reference.tag}", name]
    while "/" in name:
        name = name.rpartition("/")[0]
        scopes.append(name)
    host = name.partition(":")[0]
    while "." in host:
        host = host.partition(".")[2]
        scopes.append(f"*.{host}")
    return scopes


def _scopes(reference: ParsedReference) -> list[str]:
    """Return the scopes for `reference`, the narrowest first (PolicyConfigurationIdentity and ...Namespaces)."""
    if reference.transport == "docker":
        return docker_scopes(reference)
    if reference.transport in ("oci", "oci-archive", "dir"):
        return _path_scopes(_resolved(reference.path))
    return []


def _path_scopes(path: str) -> list[str]:
    scopes = []
    while path not in ("", "/"):
        scopes.append(path)
        path = path.rpartition("/")[0]
    return scopes


def _resolved(path: str) -> str:
    # ResolvePathToFullyExplicit of directory/explicitfilepath: no symbolic link stays; only the last part may be new.
    try:
        if os.path.lexists(path):
            return os.path.realpath(os.path.abspath(path), strict=True)
        parent, name = os.path.split(path)
        return os.path.join(os.path.realpath(os.path.abspath(parent or "."), strict=True), name)
    except (OSError, ValueError):
        raise LayoutError(f"{path} cannot be found: give the path of a local image.") from None
