"""Whether policy.json allows an image, as far as that can be said without looking at signatures.

It is not for verifying signatures: where a requirement asks for one, the answer is an error that names the Go backend,
never a yes. It mirrors signature/policy_config.go and policy_eval.go of containers/image; what a well-formed
requirement looks like is in `policy_requirements`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pycoco.configuration import configuration_files, regular_file
from pycoco.configuration.policy import policy_requirements
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.documents.syntax import encoding_json
from pycoco.errors import BackendUnavailableError, ConfigurationError, LayoutError, PolicyRejectedError


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """The part of a policy.json that is for one image.

    `transport` is "" where the policy's default applies, and `scope` "" where the transport's or the default does;
    `kinds` are the types of its requirements, in order.
    """

    file: str
    transport: str
    scope: str
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        if self.scope:
            section = f"{self.transport}, scope {self.scope}"
        else:
            section = f"{self.transport}, default" if self.transport else "default"
        return f"{self.file}: {section}: {', '.join(self.kinds)}"


@dataclass(frozen=True, slots=True)
class _Policy:
    default: tuple[str, ...]
    transports: Mapping[str, Mapping[str, tuple[str, ...]]]


def evaluate(settings: Settings, reference: ParsedReference, manifest: bytes) -> str:
    """Return one line that says what of policy.json allowed the image; "" if `settings` ask for no policy.

    `reference` is the logical one, as asked for, and `manifest` the chosen instance's, which signatures would be for.
    Raises PolicyRejectedError if the policy does not allow it, BackendUnavailableError if that depends on signatures,
    ConfigurationError for a policy that is missing or malformed, LayoutError for a local path that does not exist.
    """
    if settings.policy is None:
        return ""
    applied = applicable(settings, reference)
    # IsRunningImageAllowed stops at the first requirement that is not met. One that cannot be judged here ends it too:
    # what comes after it could change nothing but the reason for a refusal.
    for kind in applied.kinds:
        if kind in ("reject", "signedBaseLayer"):  # upstream knows signedBaseLayer and never accepts it
            raise PolicyRejectedError(f"{reference.text} is not allowed by {applied}.")
        if kind != "insecureAcceptAnything":
            needed = f"{reference.text} needs a signature ({applied})"
            if reference.transport != "docker":
                raise BackendUnavailableError(f"{needed}, which no backend can verify of a local layout or archive.")
            raise BackendUnavailableError(f'{needed}, which only the Go backend can verify: use backend="go".')
    return str(applied)


def applicable(settings: Settings, reference: ParsedReference) -> AppliedPolicy:
    """Return the part of policy.json that is for `reference`, evaluating nothing (requirementsForImageRef).

    Settings without a policy are read as those that leave the file to the search rule. Raises ConfigurationError for
    a policy that is missing or malformed, LayoutError for a local path that does not exist.
    """
    file = _file(settings)
    policy = _read(file)
    transport = reference.transport
    if transport in policy.transports:
        sections = policy.transports[transport]
        for scope in [*_scopes(reference), ""]:
            if scope in sections:
                return AppliedPolicy(file, transport, scope, sections[scope])
    return AppliedPolicy(file, "", "", policy.default)


def _file(settings: Settings) -> str:
    if settings.policy:
        return settings.policy
    found = configuration_files.main_file(settings, name="policy.json", variable="CONTAINERS_POLICY_JSON")
    if found is None:
        # There is no policy to fall back on: containers/image insists on one as well.
        raise ConfigurationError("there is no policy.json: write /etc/containers/policy.json, or name one.")
    return str(found)


def _read(file: str) -> _Policy:
    try:
        raw = regular_file.read(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ConfigurationError(f"the policy {file} cannot be read: {reason}.", file=file) from None
    try:
        return _parsed(encoding_json.parse(raw))
    except json.JSONDecodeError as error:
        message = f"the policy {file} is not valid JSON: {error.msg} in line {error.lineno}."
        raise ConfigurationError(message, file=file, line=error.lineno) from None
    except ValueError as error:
        raise ConfigurationError(f"the policy {file} is not valid: {error}.", file=file) from None


def _parsed(value: encoding_json.Value) -> _Policy:
    fields = policy_requirements.strict_object(value, ("default", "transports"))
    if "default" not in fields:
        raise policy_requirements.InvalidPolicyError("it has no default")
    default = policy_requirements.kinds(fields["default"])
    transports: dict[str, Mapping[str, tuple[str, ...]]] = {}
    if "transports" in fields:
        for transport, sections in policy_requirements.strict_object(fields["transports"]).items():
            transports[transport] = _sections(transport, sections)
    return _Policy(default, transports)


def _sections(transport: str, value: encoding_json.Value) -> dict[str, tuple[str, ...]]:
    # Scopes of transports that pycoco does not read are not looked at, like those that containers/image does not know.
    accepts = _SCOPE_CHECKS.get(transport, _any_scope)
    sections: dict[str, tuple[str, ...]] = {}
    for scope, requirements in policy_requirements.strict_object(value).items():
        if scope and not accepts(scope):
            raise policy_requirements.InvalidPolicyError(f"{scope!r} is not a scope of {transport}")
        sections[scope] = policy_requirements.kinds(requirements)
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


def _scopes(reference: ParsedReference) -> list[str]:
    """Return the scopes for `reference`, the narrowest first (PolicyConfigurationIdentity and ...Namespaces)."""
    if reference.transport == "docker":
        return _docker_scopes(reference)
    if reference.transport in ("oci", "oci-archive", "dir"):
        return _path_scopes(_resolved(reference.path))
    return []


def _docker_scopes(reference: ParsedReference) -> list[str]:
    # docker/policyconfiguration/naming.go. A wildcard is for the domains below it, whatever their port.
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
