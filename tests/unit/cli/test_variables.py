"""The PYCOCO_ variables of the command line: the option wins, the checks are the option's, and none is a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pycoco.cli import grammar, main
from pycoco.cli.grammar.command import VARIABLES
from pycoco.testing import FakeRegistry


@pytest.fixture(autouse=True)
def none_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PYCOCO_"):
            monkeypatch.delenv(name)


def values(directory: Path) -> dict[str, tuple[str, Any, str]]:
    """For each option: a variable's text, what it means, and other words for the command line."""
    file = str(directory / "file")
    Path(file).write_text("{}")
    return {
        "platform": ("linux/arm64", "linux/arm64", "linux/s390x"),
        "timeout": ("2.5", 2.5, "9"),
        "retries": ("3", 3, "9"),
        "store": (file, file, "other"),
        "policy": ("TRUE", True, "other"),
        "auth_file": (file, file, "other"),
        "cert_dir": (str(directory), str(directory), "other"),
        "registries_conf": (file, file, "other"),
        "registries_conf_dir": (str(directory), str(directory), "other"),
        "concurrency": ("5", 5, "9"),
        "per_registry": ("7", 7, "9"),
    }


@pytest.mark.parametrize("option", VARIABLES)
@pytest.mark.parametrize("command", ["inspect", "scan"])
def test_the_variable_counts_where_the_option_is_not_given(
    option: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, meaning, other = values(tmp_path)[option]
    default = getattr(grammar.parse([command, "a"]), option)
    monkeypatch.setenv(VARIABLES[option], text)
    assert getattr(grammar.parse([command, "a"]), option) == meaning != default
    given = getattr(grammar.parse([command, "a", f"--{option.replace('_', '-')}={other}"]), option)
    assert str(given).removesuffix(".0") == other
    monkeypatch.setenv(VARIABLES[option], "")
    assert getattr(grammar.parse([command, "a"]), option) == default


@pytest.mark.parametrize(
    ("name", "text", "status", "message"),
    [
        ("PYCOCO_TIMEOUT", "soon", 2, "PYCOCO_TIMEOUT is 'soon'; give a number, or unset it"),
        ("PYCOCO_RETRIES", "1.5", 2, "PYCOCO_RETRIES is '1.5'; give a whole number, or unset it"),
        ("PYCOCO_TIMEOUT", "0", 4, "PYCOCO_TIMEOUT: timeout is 0.0; give seconds above 0, or None for no limit"),
        ("PYCOCO_RETRIES", "-1", 4, "PYCOCO_RETRIES: retries is -1; give a whole number, 0 or more"),
        ("PYCOCO_CONCURRENCY", "0", 4, "PYCOCO_CONCURRENCY: concurrency is 0; give a whole number, 1 or more"),
        ("PYCOCO_PER_REGISTRY", "0", 4, "PYCOCO_PER_REGISTRY: per_registry is 0; give a whole number, 1 or more"),
        (
            "PYCOCO_PLATFORM",
            "linux/x86_64",
            4,
            "PYCOCO_PLATFORM: platform is 'linux/x86_64'; did you mean linux/amd64?",
        ),
        ("PYCOCO_AUTH_FILE", "/nowhere", 4, "PYCOCO_AUTH_FILE: auth_file is /nowhere, which does not exist"),
        ("PYCOCO_CERT_DIR", os.devnull, 4, f"PYCOCO_CERT_DIR: cert_dir is {os.devnull}; give a directory"),
        ("PYCOCO_BACKEND", "perl", 4, "PYCOCO_BACKEND is 'perl'; use one of auto, go, go-process, python"),
    ],
)
def test_what_is_wrong_names_the_variable(
    name: str,
    text: str,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, text)
    assert main(["inspect", "dir:/nowhere"]) == status
    assert capsys.readouterr().err == f"pycoco: {message}\n"


def test_what_the_command_line_says_spares_the_variable_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCOCO_TIMEOUT", "soon")
    monkeypatch.setenv("PYCOCO_AUTH_FILE", "/nowhere")
    parsed = grammar.parse(["inspect", "a", "--timeout", "3", "--namespace", "team"])
    assert (parsed.timeout, parsed.auth_file) == (3.0, None)


def test_commands_of_a_node_heed_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES.values():
        monkeypatch.setenv(name, "nonsense")
    assert grammar.parse(["pull", "a"]).policy is None
    assert grammar.parse(["serve"]).timeout is None


def test_no_variable_holds_a_secret_or_lowers_a_check() -> None:
    forbidden = {"creds", "identity_token", "registry_token", "tls_verify", "schema1", "nested_indexes", "short_names"}
    assert forbidden & set(VARIABLES) == set()


@pytest.mark.parametrize("command", ["inspect", "pull"])
def test_the_help_names_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        grammar.parse([command, "--help"])
    help = capsys.readouterr().out
    assert [name for name in VARIABLES.values() if (f"[{name}]" in help) != (command == "inspect")] == []


def test_version_lists_what_is_set(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PYCOCO_STORE", "\x1b[1m")
    monkeypatch.setenv("PYCOCO_BACKEND", "python")
    monkeypatch.setenv("PYCOCO_TOKEN", "hunter2")  # there is no such variable
    assert main(["version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("PYCOCO_")] == [
        ["PYCOCO_BACKEND", "python"],
        ["PYCOCO_STORE", "\\x1b[1m"],
    ]


def test_a_whole_read_by_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCOCO_PLATFORM", "linux/arm64")
    monkeypatch.setenv("PYCOCO_STORE", str(tmp_path / "store"))
    with FakeRegistry() as registry:
        registry.image("app:v1", platforms=["linux/amd64", "linux/arm64"])
        assert main(["inspect", f"{registry.host}/app:v1", "--tls-verify=false"]) == 0
    assert (tmp_path / "store" / "index.json").exists()
