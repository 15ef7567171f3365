"""Read a CRI message from a file of JSON or YAML, as crictl takes it.

Upstream: cri-tools cmd/crictl/util.go (loadContainerConfig), which reads YAML, and so JSON. YAML needs PyYAML, which is
the extra `yaml`. It is not for what the message says (see `message`).
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from pycoco.configuration import regular_file
from pycoco.cri.message import PlainScalar
from pycoco.documents.syntax import constants, nesting
from pycoco.errors import ConfigurationError, ContainerConfigError

_LIMIT = 1024 * 1024

# YAML 1.1's, as go-yaml reads them: without 12:30 for 750, and with 0o10. Twenty digits are more than any field holds.
_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-fA-F_]{1,16}|0b[01_]{1,64}|0o?[0-7_]{1,22}|0|[1-9][0-9_]{0,19})$", re.ASCII)


def read_request(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Return the object in the file, at most 1 MiB.

    Raises ConfigurationError for a file that cannot be read, ContainerConfigError for one that holds none.
    """
    name = os.fspath(path)
    content = read_file(name, _LIMIT)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ContainerConfigError(f"{name} is not UTF-8: save it so") from None
    document = _json(text, name) if text.lstrip()[:1] in {"{", "["} else _yaml(text, name)
    if not isinstance(document, Mapping):
        raise ContainerConfigError(f"{name} holds no object: write a CRI message as JSON or YAML")
    return document


def read_file(name: str, limit: int) -> bytes:
    """Return a regular file's bytes, at most `limit` of them. Raises ConfigurationError, which names the file."""
    try:
        return regular_file.read(name, limit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{name} cannot be read: {reason}", file=name) from None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(nesting.bounded(text), object_pairs_hook=_unambiguous, parse_constant=constants.refuse)
    except (ValueError, RecursionError) as error:
        raise ContainerConfigError(f"{name} is not JSON: {error}") from None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return document


def _yaml(text: str, name: str) -> Any:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError:
        raise ConfigurationError(
            f"{name} is YAML, which needs PyYAML: pip install 'pycoco-oci[yaml]', or write it as JSON", file=name
        ) from None
    try:
        return yaml.load(text, Loader=_loader(yaml))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f"{name}:{line + 1}" if line is not None else name
        reason = getattr(error, "problem", None) or error
        raise ContainerConfigError(f"{where}: not YAML that crictl would take: {reason}") from None


def _loader(yaml: Any) -> Any:
    """PyYAML's safe loader, but a date, a time and a decimal stay texts, a number and a truth value are such where one
    belongs, a key is a text and stands once, and an alias, which may multiply, is none."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.composer.ComposerError(None, None, "aliases are not taken", self.peek_event().start_mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            if len(set(map(repr, keys))) != len(keys):
                raise yaml.constructor.ConstructorError(None, None, "a key appears twice", node.start_mark)
            found = super().construct_mapping(node, deep)
            return {key.text if isinstance(key, PlainScalar) else key: value for key, value in found.items()}

        def construct_scalar_value(self, node: Any) -> PlainScalar:
            if node.tag.endswith(":bool"):
                value = self.construct_yaml_bool(node)
                return PlainScalar(value, "true" if value else "false")
            number = _integer(node.value)
            return PlainScalar(number, str(number))

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":timestamp", ":float", ":int"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789"))
    for kind in ("int", "bool"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.construct_scalar_value)
    return Loader


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    unsigned = digits.lstrip("+-")
    base = {"0x": 16, "0b": 2, "0o": 8}.get(unsigned[:2], 8 if unsigned[0] == "0" and len(unsigned) > 1 else 10)
    number = int(unsigned, base)
    return -number if digits.startswith("-") else number
