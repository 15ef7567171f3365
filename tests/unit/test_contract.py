"""The contract holds for both backends, and the header, the generated binding and the library say the same."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from pycoco.backends.contract import OPERATIONS, Reader, Session
from pycoco.backends.go import boundary, library
from pycoco.backends.select import select
from pycoco.configuration.settings import Settings
from pycoco.errors import BackendUnavailableError, InvalidReferenceError

HEADER = Path(__file__).parents[2] / "go" / "pycoco.h"


@pytest.mark.parametrize("backend", ["go", "go-process", "python"])
def test_a_session_exports_every_operation(backend: str) -> None:
    session = select(backend).open(Settings(environ=dict(os.environ)))
    for operation in OPERATIONS:
        assert callable(getattr(session, operation)), operation
    session.close()
    session.close()


def test_the_protocol_names_every_operation() -> None:
    assert set(OPERATIONS) <= set(vars(Session)) | set(vars(Reader))


@pytest.mark.parametrize("backend", ["go", "go-process", "python"])
@pytest.mark.parametrize(
    "reference", ["oci:/nowhere:app", "dir:/nowhere", "oci-archive:/a.tar", "docker-archive:/a.tar"]
)
def test_no_backend_reads_a_local_layout(backend: str, reference: str) -> None:
    session = select(backend).open(Settings(environ=dict(os.environ)))
    for operation in (session.fetch, session.fetch_manifest, session.fetch_instances, session.resolve):
        with pytest.raises(InvalidReferenceError, match="local layout"):
            operation(reference, timeout=20).result(20)
    session.close()


@pytest.mark.parametrize("backend", ["go", "go-process", "python"])
def test_a_backend_tells_versions(backend: str) -> None:
    assert select(backend).versions()


def test_the_library_exports_what_the_header_declares() -> None:
    declared = set(re.findall(r"\b(pycoco_\w+)\(", HEADER.read_text().partition("cffi: begin")[2]))
    command = ["nm", "-D", "--defined-only", library.library_path()]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert declared == {name for name in re.findall(r" T (\w+)", listed) if name.startswith("pycoco_")}


def test_the_abi_version_is_the_same_on_both_sides() -> None:
    queue = (HEADER.parent / "internal" / "operations" / "queue.go").read_text()
    assert re.findall(r"BoundaryVersion = (\d+)", queue) == [str(boundary.ABI_VERSION)]


def test_a_library_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailableError, match=r'backend="python"'):
        library.Library(str(tmp_path / "absent.so"))


def test_where_a_wheel_has_the_program_instead_of_a_library_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the wheels for musl; to look for a wheel that has the library would be in vain."""
    (tmp_path / "pycoco-go").touch()
    monkeypatch.setattr(library, "program_path", lambda: str(tmp_path / "pycoco-go"))
    with pytest.raises(BackendUnavailableError, match=r'as with musl, .* use backend="go-process"') as told:
        library.Library(str(tmp_path / "absent.so"))
    assert "pure wheel" not in str(told.value)


def test_a_file_that_is_no_library_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("not a library")
    with pytest.raises(BackendUnavailableError, match="cannot be loaded"):
        library.Library(str(tmp_path / "text.so"))


def test_a_library_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "ABI_VERSION", 99)
    with pytest.raises(BackendUnavailableError, match="ABI version"):
        library.Library(library.library_path())


def test_the_variable_that_would_change_this_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_Containers-unshare", "1")
    with pytest.raises(BackendUnavailableError, match="_Containers-unshare"):
        library.Library(library.library_path())
