"""Where signatures of a registry's images are: the lookaside of registries.d, and whether attachments count.

It is not for reading signatures. Mirrors docker/registries_d.go of containers/image. The files are YAML; those that
could be read in two ways are refused. Needs PyYAML, of the extra `pycoco[policy]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from pycoco.configuration import configuration_files, urls
from pycoco.configuration.policy.policy import docker_scopes
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.errors import ConfigurationError

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_OLD_TRUE = frozenset({"y", "Y", "yes", "on"})
_OLD_FALSE = frozenset({"n", "N", "no", "off"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_DEFAULT_OF_ROOT = "/var/lib/containers/sigstore"
_DEFAULT_OF_USER = ".local/share/containers/sigstore"


@dataclass(frozen=True, slots=True)
class _Namespace:
    lookaside: str = ""
    attachments: bool | None = None


@dataclass(frozen=True, slots=True)
class Lookaside:
    """Where a lookaside keeps an image's signatures. `scheme` is "file", "http", "https", or one that is not read."""

    scheme: str
    authority: str
    path: str
    query: str = ""

    def place(self, digest: str, number: int) -> str:
        """Return the path of a file, or the URL, of the signature `number` (from 1) of the manifest `digest`."""
        path = f"{self.path}@{digest.replace(':', '=', 1)}/signature-{number}"
        if self.scheme == "file":
            return path
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.authority}{quote(path, safe=_UNESCAPED)}{query}"

    def __str__(self) -> str:
        host = self.authority.rpartition("@")[2]
        return f"{self.scheme}://{host}{self.path}"


_UNESCAPED = "/$&+,:;=@!'()*~"


@dataclass(frozen=True, slots=True)
class SignaturePlaces:
    """Where signatures are looked for besides a registry's own extension."""

    lookaside: Lookaside
    attachments: bool


@dataclass(frozen=True, slots=True)
class RegistriesD:
    """All files of registries.d together. `files` are those that were read."""

    settings: Settings = field(repr=False)
    default: _Namespace | None
    docker: Mapping[str, _Namespace]
    files: tuple[str, ...] = ()

    def places(self, physical: ParsedReference) -> SignaturePlaces:
        """Return where signatures are of what is read at `physical`. ConfigurationError for a URL that is none."""
        top = next((each.lookaside for each in self._namespaces(physical) if each.lookaside), "")
        said = (each.attachments for each in self._namespaces(physical) if each.attachments is not None)
        lookaside = _parsed_url(top) if top else self._default_lookaside()
        path = f"{lookaside.path}/{physical.path}"
        own = Lookaside(lookaside.scheme, lookaside.authority, path, lookaside.query)
        return SignaturePlaces(own, next(said, False))

    def _namespaces(self, physical: ParsedReference) -> Iterator[_Namespace]:
        """Those that are for `physical`, the narrowest first; what one does not say is left to the next."""
        for scope in docker_scopes(physical):
            if scope in self.docker:
                yield self.docker[scope]
        if self.default is not None:
            yield self.default

    def _default_lookaside(self) -> Lookaside:
        if configuration_files.rootless_euid(self.settings) == 0:
            return Lookaside("file", "", _DEFAULT_OF_ROOT)
        home = configuration_files.home_directory(self.settings)
        return Lookaside("file", "", configuration_files.join(home, _DEFAULT_OF_USER))


def load(settings: Settings) -> RegistriesD:
    """Read every registries.d/*.yaml that applies (loadRegistryConfiguration). Raises ConfigurationError."""
    default: _Namespace | None = None
    default_from = ""
    docker: dict[str, _Namespace] = {}
    files = configuration_files.drop_in_files(configuration_files.drop_in_directories(settings, "registries.d"), "yaml")
    for file in files:
        own_default, own_docker = _File(file).read()
        if own_default is not None:
            if default is not None:
                raise _wrong(file, f'"default-docker" is there already, in {default_from}')
            default, default_from = own_default, file
        for name, namespace in own_docker.items():
            if name in docker:
                raise _wrong(file, f'the namespace "{name}" is there already, in another file')
            docker[name] = namespace
    return RegistriesD(settings, default, docker, tuple(files))


class _File:
    """One file, read node by node: which types yaml.v3 gives them is not what Python's loader would give."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> tuple[_Namespace | None, dict[str, _Namespace]]:
        import yaml

        content = configuration_files.read(self._path)
        try:
            node = next(yaml.compose_all(content, yaml.SafeLoader), None)
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark is not None else None
            raise _wrong(self._path, f"it is not YAML: {getattr(error, 'problem', None) or error}", line) from None
        fields = self._mapping(node)
        default = fields.get("default-docker")
        namespaces = self._mapping(fields.get("docker"))
        return (
            None if default is None or self._is_null(default) else self._namespace(default),
            {name: self._namespace(each) for name, each in namespaces.items()},
        )

    def _namespace(self, node: object) -> _Namespace:
        fields = self._mapping(node)
        texts = {
            name: self._text(name, fields.get(name))
            for name in ("lookaside", "lookaside-staging", "sigstore", "sigstore-staging")
        }
        attachments = self._boolean(fields.get("use-sigstore-attachments"))
        return _Namespace(texts["lookaside"] or texts["sigstore"], attachments)

    def _mapping(self, node: object) -> dict[str, object]:
        from yaml.nodes import MappingNode, ScalarNode

        if node is None or self._is_null(node):
            return {}
        if not isinstance(node, MappingNode):
            raise _wrong(self._path, "there is something else where a mapping is expected", _line(node))
        fields: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.value == "<<":
                raise _wrong(self._path, "a key is not plain text", _line(key))
            if key.value in fields:
                raise _wrong(self._path, f'the key "{key.value}" is there twice', _line(key))
            fields[key.value] = value
        return fields

    def _text(self, name: str, node: object) -> str:
        from yaml.nodes import ScalarNode

        if node is None or self._is_null(node):
            return ""
        if not isinstance(node, ScalarNode):
            raise _wrong(self._path, f"{name} is not text", _line(node))
        return str(node.value)

    def _boolean(self, node: object) -> bool | None:
        from yaml.nodes import ScalarNode

        if node is None or self._is_null(node):
            return None
        if isinstance(node, ScalarNode):
            if node.value in _OLD_TRUE or (node.style is None and node.value in _TRUE):
                return True
            if node.value in _OLD_FALSE or (node.style is None and node.value in _FALSE):
                return False
        raise _wrong(self._path, "use-sigstore-attachments is neither true nor false", _line(node))

    def _is_null(self, node: object) -> bool:
        from yaml.nodes import ScalarNode

        return isinstance(node, ScalarNode) and node.style is None and node.value in _NULLS


def _line(node: object) -> int | None:
    mark = getattr(node, "start_mark", None)
    return mark.line + 1 if mark is not None else None


def _wrong(file: str, why: str, line: int | None = None) -> ConfigurationError:
    where = f" in line {line}" if line is not None else ""
    return ConfigurationError(f"{file}, where signatures are, cannot be used{where}: {why}.", file=file, line=line)


def _parsed_url(text: str) -> Lookaside:
    if urls.CONTROL.search(text) or urls.BROKEN_ESCAPE.search(text):
        raise ConfigurationError(f"the lookaside {text!r} of registries.d is not a URL; write file:// or https://")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(
            f"the lookaside {text!r} of registries.d is not a URL; write file:// or https://"
        ) from None
    return Lookaside(parts.scheme.lower(), parts.netloc, unquote(parts.path, errors="surrogateescape"), parts.query)
