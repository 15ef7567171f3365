"""Arguments, working directory and stop signal, rule by rule. Line numbers are CRI-O's at f954a17e."""

from __future__ import annotations

import pytest

from pycoco.cri.spec import process
from pycoco.errors import ContainerConfigError

E, C = ["/entry"], ["serve"]

# internal/factory/container/container.go:592-630. None is Go's nil.
ARGUMENTS = [
    (E, C, None, None, ["/entry", "serve"]),
    (E, C, None, [], ["/entry", "serve"]),
    (E, C, None, ["a", "b"], ["/entry", "a", "b"]),
    (E, C, ["cmd"], None, ["cmd"]),
    (E, C, ["cmd", "x"], ["a"], ["cmd", "x", "a"]),
    (E, C, [], None, ["serve"]),
    (E, C, [], ["a"], ["a"]),
    (E, None, None, None, ["/entry"]),
    (E, None, None, ["a"], ["/entry", "a"]),
    (None, C, None, None, ["serve"]),
    (None, C, None, ["a"], ["a"]),
    (None, None, ["cmd"], None, ["cmd"]),
    (None, None, None, ["a"], ["a"]),
    ([], C, None, None, ["serve"]),
    (["/entry", ""], [""], None, None, ["/entry", "", ""]),
]


@pytest.mark.parametrize(("entrypoint", "cmd", "command", "args", "expected"), ARGUMENTS)
def test_arguments(
    entrypoint: list[str] | None,
    cmd: list[str] | None,
    command: list[str] | None,
    args: list[str] | None,
    expected: list[str],
) -> None:
    assert process.arguments(entrypoint, cmd, command, args) == expected


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "command", "args"),
    [(None, None, None, None), ([], [], [], []), (E, None, [], None), (E, [], [], [])],
)
def test_nothing_to_run(
    entrypoint: list[str] | None, cmd: list[str] | None, command: list[str] | None, args: list[str] | None
) -> None:
    with pytest.raises(ContainerConfigError, match="no command specified"):
        process.arguments(entrypoint, cmd, command, args)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("/sbin/init", True),
        ("/usr/sbin/init", True),
        ("/usr/sbin/init-wrapper", True),
        ("/lib/systemd/systemd", True),
        ("systemd", True),
        ("/sbin/my-init", False),
        ("/usr/bin/systemd-run", False),
        ("init", False),
        ("", False),
    ],
)
def test_runs_systemd(argument: str, expected: bool) -> None:
    """container.go:634."""
    assert process.runs_systemd(argument) is expected


@pytest.mark.parametrize(
    ("image", "container", "expected"),
    [("", "", "/"), ("/srv", "", "/srv"), ("/srv", "/own", "/own"), ("", "/own", "/own"), ("srv", "", "srv")],
)
def test_working_directory(image: str, container: str, expected: str) -> None:
    """server/container_create.go:1044-1057."""
    assert process.working_directory(image, container) == expected


# internal/oci/container.go:298 (StopSignal); go.podman.io/common pkg/signal signal_common.go (ParseSignal)
SIGNALS = [
    ("", 15),
    ("SIGTERM", 15),
    ("sigint", 2),
    ("KILL", 9),
    ("SIGRTMIN", 34),
    ("SIGRTMIN+3", 37),
    ("rtmin+15", 49),
    ("SIGRTMAX-14", 50),
    ("RTMAX", 64),
    ("SIGPOLL", 29),
    ("SIGIOT", 6),
    ("SIGCLD", 17),
    ("9", 9),
    ("037", 37),
    ("+3", 3),
    ("255", 255),
    ("0", None),
    ("SIGJUNK", None),
    ("SIGRTMIN+16", None),
    ("SIGRTMINPLUS3", None),
    ("SIGSIGTERM", None),
    (" 9", None),
    ("9\n", None),
    ("٩", None),
    ("99999999999999999999", None),
]


@pytest.mark.parametrize(("name", "expected"), SIGNALS)
def test_stop_signal(name: str, expected: int | None) -> None:
    assert process.stop_signal_number(name) == expected
