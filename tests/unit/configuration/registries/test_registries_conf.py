"""registries.conf: upstream's own fixture files, and files that say what theirs do not."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pycoco.configuration import configuration_files
from pycoco.configuration.reference import parse_reference
from pycoco.configuration.registries import registries_conf
from pycoco.configuration.registries.registries_conf import RegistriesConfiguration
from pycoco.configuration.registries.registries_match import match_length, rewritten
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.errors import ConfigurationError, InvalidReferenceError
from tests.support.upstream import module_directory

DIGEST = "sha256:" + "a" * 64
AT = f"@{DIGEST}"


def upstream(main: str, drop_ins: str = "this-does-not-exist") -> RegistriesConfiguration:
    testdata = module_directory() / "pkg" / "sysregistriesv2" / "testdata"
    return registries_conf.load(explicit(testdata / main, testdata / drop_ins))


def explicit(main: Path, drop_ins: Path) -> Settings:
    return Settings(registries_conf=str(main), registries_conf_dir=str(drop_ins), environ={"HOME": "/nonexistent"})


def load(directory: Path, main: str, **drop_ins: str) -> RegistriesConfiguration:
    """Load `main` with drop-in files of the given names and contents."""
    path = directory / "registries.conf"
    path.write_text(main)
    (directory / "d").mkdir(exist_ok=True)
    for name, content in drop_ins.items():
        (directory / "d" / f"{name}.conf").write_text(content)
    return registries_conf.load(explicit(path, directory / "d"))


def sources(configuration: RegistriesConfiguration, text: str) -> list[str]:
    return [source.reference for source in configuration.pull_sources(parse_reference(text))]


# Upstream's fixtures, with what upstream's tests expect of them.


@pytest.mark.parametrize(
    ("main", "drop_ins", "locations"),
    [
        ("empty.conf", "this-does-not-exist", []),
        ("mirrors.conf", "this-does-not-exist", ["blocked.registry.com", "registry.com"]),
        (
            "invalidate-cache.conf",
            "this-does-not-exist",
            ["blocked.registry.com", "insecure.registry.com", "registry.com", "untrusted.registry.com"],
        ),
        (
            "base-for-registries.d.conf",
            "registries.conf.d",
            [
                "subdomain-prefix-3-overridden-by-dropin-location.com",
                "subdomain-prefix-2-overridden-by-dropin-location.com",
                "subdomain-prefix-1-overridden-by-dropin-location.com",
                "1.com",
                "2.com",
                "base.com",
            ],
        ),
    ],
)
def test_entries_are_in_order_of_their_prefixes(main: str, drop_ins: str, locations: list[str]) -> None:
    assert [registry.location for registry in upstream(main, drop_ins).registries] == locations


@pytest.mark.parametrize(
    ("main", "count"),
    [
        ("unmarshal.conf", 4),
        ("unqualified-search.conf", 4),
        ("pull-sources-from-reference.conf", 9),
        ("try-update-cache-valid.conf", 1),
    ],
)
def test_every_entry_of_a_fixture_is_read(main: str, count: int) -> None:
    assert len(upstream(main).registries) == count


@pytest.mark.parametrize(
    ("name", "prefix", "location"),
    [
        ("simple-prefix.com/foo/bar:latest", "simple-prefix.com", "registry.com:5000"),
        ("simple-prefix.com/", "simple-prefix.com", "registry.com:5000"),
        ("simple-prefix.com", "simple-prefix.com", "registry.com:5000"),
        ("not.so.simple-prefix.com/", "*.so.simple-prefix.com", "subdomain-prefix.com"),
        ("not.quite.simple-prefix.com/", "*.simple-prefix.com", "subdomain-prefix-2.com"),
        ("not.quite.simple-prefix.com:5000/with/path:tag", "*.simple-prefix.com", "subdomain-prefix-2.com"),
        (
            "really.not.quite.simple-prefix.com:5000/with/path:tag",
            "*.not.quite.simple-prefix.com",
            "subdomain-prefix-1-overridden-by-dropin-location.com",
        ),
        ("foo.docker.io:5000/omg:foo", "*.docker.io", "subdomain-prefix-2.com"),
        (
            f"foo.bar.example.com:6000/omg/wtf{AT}",
            "*.bar.example.com",
            "subdomain-prefix-3-overridden-by-dropin-location.com",
        ),
        ("foo.bar.docker.io:5000/omg:foo", "*.bar.docker.io", "subdomain-prefix-4.com"),
        ("foo.bar.example.com:5000/omg:foo", "foo.bar.example.com:5000", "subdomain-prefix-5.com"),
        ("simple-prefix.comx", None, None),
        ("complex-prefix.com:4000/with/path/on:tag", "complex-prefix.com:4000/with/path", "another-registry.com:5000"),
        ("no-prefix.com/foo:tag", "no-prefix.com", "no-prefix.com"),
        ("empty-prefix.com/foo:tag", "empty-prefix.com", "empty-prefix.com"),
        ("a.internal.registry.com/foo", "*.internal.registry.com", ""),
    ],
)
def test_the_longest_matching_prefix_is_found(name: str, prefix: str | None, location: str | None) -> None:
    configuration = upstream("find-registry.conf", "registries.conf.d")
    registry = configuration.find_registry(name)
    assert len(configuration.registries) == 19
    assert (registry and registry.prefix, registry and registry.location) == (prefix, location)


REGISTRY_A = ["mirror-1.registry-a.com", "mirror-2.registry-a.com", "registry-a.com/bar"]
REGISTRY_B = ["mirror-1.registry-b.com", "mirror-2.registry-b.com", "registry-b.com/bar"]


@pytest.mark.parametrize(
    ("prefix", "by_digest", "by_tag"),
    [
        ("registry-a.com/foo", REGISTRY_A, REGISTRY_A),
        ("registry-b.com/foo", REGISTRY_B, ["registry-b.com/bar"]),
        ("registry-a.com/baz", REGISTRY_A, REGISTRY_A),
        ("registry-b.com/baz", REGISTRY_B, ["registry-b.com/bar"]),
        (
            "registry-c.com/baz",
            ["mirror-1.registry-c.com", "mirror-2.registry-c.com", "registry-c.com/bar"],
            ["mirror-1.registry-c.com", "registry-c.com/bar"],
        ),
        (
            "registry-d.com/baz",
            ["mirror-1.registry-d.com", "mirror-2.registry-d.com", "registry-d.com/bar"],
            ["registry-d.com/bar"],
        ),
        (
            "registry-e.com/baz",
            ["registry-e.com/bar"],
            ["mirror-1.registry-e.com", "mirror-2.registry-e.com", "registry-e.com/bar"],
        ),
        (
            "registry-f.com/baz",
            ["mirror-1.registry-f.com", "registry-f.com/bar"],
            ["mirror-1.registry-f.com", "mirror-2.registry-f.com", "registry-f.com/bar"],
        ),
        (
            "registry-g.com/baz",
            ["mirror-1.registry-g.com", "mirror-3.registry-g.com", "mirror-4.registry-g.com", "registry-g.com/bar"],
            ["mirror-2.registry-g.com", "mirror-3.registry-g.com", "mirror-4.registry-g.com", "registry-g.com/bar"],
        ),
    ],
)
def test_mirrors_are_for_digests_or_tags(prefix: str, by_digest: list[str], by_tag: list[str]) -> None:
    configuration = upstream("pull-sources-from-reference.conf")
    for suffix, expected in ((AT, by_digest), (":aaa", by_tag)):
        found = configuration.pull_sources(parse_reference(f"{prefix}/image{suffix}"))
        assert [source.reference for source in found] == [f"{place}/image{suffix}" for place in expected]
        assert [source.mirror for source in found] == [True] * (len(expected) - 1) + [False]
        assert [source.insecure for source in found] == ["mirror-2.registry-a" in place for place in expected]


@pytest.mark.parametrize(
    ("main", "drop_ins", "registries", "origin"),
    [
        (
            "unqualified-search.conf",
            "this-does-not-exist",
            ("registry-a.com", "registry-c.com", "registry-d.com"),
            "unqualified-search.conf",
        ),
        (
            "unqualified-search.conf",
            "registries.conf.d-usr1",
            ("registry-a.com", "registry-c.com", "registry-d.com"),
            "unqualified-search.conf",
        ),
        ("unqualified-search.conf", "registries.conf.d-usr2", (), "empty-usr.conf"),
        ("base-for-registries.d.conf", "registries.conf.d", ("example-overwrite.com",), "config-1.conf"),
        ("empty.conf", "this-does-not-exist", (), ""),
    ],
)
def test_unqualified_search_registries(main: str, drop_ins: str, registries: tuple[str, ...], origin: str) -> None:
    configuration = upstream(main, drop_ins)
    assert configuration.unqualified_search_registries == registries
    assert Path(configuration.unqualified_search_registries_file).name == origin


@pytest.mark.parametrize(
    ("main", "drop_ins", "helpers"),
    [
        ("cred-helper.conf", "this-does-not-exist", ("helper-1", "helper-2")),
        ("empty.conf", "this-does-not-exist", ("containers-auth.json",)),
        ("cred-helper.conf", "registries.conf.d-empty-helpers", ("containers-auth.json",)),
        ("cred-helper.conf", "registries.conf.d", ("dropin-1", "dropin-2")),
    ],
)
def test_credential_helpers(main: str, drop_ins: str, helpers: tuple[str, ...]) -> None:
    assert upstream(main, drop_ins).credential_helpers == helpers


@pytest.mark.parametrize(
    ("main", "mode"),
    [
        ("aliases.conf", "enforcing"),
        ("registries.conf.d/config-2.conf", "permissive"),
        ("registries.conf.d/config-3.conf", "permissive"),
    ],
)
def test_short_name_mode(main: str, mode: str) -> None:
    assert upstream(main).short_name_mode == mode


def test_aliases_are_merged() -> None:
    aliases = upstream("aliases.conf", "registries.conf.d").aliases
    assert {name: (alias.value, Path(alias.file).name) for name, alias in aliases.items()} == {
        "docker": ("docker.io/library/config1", "config-1.conf"),
        "quay/foo": ("quay.io/library/foo", "aliases.conf"),
        "example": ("", "config-2.conf"),
        "empty": ("", "aliases.conf"),
        "config1": ("config1.com/image", "config-1.conf"),
        "barz": ("barz.com/config2", "config-2.conf"),
        "config2": ("config2.com/image", "config-2.conf"),
        "added3": ("xxx.com/image", "config-2.conf"),
    }


def test_a_drop_in_file_replaces_an_entry_as_a_whole() -> None:
    registry = upstream("base-for-registries.d.conf", "registries.conf.d").find_registry("base.com/test:latest")
    assert registry is not None
    assert registry.blocked
    assert not registry.insecure
    assert (Path(registry.file).name, registry.line) == ("config-2.conf", 11)


@pytest.mark.parametrize(
    ("main", "line", "problem"),
    [
        ("insecure-conflicts.conf", 11, "'insecure'"),
        ("blocked-conflicts.conf", 11, "'blocked'"),
        ("missing-mirror-location.conf", 10, "needs a location"),
        ("invalid-prefix.conf", 3, "leave out http://"),
        ("invalid-search.conf", 1, "is not a registry"),
        ("invalid-short-name-mode.conf", 1, "short-name-mode"),
        ("invalid-aliases.conf", 2, "without tag or digest"),
        ("invalid-config-level-mirror.conf", 4, "move it there"),
        ("invalid-conflict-mirror.conf", 7, "mirror-by-digest-only"),
        ("invalid-value-mirror.conf", 6, "digest-only"),
        ("try-update-cache-invalid.conf", 1, "not TOML"),
        ("v1-compatibility.conf", 1, "version 1"),
        ("v1-invalid-block.conf", 1, "version 1"),
        ("v1-invalid-insecure.conf", 1, "version 1"),
        ("v1-invalid-search.conf", 1, "version 1"),
        ("mixing-v1-v2.conf", 3, "version 1"),
        ("mixing-v1-v2-empty.conf", 3, "version 1"),
        ("this-does-not-exist.conf", None, "does not exist"),
    ],
)
def test_invalid_fixtures(main: str, line: int | None, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        upstream(main)
    assert Path(caught.value.file or "").name == main
    assert caught.value.line == line


# Matching and rewriting.


@pytest.mark.parametrize(
    ("reference", "prefix", "covered"),
    [
        ("docker.io", "docker.io", "docker.io"),
        ("docker.io", "example.com", None),
        ("example.com:50000", "example.com:5000", None),
        ("example.com:5000", "example.com", "example.com"),
        (f"example.com/foo/bar{AT}", "example.com", "example.com"),
        ("docker.io", "docker.io/library", None),
        ("docker.io/libraryy", "docker.io/library", None),
        ("docker.io/library/busybox2", "docker.io/library/busybox", None),
        ("example.com/foo:bar2", "example.com/foo:bar", None),
        (f"example.com/foo{AT}", f"example.com/foo{AT}", f"example.com/foo{AT}"),
        ("example.com/foo", "*", None),
        ("example.com/foo", "", None),
        ("docker.io", "*.io", "docker.io"),
        ("docker.io/foo", "*.com", None),
        ("example.com/foo", "*.co", None),
        ("example.com/foo", "*.example.com", None),
        ("x.a.com.evil/foo", "*.a.com", None),
        ("x.a.community.a.com/foo", "*.a.com", None),
        ("yet.another.example.com/foo", "**.example.com", None),
        ("example.net/namespace-ends-in.com/foo:t", "*.com", None),
        ("another.example.com/namespace.com/foo:t", "*.namespace.com", None),
        ("another.sub.example.com/foo:t", "*.example.com", "another.sub.example.com"),
        (f"yet.another.example.com:5000/foo{AT}", "*.example.com", "yet.another.example.com"),
    ],
)
def test_match_length(reference: str, prefix: str, covered: str | None) -> None:
    assert match_length(reference, prefix) == (None if covered is None else len(covered))


@pytest.mark.parametrize(
    ("reference", "prefix", "location", "result"),
    [
        ("example.com:5000/image:t", "example.com:5000", "example.com:5000", "example.com:5000/image:t"),
        ("example.com/foo/image:t", "example.com/foo", "example.com/path", "example.com/path/image:t"),
        ("docker.io/library/image", "docker.io/library", "example.com", "example.com/image"),
        ("another.sub.a.io:5000/ns/i:t", "*.sub.a.io", "example.com", "example.com:5000/ns/i:t"),
        ("foo.bar.io/ns1/ns2", "*.bar.io", "omg.bbq.com/roflmao", "omg.bbq.com/roflmao/ns1/ns2"),
        (f"alien.foobar.io:5000/foo{AT}", "*.foobar.io", "", f"alien.foobar.io:5000/foo{AT}"),
        ("docker.io/library/image", "*.com", "example.com", None),
        ("example.com/foo:latest", "example.com/f", "example.com/foo", None),
    ],
)
def test_rewriting(reference: str, prefix: str, location: str, result: str | None) -> None:
    assert rewritten(reference, prefix, location) == result


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ('prefix = "example.com/foo"\nlocation = "example.com"', f"example.com/foo{AT}"),
        ('prefix = "example.com"\nlocation = "example.com:5000"', "example.com:5000/image:t"),
        ('prefix = "example.com"\nlocation = "docker.io"', "example.com/image:t"),
        ('prefix = "example.com"\nlocation = "mirror.io/UPPER"', "example.com/image:t"),
        ('prefix = "example.com"\nlocation = "mirror.io/' + "a" * 250 + '"', "example.com/image:t"),
    ],
)
def test_a_location_that_makes_no_reference_is_an_error(tmp_path: Path, entry: str, text: str) -> None:
    configuration = load(tmp_path, f"\n[[registry]]\n{entry}\n")
    with pytest.raises(ConfigurationError, match="makes") as caught:
        configuration.pull_sources(parse_reference(text))
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "registries.conf"), 2)


def test_without_an_entry_the_reference_is_the_only_source() -> None:
    assert RegistriesConfiguration().pull_sources(parse_reference("quay.io/x")) == [PullSource("quay.io/x:latest")]


@pytest.mark.parametrize("text", ["fedora", "oci:dir"])
def test_what_names_no_registry_has_no_sources(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="names its registry"):
        RegistriesConfiguration().pull_sources(parse_reference(text))


def test_a_name_the_grammar_gives_no_domain_is_matched_as_it_is(tmp_path: Path) -> None:
    configuration = load(tmp_path, '[[registry]]\nprefix="a.b_c"\nlocation="q.io"\n')
    given = parse_reference("docker://a.b_c/x")
    assert given == ParsedReference("docker", "a.b_c/x:latest", "", "a.b_c/x", "latest")
    assert configuration.pull_sources(given) == [PullSource("q.io/x:latest")]


def test_what_an_endpoint_says_goes_with_its_source(tmp_path: Path) -> None:
    configuration = load(
        tmp_path,
        """
        [[registry]]
        location = "a.com/"
        blocked = true
        namespace-proxy = "primary.io"
        [[registry.mirror]]
        location = "mirror.io/a//"
        insecure = true
        namespace-proxy = "a.com"
        [[registry.mirror]]
        location = "blocked.io"
        [[registry]]
        location = "blocked.io"
        blocked = true
        """,
    )
    assert configuration.pull_sources(parse_reference("a.com/x:1")) == [
        PullSource("mirror.io/a/x:1", insecure=True, mirror=True, namespace_proxy="a.com"),
        PullSource("blocked.io/x:1", mirror=True, blocked=True),
        PullSource("a.com/x:1", blocked=True, namespace_proxy="primary.io"),
    ]


def test_prefixes_that_meet(tmp_path: Path) -> None:
    configuration = load(
        tmp_path,
        """
        [[registry]]
        prefix = "a.com"
        location = "whole.io"
        [[registry]]
        prefix = "a.com:5000"
        location = "port.io"
        [[registry]]
        prefix = "*.com"
        location = "wild.io"
        """,
    )
    # "*.com" is as long as "a.com" and before it in order: the first of equals stays.
    assert sources(configuration, "a.com/x:1") == ["wild.io/x:1"]
    assert sources(configuration, "a.com:5000/x:1") == ["port.io/x:1"]
    assert sources(configuration, "b.com:5000/x:1") == ["wild.io:5000/x:1"]


def test_of_entries_with_one_prefix_the_first_counts_within_a_file_and_the_last_file_among_files(
    tmp_path: Path,
) -> None:
    entries = '[[registry]]\nprefix="a.com"\nlocation="{}"\n'
    configuration = load(tmp_path, entries.format("one.io") + entries.format("two.io"))
    assert sources(configuration, "a.com/x:1") == ["one.io/x:1"]
    configuration = load(tmp_path, entries.format("one.io"), a=entries.format("three.io"), b="")
    assert sources(configuration, "a.com/x:1") == ["three.io/x:1"]
    assert [Path(path).name for path in configuration.files] == ["registries.conf", "a.conf", "b.conf"]


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
