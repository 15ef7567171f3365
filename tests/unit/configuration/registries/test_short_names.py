"""Short names: aliases, unqualified-search registries and modes, with upstream's own fixture files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.configuration.registries import registries_conf, short_names
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Candidate
from pycoco.errors import ConfigurationError, InvalidReferenceError, ShortNameError
from tests.support.upstream import module_directory

DIGEST = "@sha256:d366a4665ab44f0648d7a00ae3fae139d55e32f9712c67accd604bb55df9d05a"


def settings(home: Path, main: Path, drop_ins: Path | None = None, mode: str = "enforcing", **environ: str) -> Settings:
    return Settings(
        registries_conf=str(main),
        registries_conf_dir=str(drop_ins or main.parent / "this-does-not-exist"),
        short_names=mode,
        environ={"HOME": str(home), "_CONTAINERS_ROOTLESS_UID": "1000", **environ},
    )


def upstream(home: Path, main: str, drop_ins: str | None = None, mode: str = "enforcing") -> Settings:
    testdata = module_directory() / "pkg" / "shortnames" / "testdata"
    return settings(home, testdata / main, testdata / drop_ins if drop_ins else None, mode)


def candidates(text: str, given: Settings) -> list[Candidate]:
    return short_names.candidates(text, given, registries_conf.load(given))


def aliases(home: Path, text: str) -> Path:
    path = home / ".cache" / "containers" / "short-name-aliases.conf"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "repository"),
    [("docker", "docker.io/library/foo"), ("quay/foo", "quay.io/library/foo"), ("example", "example.com/library/foo")],
)
@pytest.mark.parametrize(
    ("suffix", "appended"), [("", ":latest"), (":tag", ":tag"), (DIGEST, DIGEST), (f":tag{DIGEST}", DIGEST)]
)
def test_an_alias_decides_alone(tmp_path: Path, name: str, repository: str, suffix: str, appended: str) -> None:
    given = upstream(tmp_path, "aliases.conf")
    assert candidates(name + suffix, given) == [Candidate(repository + appended, "alias")]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("registry.com/repo/image", "registry.com/repo/image:latest"),
        ("registry.com/repo/image:tag", "registry.com/repo/image:tag"),
        (f"registry.com/repo/image:tag{DIGEST}", f"registry.com/repo/image{DIGEST}"),
        ("localhost/repo/fedora:sometag", "localhost/repo/fedora:sometag"),
        ("docker.io/fedora", "docker.io/library/fedora:latest"),
        ("docker://docker", "docker.io/library/docker:latest"),
        ("oci:dir:tag", "oci:dir:tag"),
    ],
)
def test_what_is_not_short_stands_for_itself(tmp_path: Path, text: str, reference: str) -> None:
    assert candidates(text, upstream(tmp_path, "aliases.conf")) == [Candidate(reference, "given")]


@pytest.mark.parametrize("text", ["", " ", "$$$", "::", "Invalid#$", "UPPER", "f" * 64])
def test_what_is_no_reference_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        candidates(text, upstream(tmp_path, "aliases.conf"))


@pytest.mark.parametrize("mode", ["enforcing", "permissive", "disabled"])
@pytest.mark.parametrize(
    ("main", "name", "references"),
    [
        ("no-reg.conf", "repo/image", ["quay.io/repo/image:latest"]),
        ("one-reg.conf", "repo/image:1", ["quay.io/repo/image:1"]),
        ("two-reg.conf", f"repo/image{DIGEST}", [f"quay.io/repo/image{DIGEST}"]),
        ("no-reg.conf", "doesnotexist", []),
        ("one-reg.conf", "doesnotexist", ["quay.io/doesnotexist:latest"]),
        ("two-reg.conf", "foo:tag", ["quay.io/foo:tag", "registry.com/foo:tag"]),
        ("two-reg.conf", f"repo/foo{DIGEST}", [f"quay.io/repo/foo{DIGEST}", f"registry.com/repo/foo{DIGEST}"]),
    ],
)
def test_modes(tmp_path: Path, mode: str, main: str, name: str, references: list[str]) -> None:
    given = upstream(tmp_path, main, mode=mode)
    if not references or (mode == "enforcing" and len(references) > 1):
        with pytest.raises(ShortNameError):
            candidates(name, given)
    else:
        assert [candidate.reference for candidate in candidates(name, given)] == references


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("docker", "docker.io/library/config1:latest"),
        ("quay/foo:tag", "quay.io/library/foo:tag"),
        ("config1", "config1.com/image:latest"),
        (f"barz{DIGEST}", f"barz.com/config2{DIGEST}"),
        ("added1", "aliases.conf/added1:latest"),
        ("added3:tag", "aliases.conf/added3:tag"),
        # Reset by a later file, or by the user's own, so that the search registry serves.
        ("example", "example-overwrite.com/example:latest"),
        ("config2", "example-overwrite.com/config2:latest"),
        ("doesnotexist", "example-overwrite.com/doesnotexist:latest"),
    ],
)
def test_files_of_aliases_in_order(tmp_path: Path, name: str, reference: str) -> None:
    aliases(tmp_path, "[aliases]\nadded1='aliases.conf/added1'\nadded3='aliases.conf/added3'\nconfig2=''\n")
    given = upstream(tmp_path, "aliases.conf", "registries.conf.d")
    assert [candidate.reference for candidate in candidates(name, given)] == [reference]


def test_the_origin_of_an_alias_is_known(tmp_path: Path) -> None:
    path = aliases(tmp_path, "[aliases]\nadded1='aliases.conf/added1'\n")
    given = upstream(tmp_path, "aliases.conf")
    configuration = registries_conf.load(given)
    origins = {name: short_names.alias_for(name, given, configuration) for name in ("added1", "docker", "none")}
    assert {name: alias and alias.file for name, alias in origins.items()} == {
        "added1": str(path),
        "docker": given.registries_conf,
        "none": None,
    }


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ShortNameError, match=r"write REGISTRY/foo, or add an alias"):
        candidates("foo", upstream(tmp_path, "no-reg.conf"))
    with pytest.raises(ShortNameError, match=r"quay\.io/foo:latest, registry\.com/foo:latest: .*two-reg\.conf"):
        candidates("foo", upstream(tmp_path, "two-reg.conf"))
    empty = tmp_path / "empty.conf"
    empty.write_text("unqualified-search-registries = []\n")
    with pytest.raises(ShortNameError, match=r"empty\.conf sets no unqualified-search-registries"):
        candidates("foo", settings(tmp_path, empty))


def test_a_registry_without_dot_is_completed_like_any_name(tmp_path: Path) -> None:
    main = tmp_path / "registries.conf"
    main.write_text('unqualified-search-registries = ["mine", "docker.io", "localhost"]\n')
    found = candidates("foo", settings(tmp_path, main, mode="permissive"))
    assert [candidate.reference for candidate in found] == [
        "docker.io/mine/foo:latest",
        "docker.io/library/foo:latest",
        "localhost/foo:latest",
    ]


def test_an_upper_case_name_may_have_an_alias_but_no_registry(tmp_path: Path) -> None:
    main = tmp_path / "registries.conf"
    main.write_text('unqualified-search-registries = ["q.io"]\n[aliases]\n"UPPER/y" = "q.io/y"\n')
    given = settings(tmp_path, main)
    assert candidates("UPPER/y", given) == [Candidate("q.io/y:latest", "alias")]
    with pytest.raises(InvalidReferenceError, match="lower case"):
        candidates("UPPER/x", given)


@pytest.mark.parametrize("text", ["[aliases", "[aliases]\nfoo='bar'\n", "[aliases]\n'a.com/foo'='q.io/x'\n"])
def test_a_wrong_file_of_aliases_is_an_error(tmp_path: Path, text: str) -> None:
    path = aliases(tmp_path, text)
    given = upstream(tmp_path, "aliases.conf")
    with pytest.raises(ConfigurationError) as caught:
        candidates("docker", given)
    assert caught.value.file == str(path)
    assert candidates("quay.io/x", given) == [Candidate("quay.io/x:latest", "given")]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/u", "_CONTAINERS_ROOTLESS_UID": "0"}, "/var/cache/containers/short-name-aliases.conf"),
        ({"HOME": "/home/u", "_CONTAINERS_ROOTLESS_UID": "7"}, "/home/u/.cache/containers/short-name-aliases.conf"),
        (
            {"HOME": "/home/u", "XDG_CACHE_HOME": "/c", "_CONTAINERS_ROOTLESS_UID": "7"},
            "/c/containers/short-name-aliases.conf",
        ),
        (
            {"HOME": "/home/u", "XDG_CACHE_HOME": "", "_CONTAINERS_ROOTLESS_UID": "7"},
            "/home/u/.cache/containers/short-name-aliases.conf",
        ),
    ],
)
def test_where_the_file_of_aliases_lies(environ: dict[str, str], expected: str) -> None:
    assert short_names.alias_file(Settings(environ=environ)) == expected


def test_the_system_file_of_aliases_is_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_names, "SYSTEM_CACHE_DIRECTORY", str(tmp_path))
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "short-name-aliases.conf").write_text("[aliases]\nfoo='system.io/foo'\n")
    main = tmp_path / "registries.conf"
    main.touch()
    given = settings(tmp_path, main, _CONTAINERS_ROOTLESS_UID="0")
    assert candidates("foo", given) == [Candidate("system.io/foo:latest", "alias")]


def test_nothing_is_written(tmp_path: Path) -> None:
    candidates("docker", upstream(tmp_path, "aliases.conf"))
    assert list(tmp_path.iterdir()) == []
    path = aliases(tmp_path, "[aliases]\nfoo='q.io/foo'\n")
    assert candidates("foo", upstream(tmp_path, "aliases.conf")) == [Candidate("q.io/foo:latest", "alias")]
    assert list(path.parent.iterdir()) == [path]
