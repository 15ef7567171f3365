"""Which entry of registries.conf is for a reference, and what a reference is rewritten to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.configuration.reference import parse_reference
from pycoco.configuration.registries.registries_conf import RegistriesConfiguration
from pycoco.configuration.registries.registries_match import match_length, rewritten
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.errors import ConfigurationError, InvalidReferenceError
from tests.unit.configuration.registries.loaded import AT, load, sources

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
