"""The process's arguments, working directory and stop signal.

Upstream: CRI-O internal/factory/container/container.go (SpecSetProcessArgs, WillRunSystemd), server/container_create.go
(setupContainerEnvironmentAndWorkdir, setupContainerRuntimeAndStopSignal), internal/oci/container.go (StopSignal).
"""

from __future__ import annotations

from collections.abc import Sequence

from pycoco.cri.golang.integer import parse_int
from pycoco.errors import ContainerConfigError

DEFAULT_STOP_SIGNAL = 15
LAST_SIGNAL = 64
_SIGRTMIN, _SIGRTMAX = 34, LAST_SIGNAL

# go.podman.io/common pkg/signal signal_linux.go; the numbers are Linux's own, whatever this machine is.
_STANDARD_SIGNALS = """
HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU
XFSZ VTALRM PROF WINCH IO PWR SYS
"""
_NUMBERS = {name: number for number, name in enumerate(_STANDARD_SIGNALS.split(), start=1)}
_NUMBERS |= {"IOT": 6, "CLD": 17, "POLL": 29, "RTMIN": _SIGRTMIN, "RTMAX": _SIGRTMAX}
_NUMBERS |= {f"RTMIN+{above}": _SIGRTMIN + above for above in range(1, 16)}
_NUMBERS |= {f"RTMAX-{below}": _SIGRTMAX - below for below in range(1, 15)}


def arguments(
    entrypoint: Sequence[str] | None,
    cmd: Sequence[str] | None,
    command: Sequence[str] | None,
    args: Sequence[str] | None,
) -> list[str]:
    """SpecSetProcessArgs: the image's `entrypoint` and `cmd` with the container's `command` and `args`.

    A command replaces both of the image's; args alone replace its Cmd. None is Go's nil: an empty command that is
    not None keeps the entrypoint out, but no request over gRPC can say so. Raises ContainerConfigError if nothing
    is left to run.
    """
    if not command:
        if not args:
            args = cmd
        if command is None:
            command = entrypoint
    found = [*(command or ()), *(args or ())]
    if not found:
        raise ContainerConfigError("no command specified: neither the image nor the container config says what to run")
    return found


def runs_systemd(first_argument: str) -> bool:
    """WillRunSystemd: whether CRI-O takes the process for an init system and mounts what systemd needs."""
    return "/sbin/init" in first_argument or first_argument.rstrip("/").rpartition("/")[2] == "systemd"


def working_directory(image_working_dir: str, container_working_dir: str) -> str:
    """Return the container's own, or the image's, or "/". A relative one stays relative, as CRI-O leaves it."""
    return container_working_dir or image_working_dir or "/"


def stop_signal_number(name: str) -> int | None:
    """Return the number of the signal that CRI-O would send for `name`; None if it knows none and sends SIGTERM.

    A number is taken as it is, whether or not there is such a signal (signal_common.go ParseSignal).
    """
    if not name:
        return DEFAULT_STOP_SIGNAL
    if (number := parse_int(name)) is not None:
        return number or None
    # strings.ToUpper maps more than ASCII, but no signal has such a name.
    return _NUMBERS.get(name.upper().removeprefix("SIG"))
