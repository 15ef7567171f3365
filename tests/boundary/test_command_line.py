"""`pycoco inspect -` and `--from-file`: a line for each as it completes, resumed after whatever interrupted it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boundary import served
from tests.boundary.child import ROOT, kill
from tests.support.scripted_registry import ScriptedRegistry


class Command:
    """`pycoco inspect` in a process of its own."""

    def __init__(self, backend: str, *arguments: str, **streams: Any) -> None:
        command = [sys.executable, "-m", "pycoco", "inspect", "--tls-verify=false", "--backend", backend, *arguments]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        self.process = subprocess.Popen(
            command, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True, **streams
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *error: object) -> None:
        kill(self.process)


def run(backend: str, *arguments: str, given: str = "") -> tuple[int, list[dict[str, Any]], str]:
    """The exit status, the lines and stderr."""
    with Command(backend, *arguments) as process:
        output, errors = process.communicate(given, timeout=30)
    return process.returncode, [json.loads(line) for line in output.splitlines()], errors


@pytest.fixture
def names(scripted: ScriptedRegistry) -> list[str]:
    return [f"{scripted.host}/app:v{number}" for number in range(10)]


def test_standard_input(backend: str, names: list[str]) -> None:
    status, lines, errors = run(backend, "-", given="# a comment\n\n  " + "\n".join(names))
    assert status == 0
    assert sorted(line["requested"] for line in lines) == names
    assert {line["digest"] for line in lines} == {served.DIGEST}
    assert errors == "pycoco: 10 read, 0 failed\n"


def test_a_file_and_an_output(backend: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "names").write_text("\n".join(names))
    status, lines, _ = run(backend, "--from-file", f"{tmp_path}/names", "--output", f"{tmp_path}/out")
    assert (status, lines) == (0, [])
    assert len((tmp_path / "out").read_text().splitlines()) == 10


def test_the_status_says_whether_any_failed(backend: str, names: list[str], scripted: ScriptedRegistry) -> None:
    missing = f"{scripted.host}/missing:v1"
    status, lines, errors = run(
        backend, "-", given="\n".join([missing, *names, "\udcff".encode(errors="replace").decode()])
    )
    assert status == 12
    assert errors == "pycoco: 10 read, 2 failed\n"
    failed = {line["requested"]: line["error"] for line in lines if "error" in line}
    assert failed == {missing: "not_found", "?": "invalid_reference"}


def test_a_line_is_written_while_the_input_is_silent(backend: str, names: list[str]) -> None:
    with Command(backend, "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in names[:3]:
            process.stdin.write(name + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["requested"] == name
        process.stdin.close()
        assert process.wait(10) == 0


def test_resume_does_what_is_missing(
    backend: str, names: list[str], scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    missing = f"{scripted.host}/missing:v1"
    assert run(backend, "-", "--resume", str(output), given="\n".join([*names[:4], missing]))[0] == 12
    whole = output.read_text()
    output.write_text(whole + '{"requested": "' + names[4])  # as a process that was killed leaves it
    scripted.requests.clear()
    status, _, errors = run(backend, "-", "--resume", str(output), given="\n".join([*names, missing]))
    assert status == 12
    assert errors == "pycoco: 6 read, 1 failed, 4 were done before\n"
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(line["requested"] for line in lines) == sorted([*names, missing])
    assert not [
        request
        for request in scripted.requests
        if request.path.endswith(("v0", "v1", "v2", "v3")) and "/app/" in request.path
    ]


def test_resume_after_an_interruption(
    backend: str, names: list[str], scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    scripted.script = served.slow(served.HANGS, "/manifests/v7")
    output = tmp_path / "out.jsonl"
    (tmp_path / "names").write_text("\n".join(names))
    arguments = ("--from-file", f"{tmp_path}/names", "--resume", str(output))
    with Command(backend, *arguments) as process:
        assert served.until(lambda: output.exists() and output.read_text().count("\n") == 9, 20)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=5)
    assert process.returncode == 130
    assert errors == "pycoco: 9 read, 0 failed\npycoco: interrupted\n"
    assert served.until(lambda: all(each._slow is None for each in list(scripted._protocols)))
    scripted.script = served.image
    status, _, errors = run(backend, *arguments)
    assert (status, errors) == (0, "pycoco: 1 read, 0 failed, 9 were done before\n")
    assert sorted(json.loads(line)["requested"] for line in output.read_text().splitlines()) == names


def test_a_file_of_somebody_else_is_not_touched(names: list[str], tmp_path: Path) -> None:
    for content in ("some notes\n", '{"other": 1}\n', "[]\n", '{"requested": "a"}\n\n'):
        (tmp_path / "notes").write_text(content)
        status, _, errors = run("python", "-", "--resume", f"{tmp_path}/notes", given=names[0])
        assert status == 4
        assert "is not the output of pycoco inspect" in errors
        assert (tmp_path / "notes").read_text() == content


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "directory"])
def test_what_is_no_file_is_not_continued(kind: str, names: list[str], tmp_path: Path) -> None:
    path = kind if kind.startswith("/") else str(tmp_path / kind)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    status, _, errors = run("python", "-", "--resume", path, given=names[0])
    assert status == 4
    assert f"{path} cannot be read" in errors


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("-", "--output", "a", "--resume", "b"), 2),
        (("-", "--creds", "user"), 2),
        (("--from-file", "/nowhere/names"), 4),
        (("-", "--output", "/nowhere/out"), 4),
        (("-", "--concurrency", "0"), 4),
        (("a.example/app", "--from-file", "names"), 2),
        (("a.example/app", "-"), 2),
        (("a.example/app", "--json", "--format", "csv"), 2),
        (("a.example/app", "--resume", "b", "--format", "csv"), 2),
        (("a.example/app", "b.example/app", "--all-platforms"), 2),
        (("a.example/app", "--format", "{nonsense}"), 2),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: tuple[str, ...], wanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = run("python", *arguments, given="a.example/app\n")
    assert status == wanted
    assert errors.count("\n") <= 2
    assert "Traceback" not in errors


def test_a_reference_that_was_taken_for_the_policys_file() -> None:
    status, _, errors = run("python", "--policy", "a.example/app")
    assert status == 2
    assert "--policy took 'a.example/app'" in errors


def test_a_reader_that_has_enough(backend: str, scripted: ScriptedRegistry) -> None:
    endless = "\n".join(f"{scripted.host}/app:v{number}" for number in range(3000))
    with Command(backend, "-", "--concurrency", "4") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(endless)
        process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 0
    assert len(scripted.requests) < 6000


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ends = pty.openpty()
    fcntl.ioctl(ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield ends
    for end in ends:
        os.close(end)


def test_a_bar_is_shown_on_a_terminal(
    backend: str, names: list[str], tmp_path: Path, terminal: tuple[int, int]
) -> None:
    pytest.importorskip("tqdm")
    (tmp_path / "names").write_text("\n".join(names))
    ours, theirs = terminal
    with Command(backend, "--from-file", f"{tmp_path}/names", stderr=theirs) as process:
        process.communicate(timeout=30)
    shown = os.read(ours, 65536).decode()
    assert "10/10" in shown
    assert shown.endswith("pycoco: 10 read, 0 failed\r\n")


def test_one_reference_into_a_file(backend: str, names: list[str], tmp_path: Path) -> None:
    for option in ("--output", "--resume"):
        status, lines, errors = run(backend, names[0], option, str(tmp_path / "out.jsonl"))
        assert (status, lines, errors) == (0, [], "pycoco: 1 read, 0 failed\n")
        (line,) = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
        assert line["digest"] == served.DIGEST
        (tmp_path / "out.jsonl").unlink()


def test_several_references(backend: str, names: list[str]) -> None:
    status, lines, _ = run(backend, *names[:3])
    assert status == 0
    assert sorted(line["requested"] for line in lines) == names[:3]


def test_a_file_of_other_options_is_refused(backend: str, names: list[str], tmp_path: Path) -> None:
    """A table in which two platforms are mixed is wrong in silence."""
    file = str(tmp_path / "out.jsonl")
    assert run(backend, *names[:2], "--resume", file, "--platform", "linux/amd64")[0] == 0
    before = (tmp_path / "out.jsonl").read_text()
    status, _, errors = run(backend, *names, "--resume", file, "--platform", "linux/arm64")
    assert status == 4
    assert "was made with another platform, 'linux/amd64'; give the same options, or name another file" in errors
    status, _, errors = run(backend, *names, "--resume", file)
    assert status == 4
    assert (tmp_path / "out.jsonl").read_text() == before
    assert run(backend, *names[:3], "--resume", file, "--platform", "linux/amd64")[2].startswith("pycoco: 1 read")


def test_a_mark_at_the_beginning_and_bytes_that_are_no_text(backend: str, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "names"
    file.write_bytes(b"\xef\xbb\xbf" + f"{names[0]}\n".encode() + b"\xff.example/app\n")
    command = [sys.executable, "-m", "pycoco", "inspect", "--tls-verify=false", "--backend", backend]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for source in (["--from-file", str(file)], ["-"]):
        with file.open("rb") as given:
            done = subprocess.run(
                [*command, *source], stdin=given, capture_output=True, timeout=30, env=environment, check=False
            )
        assert done.returncode == 12
        lines = {line["requested"]: line for line in map(json.loads, done.stdout.decode().splitlines())}
        assert lines[names[0]]["digest"] == served.DIGEST
        assert lines["\\udcff.example/app"]["error"] == "invalid_reference", "no half of a surrogate pair in JSON"


def test_a_full_disk_and_an_encoding_without_the_character(backend: str, scripted: ScriptedRegistry) -> None:
    command = [sys.executable, "-m", "pycoco", "inspect", "--tls-verify=false", "--backend", backend]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    reference = f"{scripted.host}/app:v1"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*command, reference],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            env=environment,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "pycoco: standard output cannot be written: No space left on device\n",
    )
    done = subprocess.run(
        [*command, "--format", "{digest} ä", reference],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{served.DIGEST} \\xe4\n", "")


def test_help_where_the_encoding_has_not_its_characters() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "pycoco", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
