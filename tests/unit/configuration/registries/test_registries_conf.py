"""registries.conf: upstream's own fixture files, with what upstream's tests expect of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.configuration.reference import parse_reference
from pycoco.errors import ConfigurationError
from tests.unit.configuration.registries.loaded import AT, upstream

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
