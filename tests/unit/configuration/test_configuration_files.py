"""The search rule for configuration files, with the administrator's and the vendor's directories moved aside."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pycoco.configuration import configuration_files
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError

USER, ADMINISTRATOR, VENDOR = "home/.config/containers", "etc", "usr"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(configuration_files, "ADMINISTRATOR_DIRECTORY", str(tmp_path / ADMINISTRATOR))
    monkeypatch.setattr(configuration_files, "VENDOR_DIRECTORY", str(tmp_path / VENDOR))
    return tmp_path


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def settings(root: Path, *, uid: int | str = 1000, **environ: str) -> Settings:
    return Settings(environ={"HOME": str(root / "home"), "_CONTAINERS_ROOTLESS_UID": str(uid), **environ})


def found(
    root: Path,
    uid: int = 1000,
    environ: Mapping[str, str] | None = None,
    explicit_file: str | None = None,
    explicit_directory: str | None = None,
) -> list[str]:
    """What is found for registries.conf, relative to `root`; names in `environ` and the others are relative too."""
    absolute = {key: str(root / value) for key, value in (environ or {}).items()}
    paths = configuration_files.find(
        "registries",
        "conf",
        settings(root, uid=uid, **absolute),
        variable="VARIABLE",
        explicit_file=str(root / explicit_file) if explicit_file else None,
        explicit_directory=str(root / explicit_directory) if explicit_directory else None,
    )
    return [os.path.relpath(path, root) for path in paths]


@pytest.mark.parametrize(
    ("present", "main"),
    [
        ([USER, ADMINISTRATOR, VENDOR], USER),
        ([ADMINISTRATOR, VENDOR], ADMINISTRATOR),
        ([VENDOR], VENDOR),
        ([], None),
    ],
)
def test_only_the_first_main_file_is_read(root: Path, present: list[str], main: str | None) -> None:
    write(root, *(f"{directory}/registries.conf" for directory in present))
    assert found(root) == ([f"{main}/registries.conf"] if main else [])


def test_directories_of_an_ordinary_user(root: Path) -> None:
    directories = configuration_files.drop_in_directories(settings(root), name="registries.conf.d")
    assert [os.path.relpath(path, root) for path in directories] == [
        f"{USER}/registries.conf.d",
        "etc/registries.rootless.conf.d/1000",
        "etc/registries.rootless.conf.d",
        "etc/registries.conf.d",
        "usr/registries.rootless.conf.d/1000",
        "usr/registries.rootless.conf.d",
        "usr/registries.conf.d",
    ]


@pytest.mark.parametrize(
    ("uid", "special"),
    [
        (0, ["certs.rootful.d"]),
        (7, ["certs.rootless.d/7", "certs.rootless.d"]),
        (-1, []),
        ("not a number", ["certs.rootful.d"]),
        ("+7", ["certs.rootless.d/7", "certs.rootless.d"]),
    ],
)
def test_directories_without_a_main_file(root: Path, uid: int | str, special: list[str]) -> None:
    directories = configuration_files.drop_in_directories(settings(root, uid=uid), name="certs.d")
    assert [os.path.relpath(path, root) for path in directories] == [
        f"{USER}/certs.d",
        *(f"{parent}/{name}" for parent in ("etc", "usr") for name in (*special, "certs.d")),
    ]


def test_drop_in_files_follow_the_main_file_in_order_of_their_names(root: Path) -> None:
    write(
        root,
        "etc/registries.conf",
        "usr/registries.conf.d/10.conf",
        "usr/registries.conf.d/30.conf",
        "etc/registries.conf.d/20.conf",
        "etc/registries.rootless.conf.d/20.conf",
        "etc/registries.rootless.conf.d/1000/40.conf",
        "etc/registries.rootful.conf.d/50.conf",
        f"{USER}/registries.conf.d/30.conf",
        f"{USER}/registries.conf.d/ignored.yaml",
        f"{USER}/registries.conf.d/directory.conf/60.conf",
    )
    (root / USER / "registries.conf.d" / "dangling.conf").symlink_to("nowhere")
    assert found(root) == [
        "etc/registries.conf",
        "usr/registries.conf.d/10.conf",
        "etc/registries.rootless.conf.d/20.conf",
        f"{USER}/registries.conf.d/30.conf",
        "etc/registries.rootless.conf.d/1000/40.conf",
    ]
    assert found(root, uid=0) == [
        "etc/registries.conf",
        "usr/registries.conf.d/10.conf",
        "etc/registries.conf.d/20.conf",
        f"{USER}/registries.conf.d/30.conf",
        "etc/registries.rootful.conf.d/50.conf",
    ]


def test_names_are_ordered_by_their_bytes(root: Path) -> None:
    directory = root / "drop-ins"
    directory.mkdir()
    for name in ("é.conf", "Z.conf", "a.conf", os.fsdecode(b"\xff.conf")):
        (directory / name).touch()
    paths = configuration_files.drop_in_files([str(directory)], "conf")
    assert [os.fsencode(os.path.basename(path)) for path in paths] == [
        b"Z.conf",
        b"a.conf",
        "é.conf".encode(),
        b"\xff.conf",
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["etc/registries.conf", "etc/registries.conf.d/1.conf"]),
        # An explicit main file leaves the drop-in files, and goes before the variable.
        ({"explicit_file": "mine"}, ["mine", "etc/registries.conf.d/1.conf"]),
        ({"explicit_file": "mine", "environ": {"VARIABLE": "theirs"}}, ["mine", "etc/registries.conf.d/1.conf"]),
        # The variable takes them away, even a directory that was named.
        ({"environ": {"VARIABLE": "theirs"}}, ["theirs"]),
        ({"environ": {"VARIABLE": "theirs"}, "explicit_directory": "dir"}, ["theirs"]),
        ({"explicit_directory": "dir"}, ["etc/registries.conf", "dir/2.conf"]),
        ({"explicit_file": "mine", "explicit_directory": "dir"}, ["mine", "dir/2.conf"]),
        ({"explicit_directory": "absent"}, ["etc/registries.conf"]),
        # One more file, last, also after the variable's; not with a directory that was named.
        (
            {"environ": {"VARIABLE_OVERRIDE": "theirs"}},
            ["etc/registries.conf", "etc/registries.conf.d/1.conf", "theirs"],
        ),
        ({"environ": {"VARIABLE": "mine", "VARIABLE_OVERRIDE": "theirs"}}, ["mine", "theirs"]),
        (
            {"environ": {"VARIABLE_OVERRIDE": "absent"}, "explicit_directory": "dir"},
            ["etc/registries.conf", "dir/2.conf"],
        ),
    ],
)
def test_explicit_files_and_variables(root: Path, options: dict[str, Any], expected: list[str]) -> None:
    write(root, "etc/registries.conf", "etc/registries.conf.d/1.conf", "mine", "theirs", "dir/2.conf")
    assert found(root, **options) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"explicit_file": "absent"},
        {"environ": {"VARIABLE": "absent"}},
        {"environ": {"VARIABLE_OVERRIDE": "absent"}},
        {"environ": {"VARIABLE": "mine", "VARIABLE_OVERRIDE": "absent"}},
        {"explicit_directory": "mine"},
        {"explicit_file": "mine/below-a-file"},
        {"explicit_file": "a\0b"},
    ],
)
def test_what_was_named_must_be_there(root: Path, options: dict[str, Any]) -> None:
    write(root, "mine")
    with pytest.raises(ConfigurationError) as caught:
        found(root, **options)
    assert caught.value.file is not None
    assert caught.value.file.startswith(str(root))


def test_empty_variables_are_none(root: Path) -> None:
    write(root, "etc/registries.conf")
    given = settings(root, VARIABLE="", VARIABLE_OVERRIDE="")
    assert configuration_files.find("registries", "conf", given, "VARIABLE", "", "") == [
        str(root / "etc/registries.conf")
    ]


def test_a_main_file_that_cannot_be_looked_at_is_an_error(root: Path) -> None:
    write(root, "etc/registries.conf", "home/.config/containers")
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        found(root)
    assert caught.value.file == str(root / USER / "registries.conf")


def test_a_directory_in_place_of_a_file_cannot_be_read(root: Path) -> None:
    (root / "etc" / "registries.conf").mkdir(parents=True)
    (path,) = found(root)
    with pytest.raises(ConfigurationError, match="directory"):
        configuration_files.read(str(root / path))


def test_the_user_directory_follows_the_given_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/process/home")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/process/config")
    assert configuration_files.user_directory(settings(root)) == str(root / USER)
    assert configuration_files.user_directory(settings(root, XDG_CONFIG_HOME="/x/../y//")) == "/y/containers"
    # Set but empty is set: the path is then relative.
    assert configuration_files.user_directory(settings(root, XDG_CONFIG_HOME="")) == "containers"


def test_without_home_the_passwd_entry_counts() -> None:
    entry = pwd.getpwuid(os.getuid())
    assert configuration_files.home_directory(Settings()) == entry.pw_dir
    assert configuration_files.home_directory(Settings(environ={"HOME": ""})) == entry.pw_dir


def test_without_any_home_it_is_an_error() -> None:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    unknown = next(uid for uid in range(60000, 70000) if uid not in taken)
    nobody = Settings(environ={"_CONTAINERS_ROOTLESS_UID": str(unknown)})
    with pytest.raises(ConfigurationError, match="set HOME"):
        configuration_files.find("registries", "conf", nobody)
    known = Settings(environ={"_CONTAINERS_ROOTLESS_UID": str(unknown), "XDG_CONFIG_HOME": "/x"})
    assert configuration_files.user_directory(known) == "/x/containers"


def test_main_file_alone(root: Path) -> None:
    assert configuration_files.main_file(settings(root), name="policy.json") is None
    write(root, "usr/policy.json", "mine.json", "theirs.json")
    given = settings(root, CONTAINERS_POLICY_JSON=str(root / "theirs.json"))
    assert configuration_files.main_file(settings(root), name="policy.json") == str(root / "usr/policy.json")
    for explicit, expected in ((None, "theirs.json"), (str(root / "mine.json"), "mine.json")):
        path = configuration_files.main_file(given, "policy.json", "CONTAINERS_POLICY_JSON", explicit)
        assert path == str(root / expected)


def test_signature_tells_replaced_and_written_files(root: Path) -> None:
    path = root / "file"
    path.write_text("one")
    seen = {configuration_files.signature([str(path)])}
    os.utime(path, ns=(1, 1))
    seen.add(configuration_files.signature([str(path)]))
    assert configuration_files.signature([str(path)]) in seen
    replacement = root / "replacement"
    replacement.write_text("two")
    os.utime(replacement, ns=(1, 1))
    replacement.replace(path)
    seen.add(configuration_files.signature([str(path)]))
    path.unlink()
    seen.add(configuration_files.signature([str(path)]))
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("elements", "path"),
    [
        (("/a", "b"), "/a/b"),
        (("//a/", "./b"), "/a/b"),
        (("", "b"), "b"),
        (("/a/..", "..", "b"), "/b"),
        (("a/..", "b"), "b"),
    ],
)
def test_join_is_that_of_go(elements: tuple[str, ...], path: str) -> None:
    assert configuration_files.join(*elements) == path
