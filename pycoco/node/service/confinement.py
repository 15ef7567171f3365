"""What a process gives up for good before it talks to strangers: user, capabilities, writing and executing files.

Several such processes of one user run at once, each with credentials of its own: none can look into another.

It is not for starting that process (see `reader`). Each step can only take away; a step that the kernel does not know
is left out and named, so that the log says what holds.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import struct

from pycoco.errors import ConfigurationError

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SIGKILL = 9
# System calls that have the same number on every architecture (asm-generic).
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
# Executing, writing, and removing, making, linking and truncating of every kind, as far as a version knows them.
_DENIED = {1: 0b1111111110011, 2: 0b11111111110011, 3: 0b111111111110011}

FILE_SIZE_LIMIT = 1024 * 1024
"""Bytes of a file, at most; what a read needs of files it has in memory."""


def confine(user: str, memory: int) -> list[str]:
    """Become `user`, "" for whoever it is, with `memory` bytes of data at most. Returns what could not be given up.

    Raises ConfigurationError for a user that is not known, OSError where the change is refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    die_with_parent()
    left = [] if _be_the_first_to_go() else ["its place when memory is short"]
    for name, limit in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, FILE_SIZE_LIMIT),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        resource.setrlimit(name, (limit, limit))
    if user and os.geteuid() == 0:
        _become(user)
        die_with_parent()  # changing the user undid it
    elif os.geteuid() == 0:
        left.append("the user")
    # Neither memory nor /proc/PID/fd is open to others of the same user; its own /proc/self/fd is, to itself.
    _prctl(libc, _PR_SET_DUMPABLE, 0)
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    if not _deny_writing(libc):
        left.append("writing files, where the user may")
    return left


def die_with_parent() -> None:
    """Have the kernel end this process with the one that started it."""
    _prctl(ctypes.CDLL(None, use_errno=True), _PR_SET_PDEATHSIG, _SIGKILL)


def _be_the_first_to_go() -> bool:
    """Have the kernel end this process before any other when memory is short: its image can be read once more."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        return False
    return True


def _become(user: str) -> None:
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise ConfigurationError(f"there is no user {user[:80]!r} on this machine; name another, or make it") from None
    os.setgroups([])
    os.setresgid(found.pw_gid, found.pw_gid, found.pw_gid)
    os.setresuid(found.pw_uid, found.pw_uid, found.pw_uid)  # which empties the sets of capabilities
    os.environ["HOME"] = "/nonexistent"  # root's own configuration is closed to it
    os.environ.pop("XDG_CONFIG_HOME", None)
    os.environ.pop("XDG_RUNTIME_DIR", None)


def _deny_writing(libc: ctypes.CDLL) -> bool:
    """Have Landlock deny all of _DENIED below every directory. False where the kernel has no Landlock."""
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    attributes = struct.pack("Q", _DENIED[min(version, max(_DENIED))])
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")
