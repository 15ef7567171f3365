"""Fixtures that every test may use, and the checks at the end: nothing left running, nothing skipped in CI.

It is not for the fixtures' own work: tests/support/ finds programs and runs registries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.certificates import CertificateAuthority
from tests.support.images import ALL, BuiltImages, build_images
from tests.support.registry import Registry
from tests.support.tools import MISSING_TOOL, build_tool, in_ci

REPOSITORY = "demo/image"
"""Where the session's registry has every image of tests/support/images.py, each under its name as the tag."""

_missing_tool_skips: list[str] = []

# How long an example takes is the machine's matter, which may have much else to do.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs that the collected tests need before the first one's time limit runs.

    A module names those that it needs beside the usual ones in PROGRAMS.
    """
    if session.config.option.collectonly:
        return
    needed = dict.fromkeys(("imagetool", "registry") if any(map(_needs_programs, session.items)) else ())
    for item in session.items:
        needed.update(dict.fromkeys(getattr(getattr(item, "module", None), "PROGRAMS", ())))
    writer = session.config.get_terminal_writer()
    for name in needed:
        build_tool(name, lambda line: writer.line(line) if "building" in line else None)


def _needs_programs(item: pytest.Item) -> bool:
    return "built_images" in getattr(item, "fixturenames", ()) or hasattr(getattr(item, "module", None), "Registry")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember a test that was skipped for a missing program or module."""
    _remember_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember a file that was skipped as a whole."""
    _remember_skip(report)


def _remember_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if any(phrase in reason for phrase in (MISSING_TOOL, "could not import", "not installed", "not on PATH")):
            _missing_tool_skips.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when a process is left, or in CI when something was skipped for want of a program."""
    if _complaints():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what `pytest_sessionfinish` found."""
    for complaint in _complaints():
        terminalreporter.write_line(complaint, red=True)


def _complaints() -> list[str]:
    found = [f"left running: process {pid}: {command}" for pid, command in _children()]
    if in_ci():
        found += [f"skipped in CI: {skip}" for skip in _missing_tool_skips]
    return found


def _children() -> list[tuple[int, str]]:
    """This process's children that still run, but for multiprocessing's own and Go's, which end with their parent."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = (stat.parent / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:  # ended meanwhile
            continue
        if (
            int(parent) == os.getpid()
            and state != "Z"
            and not re.search("multiprocessing|pycoco_serve|pycoco-go", command)
        ):
            found.append((int(stat.parent.name), command))
    return found


@pytest.fixture(scope="session")
def built_images(tmp_path_factory: pytest.TempPathFactory) -> BuiltImages:
    """Every image of tests/support/images.py in one OCI layout, encrypted with keys of this session."""
    return build_images(build_tool("imagetool"), tmp_path_factory.mktemp("images"), ALL)


@pytest.fixture(scope="session")
def seeded_registry(built_images: BuiltImages) -> Iterator[Registry]:
    """A plain registry with all of them in REPOSITORY. Tests do not push to it; `registry` is the one to ask for."""
    with Registry() as registry:
        for name in built_images.images:
            registry.push(built_images, name, REPOSITORY, name)
        yield registry


@pytest.fixture
def registry(seeded_registry: Registry) -> Registry:
    """The session's registry, its access log empty."""
    seeded_registry.clear_requests()
    return seeded_registry


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """A certificate authority of this session."""
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))
