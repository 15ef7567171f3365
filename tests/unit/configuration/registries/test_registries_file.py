"""registries.conf as a file: syntax, types, and where it is found."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pycoco.configuration import configuration_files
from pycoco.configuration.registries import registries_conf
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError
from tests.unit.configuration.registries.loaded import explicit, load

# Syntax and types.


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a = 1\nb = \n", 2, "not TOML"),
        ("a = 1\na = 2\n", 2, "not TOML"),
        ("a = 1\n[[registry\n", 2, "not TOML"),
        ("[[registry]]\nlocation = 'a.com'\ninsecure = 1\n", 3, "'insecure' must be true or false, not an integer"),
        ("[[registry]]\nlocation = 'a.com'\n\nblocked = 'true'\n", 4, "'blocked' must be true or false"),
        ("[[registry]]\nlocation = 5\n", 2, "'location' must be a string, not an integer"),
        ("[[registry]]\nlocation = ['a.com']\n", 2, "not a list"),
        ("[[registry]]\nlocation = 1979-05-27\n", 2, "not a date or time"),
        ("[[registry]]\nlocation = 'a.com'\nLOCATION = 1\n", 2, "'LOCATION' must be a string"),
        ("[registry]\nlocation = 'a.com'\n", None, r"\[\[registry\]\]"),
        ("x = 1\nregistry = 'a.com'\n", 2, "list of tables"),
        ("registry = ['a.com']\n", 1, "list of tables"),
        (
            "[[registry]]\nlocation='a.com'\n[registry.mirror]\nlocation='b.com'\n",
            1,
            r"\[\[registry\.mirror\]\]",
        ),
        ("unqualified-search-registries = 'a.com'\n", 1, "a list of strings"),
        ("unqualified-search-registries = ['a.com', 1]\n", 1, "a list of strings"),
        ("unqualified-search-registries = ['']\n", 1, "not a registry"),
        ("unqualified-search-registries = ['a.com\\n']\n", 1, "not a registry"),
        ("credential-helpers = true\n", 1, "a list of strings"),
        ("short-name-mode = 3\n", 1, "a string"),
        ("additional-layer-store-auth-helper = 3\n", 1, "a string"),
        ("[registries]\nsearch = 'a.com'\n", 2, "a table"),
        ("registries = ['a.com']\n", 1, "a table"),
        ("# v1\n[registries.search]\nregistries = []\n", 2, "version 1"),
        ("\n[registries.insecure]\n[Registries.Block]\nRegistries = ['a.com']\n", 3, "version 1"),
        ("[[registry]]\nblocked = true\n", 1, "needs a location"),
        ("[[registry]]\nlocation = '/'\n", 1, "needs a location"),
        ("[[registry]]\nprefix = 'a.com'\n", 2, "needs a location"),
        ("[[registry]]\nlocation = 'https://a.com'\n", 2, "leave out https://"),
        ("[[registry]]\nlocation='q.io'\nprefix = '*.a.com/ns'\n", 3, r"\*\.example\.com"),
        ("[[registry]]\nlocation='q.io'\nprefix = '*.a.com:5000'\n", 3, r"\*\.example\.com"),
        (
            "[[registry]]\nlocation='a.com'\n[[registry.mirror]]\nlocation='m.io'\n"
            "[[registry]]\nlocation='b.com'\n[[registry.mirror]]\nlocation='m.io'\ninsecure='yes'\n",
            9,
            "'insecure'",
        ),
        ("[aliases]\nfoo = 'q.io/foo'\nbar = 3\n", 3, "must be a string"),
        ("[aliases]\nfoo = 'q.io/foo'\n\"a.com/bar\" = 'q.io/bar'\n", 3, "without registry"),
        ("[aliases]\n\"foo:tag\" = 'q.io/bar'\n", 2, "without registry"),
        ("[aliases]\nfoo = 'bar'\n", 2, "REGISTRY/REPOSITORY"),
        ("[aliases]\nfoo = 'docker://bar'\n", 2, "not an image reference"),
        ("aliases = {foo = 'bar'}\n", 1, "REGISTRY/REPOSITORY"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int | None, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        load(tmp_path, text)
    path = str(tmp_path / "registries.conf")
    assert (caught.value.file, caught.value.line) == (path, line)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_the_file_at_fault_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "", good="", wrong="x =\n")
    assert caught.value.file == str(tmp_path / "d" / "wrong.conf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Names of fields match whatever their case, the exact one first; unknown ones are passed over.
        ("[[Registry]]\nLOCATION = 'a.com'\nInsecure = true\nunknown = 5\n", ("a.com", True)),
        ("[[registry]]\nLocation = 'b.com'\nlocation = 'a.com'\nLOCATION = 'c.com'\n", ("a.com", False)),
        ('[[registry]]\n"loc\u0061tion" = \'a.com\'\n"in\u017fecure" = true\n', ("a.com", True)),
        ("registry = [{location = 'a.com', insecure = true}]\n", ("a.com", True)),
        ("registry = [\n  {location = 'a.com',\n  },\n]\n", ("a.com", False)),
        ("\ufeff[[registry]]\r\nlocation = 'a.com'\r\n", ("a.com", False)),
        ("aliases = 5\n[[registry]]\nlocation = 'a.com'\n", ("a.com", False)),
        ("registry = []\n", None),
        ("[registries]\n[registries.search]\n", None),
    ],
)
def test_what_is_tolerated(tmp_path: Path, text: str, expected: tuple[str, bool] | None) -> None:
    found = [(registry.location, registry.insecure) for registry in load(tmp_path, text).registries]
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize("content", [b"x = '\xff'\n", b"\xff\xfex\x00", b"x = 1 # \x00\n", b"[" * 20_000])
def test_bytes_that_are_no_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "registries.conf"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        registries_conf.load(explicit(path, tmp_path / "none"))
    assert caught.value.file == str(path)


class PlainDecodeError(ValueError):
    """What tomllib raises before Python 3.14: the line is only in its text."""


def plain_loads(text: str, **_: object) -> dict[str, Any]:
    where = "at line 2, column 5" if "$" in text else "at end of document"
    raise PlainDecodeError(f"Invalid value ({where})")


@pytest.mark.parametrize(("text", "line"), [("a = 1\nb = $\n", 2), ("a = 1\n\nb =", 3)])
def test_the_line_is_taken_from_the_text_of_an_older_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int
) -> None:
    parser = SimpleNamespace(loads=plain_loads, TOMLDecodeError=PlainDecodeError)
    monkeypatch.setattr("pycoco.configuration.toml_document._parser", lambda: parser)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert caught.value.line == line


# Finding the files.


def test_the_search_rule_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_files, "ADMINISTRATOR_DIRECTORY", str(tmp_path / "etc"))
    monkeypatch.setattr(configuration_files, "VENDOR_DIRECTORY", str(tmp_path / "usr"))
    entry = "[[registry]]\nlocation='{}'\n"
    for name in ("etc/registries.conf", "etc/registries.conf.d/1.conf", "named.conf", "config/containers/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(entry.format(f"{re.sub('[^a-z0-9]', '-', name)}.io"))

    def locations(**environ: str) -> list[str]:
        environ = {"XDG_CONFIG_HOME": str(tmp_path / "config"), **environ}
        return [registry.location for registry in registries_conf.load(Settings(environ=environ)).registries]

    named = str(tmp_path / "named.conf")
    assert locations() == ["etc-registries-conf-d-1-conf.io", "etc-registries-conf.io"]
    assert locations(CONTAINERS_REGISTRIES_CONF=named) == ["named-conf.io"]
    assert locations(CONTAINERS_REGISTRIES_CONF_OVERRIDE=named)[-1] == "named-conf.io"
    assert registries_conf.load(Settings(registries_conf=named, environ={"HOME": "/x"})).files[0] == named
    (tmp_path / "config/containers/x").rename(tmp_path / "config/containers/registries.conf")
    assert locations() == ["config-containers-x.io", "etc-registries-conf-d-1-conf.io"]


def test_each_load_reads_afresh_and_the_signature_tells_why(tmp_path: Path) -> None:
    assert load(tmp_path, "").registries == ()
    settings = explicit(tmp_path / "registries.conf", tmp_path / "d")
    before = registries_conf.signature(settings)
    assert registries_conf.signature(settings) == before
    (tmp_path / "d" / "new.conf").write_text("[[registry]]\nlocation='a.com'\n")
    added = registries_conf.signature(settings)
    assert added != before
    assert len(registries_conf.load(settings).registries) == 1
    (tmp_path / "d" / "new.conf").write_text("")
    assert registries_conf.signature(settings) not in (before, added)
    assert registries_conf.load(settings).registries == ()
