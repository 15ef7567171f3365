"""Go in a program of its own: one for all clients, ended with this process; what it takes with it when it crashes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco.backends.go import library, program
from pycoco.backends.select import select
from pycoco.configuration.settings import Settings
from tests.boundary import child, served
from tests.boundary.conftest import is_running
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

PROGRAM = """
import os, signal, sys, threading, time
import pycoco
from pycoco.backends.select import select

host = sys.argv[1]

def client(**options):
    return pycoco.Client(backend="go-process", tls_verify=False, timeout=20, **options)

def program():
    return select("go-process")._boundary._run._program._started.pid

def failure(call):
    try:
        call()
    except pycoco.PycocoError as error:
        return f"{error.code}: {error}"
    return "no error"
"""


def test_one_program_for_all_clients_started_by_the_first(scripted: ScriptedRegistry) -> None:
    ended = child.run(
        PROGRAM
        + """
def programs():
    # Those whose parent is this process, whichever of its threads has made them.
    found = []
    for each in filter(str.isdecimal, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{each}/stat").read()
        except OSError:  # it has ended
            continue
        if stat.rpartition(")")[2].split()[1] == str(os.getpid()):
            found.append(each)
    return found
assert programs() == [], programs()
with client() as one, client() as another:
    one.inspect(host + "/app:v1"), another.inspect(host + "/app:v1")
threads = [threading.Thread(target=lambda: client().close()) for _ in range(8)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
assert programs() == [str(program())]
""",
        scripted.host,
    )
    assert (ended.status, ended.output, ended.errors) == (0, "", "")


def test_a_crash_takes_what_is_in_flight_and_nothing_else(scripted: ScriptedRegistry) -> None:
    """Clients stay open, also one of another environment; a session that was closed is not opened again."""
    scripted.script = lambda request: served.slow(served.HANGS, "/hangs/")(request)
    ended = child.run(
        PROGRAM
        + """
one, closed = client(), client()
closed.close()
os.environ["ANOTHER"] = "environment"
another = client(creds=("user", "password"))
for _ in range(3):
    said = []
    waiting = threading.Thread(target=lambda: said.append(failure(lambda: one.inspect(host + "/hangs/app:v1"))))
    waiting.start()
    time.sleep(0.3)
    os.kill(program(), signal.SIGKILL)
    waiting.join(5)
    print(*said)
    print(one.inspect(host + "/app:v1").digest[:7], another.inspect(host + "/app:v1").digest[:7])
print(len(select("go-process")._boundary._sessions))
one.close(), another.close()
""",
        scripted.host,
    )
    lost = (
        "backend: the Go program ended by SIGKILL; what it was doing is lost, and the next call starts it again\n"
        "sha256: sha256:\n"
    )
    assert (ended.status, ended.output, ended.errors) == (0, lost * 3 + "2\n", "")
    authorized = {request.header("Authorization") for request in scripted.requests if "/app/" in request.path}
    assert authorized <= {None, ""}  # no challenge, no credentials; and none of another client's


def test_a_panic_ends_the_program_and_the_next_call_starts_another(scripted: ScriptedRegistry) -> None:
    ended = child.run(
        PROGRAM
        + """
with client() as used:
    used.inspect(host + "/app:v1")
    before = program()
    print(failure(lambda: select("go-process")._boundary.call({"operation": "panic"})))
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{before}") and time.monotonic() < deadline:
        time.sleep(0.01)
    print(used.inspect(host + "/app:v1").digest[:7], program() != before)
""",
        scripted.host,
    )
    assert ended.status == 0, ended.errors
    said, after = ended.output.splitlines()
    assert said.startswith("backend: ")
    assert "panicked (asked for by a test)" in said
    assert after == "sha256: True"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_with_its_process(number: int, hanging: ScriptedRegistry) -> None:
    process = child.start(
        PROGRAM
        + """
used = client()
threading.Thread(target=lambda: failure(lambda: used.inspect(host + "/app:v1")), daemon=True).start()
pid = os.fork()  # its children do not keep it
if pid == 0:
    time.sleep(20)
print(program(), pid, flush=True)
while True:  # not signal.pause(), which a signal may come just before
    time.sleep(0.05)
""",
        hanging.host,
        options=("-W", "ignore"),
    )
    try:
        assert process.stdout is not None
        running, forked = map(int, process.stdout.readline().split())
        assert is_running(running)
        os.kill(process.pid, number)
        process.wait(5)
        assert served.until(lambda: not is_running(running))
        os.kill(forked, signal.SIGKILL)
    finally:
        child.kill(process)


def test_too_much_memory_ends_the_program_only(scripted: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four megabytes of manifest can be a hundred megabytes in memory; many at once are a bomb."""
    bomb = b'{"schemaVersion":2,"manifests":[' + b",".join([b'{"digest":"%b"}' % (b"x" * 20)] * 110_000) + b"]}"

    def script(request: Request) -> Answer:
        if "/bomb/manifests/" not in request.path:
            return served.image(request)
        return Answer(headers=[("Content-Type", "application/vnd.oci.image.index.v1+json")], body=bomb)

    scripted.script = script
    monkeypatch.setenv("PYCOCO_GO_MEMORY", "256MiB")
    ended = child.run(
        PROGRAM
        + """
with client() as used:
    used.inspect(host + "/app:v1")
    results = dict(used.inspect_many([host + f"/bomb:v{number}" for number in range(64)]))
    print({str(each) for each in results.values()})
    print(used.inspect(host + "/app:v1").digest[:7])
""",
        scripted.host,
        timeout=50,
    )
    assert ended.status == 0, ended.errors
    said, after = ended.output.splitlines()
    assert "the Go program ended" in said
    assert "memory" in said
    assert "(PYCOCO_GO_MEMORY lets it have 268435456 bytes)" in said
    assert after == "sha256:"


@pytest.mark.parametrize("text", ["much", "0", "-1", "1.5GiB", "10 MiB", "5MB", "9" * 20])
def test_a_limit_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(pycoco.ConfigurationError, match="PYCOCO_GO_MEMORY"):
        program.memory_limit(text)


def test_limits_as_go_writes_them() -> None:
    assert [program.memory_limit(text) for text in ("", "4096", "1KiB", "2MiB", "3GiB")] == [
        None,
        4096,
        1 << 10,
        2 << 20,
        3 << 30,
    ]


def test_auto_goes_on_to_the_program_and_then_to_python(scripted: ScriptedRegistry, tmp_path: Path) -> None:
    """Without a loadable library, as on musl, and without either, as in the pure wheel: told once each, no warning."""
    choose = (
        PROGRAM
        + """
from pycoco.backends.go import library, program as starting
if sys.argv[2] == "library":
    real = library.library_path()
    starting.library.library_path = lambda: real if "program" in sys._getframe(1).f_code.co_filename else "/nonexistent"
else:
    library.library_path = lambda: "/nonexistent"
import logging
told = []
handler = logging.Handler()
handler.emit = lambda record: told.append(record.levelname + " " + record.getMessage())
logging.getLogger("pycoco").addHandler(handler)
logging.getLogger("pycoco").setLevel(logging.INFO)
for _ in range(2):
    with pycoco.Client(tls_verify=False) as used:
        print(used.backend, used.inspect(host + "/app:v1").digest[:7])
print(sorted(line.partition(":")[0] for line in told if "backend" in line))
"""
    )
    go, program = "INFO not using the backend go", "INFO not using the backend go-process"
    for kind, expected, said in (("library", "go-process", [go]), ("both", "python", [go, program])):
        ended = child.run(choose, scripted.host, kind)
        assert (ended.status, ended.errors) == (0, "")
        assert ended.output == f"{expected} sha256:\n" * 2 + f"{said}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [("#!/bin/sh\necho not here >&2\nexit 3\n", "with status 3: not here"), ("no program", "Exec format")],
)
def test_a_program_that_does_not_start_is_unavailable(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pycoco.backends.go.backend import GoProcessBackend

    path = tmp_path / "pycoco-go"
    path.write_text(text)
    path.chmod(0o755)
    monkeypatch.setattr(program, "command", lambda: [str(path)])
    broken = GoProcessBackend()
    with pytest.raises(pycoco.BackendUnavailableError, match=why):
        broken.versions()
    broken._completions._end()


def test_relative_names_are_of_the_directory_that_python_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own working directory is that of its start."""
    for name, mirror in (("first", "one.example"), ("second", "two.example")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "registries.conf").write_text(f'[[registry]]\nprefix = "a.example"\nlocation = "{mirror}"\n')
    found = []
    for name in ("first", "second"):
        monkeypatch.chdir(tmp_path / name)
        session = select("go-process").open(Settings(registries_conf="registries.conf", environ=dict(os.environ)))
        found += [source.reference for source in session.pull_sources("a.example/app:v1")]
        session.close()
    assert found == ["one.example/app:v1", "two.example/app:v1"]


def test_the_library_is_the_program_where_there_is_no_other() -> None:
    assert program.command()[-1] == library.library_path()


@pytest.mark.parametrize("missing", ["file", "limit"])
def test_what_the_system_refuses_a_program_is_an_error(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else would end the thread that starts programs, and whoever asked would wait for ever."""
    started: list[subprocess.Popen[bytes]] = []

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "refused")

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Started)
    if missing == "file":
        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    else:
        monkeypatch.setattr("resource.prlimit", refuse)
    expected = {"file": pycoco.BackendUnavailableError, "limit": pycoco.ConfigurationError}[missing]
    with pytest.raises(expected, match="refused"):
        program.Program(["/bin/cat"], 1 << 30)
    assert len(started) == (missing == "limit")
    assert all(each.returncode is not None for each in started)
