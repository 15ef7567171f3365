"""Go's environment is each client's own; the process's, which its subprocesses inherit, is never touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName


def inherited() -> dict[str, str]:
    """What a program started now finds in its environment: C's environ, not os.environ."""
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return {str(name): str(value) for name, value in json.loads(finished.stdout).items()}


def test_clients_of_two_environments_leave_the_process_its_own(
    backend: BackendName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inherited()
    answers = []
    for name in ("one", "two"):
        home = tmp_path / name
        (home / ".config" / "containers").mkdir(parents=True)
        conf = home / ".config" / "containers" / "registries.conf"
        conf.write_text(f'unqualified-search-registries = ["{name}.invalid"]\n')
        with monkeypatch.context() as changed:
            changed.setenv("HOME", str(home))
            changed.delenv("XDG_CONFIG_HOME", raising=False)
            changed.delenv("CONTAINERS_REGISTRIES_CONF", raising=False)
            client = pycoco.Client(backend=backend)
        with client:  # the process's environment is another again; the client keeps what it was made with
            answers.append([candidate.reference for candidate in client.explain("nowhere-else").candidates])
    assert answers == [["one.invalid/nowhere-else:latest"], ["two.invalid/nowhere-else:latest"]]
    assert inherited() == before
    assert os.environ.get("HOME") == before.get("HOME")
