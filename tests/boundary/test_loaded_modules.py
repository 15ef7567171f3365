"""What each command loads, which is most of the time it takes: rooms of pycoco, packages, and heavy parts of Python.

It is not for how long anything takes, which is measured (see `tests.bench`) and not tested.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterable

import pytest

from tests.boundary.child import ROOT
from tests.support.scripted_registry import ScriptedRegistry

# Without site, which loads much in an environment where pycoco is installed to be edited.
_RUN = """
import sys
sys.path[1:1] = sys.argv.pop(1).split("\\n")
before = set(sys.modules)
from pycoco.cli import main
try:
    status = main()
finally:
    print(*sorted(set(sys.modules) - before), file=sys.stderr)
sys.exit(status)
"""

HEAVY = {
    *("argparse", "asyncio", "concurrent.futures", "dataclasses", "datetime", "email", "gettext", "hashlib", "http"),
    *("importlib.metadata", "inspect", "ipaddress", "json", "logging", "pathlib", "platform", "random", "re", "shutil"),
    *("sqlite3", "ssl", "subprocess", "tempfile", "tomllib", "traceback", "typing", "unittest", "urllib", "zipfile"),
    *("base64", "locale", "struct"),
}
"""Of Python's own, what takes half a millisecond or more."""

COMMAND = {"pycoco", "pycoco.cli", "pycoco.cli.grammar"}
"""Rooms."""

GO_MODULES = {
    *("_dataclass", "_pattern", "_version", "base_client", "client", "errors", "image", "opened", "options"),
    *("printable", "ready", "waiting"),
    *("backends", "backends.contract", "backends.exchange", "backends.select", "backends.go", "backends.go._ffi"),
    *("backends.go.backend", "backends.go.boundary", "backends.go.completions", "backends.go.library"),
    *("backends.go.log_records", "cli", "cli.client_options", "cli.exit_status", "cli.grammar"),
    *("cli.grammar.client_options", "cli.grammar.command", "cli.grammar.reading", "cli.registry", "cli.registry.raw"),
    *("cli.spellings", "cli.usage", "configuration", "configuration.auth", "configuration.auth.given"),
    *("configuration.settings", "configuration.values", "documents", "documents.values"),
}
"""All of pycoco that a cold reading with the Go backend loads. Nothing is added here without its milliseconds."""

GO = {f"pycoco.{name}".rpartition(".")[0] for name in GO_MODULES}
PYTHON = GO - {"pycoco.backends.go"} | {
    *("pycoco.backends.python", "pycoco.backends.python.network", "pycoco.backends.python.network.proxies"),
    *("pycoco.backends.python.registry", "pycoco.configuration.registries", "pycoco.documents.syntax"),
}

PARSING = {"argparse", "gettext", "locale", "re", "typing"}
CALLING = PARSING | {"concurrent.futures", "json", "logging", "traceback"}
# asyncio loads inspect, socket and subprocess; httpx loads dataclasses, http, email, tempfile and their kin.
ASKING = (
    CALLING
    | {"base64", "dataclasses", "inspect", "struct"}
    | {
        *("asyncio", "datetime", "email", "hashlib", "http", "ipaddress", "pathlib", "platform", "random", "shutil"),
        *("ssl", "subprocess", "tempfile", "tomllib", "urllib"),
    }
)

HTTPX = {"httpx", "h11", "idna", "tomli", "exceptiongroup"}
"""And what it stands on, as far as a Python has need of it; httpcore and anyio are for SOCKS proxies alone."""

HTTPX_COMMAND = {"click", "pygments", "rich", "mdurl", "markdown_it"}
"""Of httpx's own command line, which it looks for."""


def loaded(*arguments: str) -> set[str]:
    """Every module that a run of the command loads."""
    paths = "\n".join([str(ROOT), *dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))])
    run = [sys.executable, "-S", "-c", _RUN, paths, *arguments]
    finished = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
    assert finished.returncode == 0, finished.stderr
    return set(finished.stderr.splitlines()[-1].split())


def rooms(modules: Iterable[str]) -> set[str]:
    """The rooms of pycoco that any of the modules is in."""
    return {name.rpartition(".")[0] or name for name in modules if name.partition(".")[0] == "pycoco"}


def packages(modules: Iterable[str]) -> set[str]:
    """Whatever is neither pycoco nor Python's own; a name with _ (or of mypyc) is a part of another one."""
    names = {name.partition(".")[0] for name in modules if not name.startswith("_")}
    return {name for name in names - sys.stdlib_module_names - {"pycoco"} if not name.endswith("__mypyc")}


def test_the_version() -> None:
    modules = loaded("--version")
    assert {name for name in modules if name.startswith("pycoco")} == {"pycoco", "pycoco._version", "pycoco.cli"}
    assert modules & HEAVY == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_what_a_shell_completes_by(shell: str) -> None:
    modules = loaded("completion", shell)
    told = {"pycoco", "pycoco._version", "pycoco.cli", "pycoco.cli.completion"}
    assert {name for name in modules if name.startswith("pycoco")} == told
    assert modules & HEAVY == set()


@pytest.mark.parametrize("command", ["config", "manifest", "digest"])
def test_a_command_that_reads_with_go(command: str, scripted: ScriptedRegistry) -> None:
    modules = loaded(command, "--tls-verify=false", "--backend=go", f"{scripted.host}/app:v1")
    assert {name for name in modules if name.partition(".")[0] == "pycoco"} == {
        "pycoco",
        *(f"pycoco.{name}" for name in GO_MODULES),
    }
    assert modules & HEAVY <= CALLING
    assert packages(modules) == set()


@pytest.mark.parametrize("command", ["config", "manifest", "digest"])
def test_a_command_that_reads_with_python(command: str, scripted: ScriptedRegistry) -> None:
    modules = loaded(command, "--tls-verify=false", "--backend=python", f"{scripted.host}/app:v1")
    assert rooms(modules) == PYTHON
    assert modules & HEAVY <= ASKING
    assert packages(modules) <= HTTPX | HTTPX_COMMAND


def test_the_help_of_a_command() -> None:
    modules = loaded("config", "--help")
    assert rooms(modules) == COMMAND
    assert modules & HEAVY <= PARSING | {"shutil"}
