"""A seccomp profile of a node, compiled for one container: linux.seccomp of config.json.

Upstream: go.podman.io/common pkg/seccomp types.go (Seccomp, as encoding/json decodes it), seccomp_linux.go
(setupSeccomp) and errno_list.go. It is not for which profile a container has (see `pycoco.cri.spec.seccomp`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Read = Callable[[Any], Any]
"""Return a field's value as Go's struct would hold it; None is one that is null or absent. Raises ValueError."""

# The numbers are Linux's own, whatever this machine is; those that are not here CRI-O does not know by name either.
_ERRNO_LIST = """
EPERM=1 ENOENT=2 ESRCH=3 EIO=5 ENXIO=6 E2BIG=7 ENOEXEC=8 EBADF=9 ECHILD=10 EAGAIN=11 ENOMEM=12 EACCES=13 EFAULT=14
ENOTBLK=15 EBUSY=16 EEXIST=17 EXDEV=18 ENODEV=19 ENOTDIR=20 EISDIR=21 EINVAL=22 ENFILE=23 EMFILE=24 ENOTTY=25
ETXTBSY=26 EFBIG=27 ENOSPC=28 ESPIPE=29 EROFS=30 EMLINK=31 EPIPE=32 EDOM=33 ERANGE=34 EDEADLK=35 ENAMETOOLONG=36
ENOLCK=37 ENOSYS=38 ENOTEMPTY=39 ELOOP=40 ENOMSG=42 EIDRM=43 EREMOTE=66 EBADMSG=74 EOVERFLOW=75 EILSEQ=84 EUSERS=87
ENOTSOCK=88 EDESTADDRREQ=89 EMSGSIZE=90 EPROTOTYPE=91 ENOPROTOOPT=92 EPROTONOSUPPORT=93 ESOCKTNOSUPPORT=94 ENOTSUP=95
EOPNOTSUPP=95 EPFNOSUPPORT=96 EAFNOSUPPORT=97 EADDRINUSE=98 EADDRNOTAVAIL=99 ENETDOWN=100 ENETUNREACH=101
ENETRESET=102 ECONNABORTED=103 ECONNRESET=104 ENOBUFS=105 EISCONN=106 ENOTCONN=107 ESHUTDOWN=108 ETOOMANYREFS=109
ETIMEDOUT=110 ECONNREFUSED=111 EHOSTDOWN=112 EHOSTUNREACH=113 EALREADY=114 EINPROGRESS=115 ESTALE=116 EDQUOT=122
ENOMEDIUM=123 EMEDIUMTYPE=124 ECANCELED=125 EOWNERDEAD=130 ENOTRECOVERABLE=131
"""
_ERRNOS = {name: int(number) for name, _, number in (entry.partition("=") for entry in _ERRNO_LIST.split())}
_DECIMAL = re.compile(r"[0-9]{1,100}", re.ASCII)

# nativeToSeccomp: the architectures for which archMap is looked at.
_ARCHITECTURES = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64", "s390x": "SCMP_ARCH_S390X"}


def compiled(document: Any, capabilities: frozenset[str], architecture: str) -> dict[str, Any] | None:
    """Return the profile in `document` for a container with those bounding `capabilities`; None if it allows all.

    `architecture` is the node's, by Go's name. Raises ValueError, with a clause, for what CRI-O refuses or crashes on.
    """
    profile = _PROFILE(document)
    if not profile["defaultAction"] and not profile["syscalls"]:
        return None
    found: dict[str, Any] = {"defaultAction": profile["defaultAction"]}
    number = _errno(profile["defaultErrno"], profile["defaultErrnoRet"])
    if number is not None:
        found["defaultErrnoRet"] = number
    if profile["architectures"] and profile["archMap"]:
        raise ValueError("has 'architectures' and 'archMap': use either of them")
    found["architectures"] = profile["architectures"] or _mapped(profile["archMap"], architecture)
    found |= {name: profile[name] for name in ("flags", "listenerPath", "listenerMetadata")}
    applying = (rule for rule in profile["syscalls"] if _applies(rule, capabilities, architecture))
    found["syscalls"] = [rule for rule in map(_rule, applying) if rule["names"]]
    return {name: value for name, value in found.items() if value or name in {"defaultAction", "defaultErrnoRet"}}


def _mapped(entries: list[dict[str, Any]], architecture: str) -> list[str]:
    wanted = _ARCHITECTURES.get(architecture)
    matching = (entry for entry in entries if entry["architecture"] == wanted)
    return next(([entry["architecture"], *entry["subArchitectures"]] for entry in matching), [])


def _applies(rule: Mapping[str, Any], capabilities: frozenset[str], architecture: str) -> bool:
    includes, excludes = rule["includes"], rule["excludes"]
    if architecture in excludes["arches"] or not capabilities.isdisjoint(excludes["caps"]):
        return False
    if includes["arches"] and architecture not in includes["arches"]:
        return False
    return capabilities.issuperset(includes["caps"])


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    if rule["name"] and rule["names"]:
        raise ValueError("has a rule with 'name' and 'names': use either of them")
    found: dict[str, Any] = {"names": [rule["name"]] if rule["name"] else rule["names"], "action": rule["action"]}
    number = _errno(rule["errno"], rule["errnoRet"])
    if number is not None:
        found["errnoRet"] = number
    if rule["args"]:
        # An argument's second value is left out where it is 0.
        found["args"] = [
            {name: value for name, value in arg.items() if value or name != "valueTwo"} for arg in rule["args"]
        ]
    return found


def _errno(name: str, number: int | None) -> int | None:
    """getErrno: a name or a decimal number outranks the number field."""
    if not name:
        return number
    if _DECIMAL.fullmatch(name) and int(name) < 2**32:
        return int(name)
    if name not in _ERRNOS:
        raise ValueError(f"names an error that CRI-O does not know: {name[:100]!r}")
    return _ERRNOS[name]


def _text(value: Any) -> str:
    if not isinstance(value, str | None):
        raise ValueError(f"has {value!r:.100} where a text belongs")
    return value or ""


def _number(value: Any) -> int:
    """uint64; a number with a point or an exponent is none."""
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError(f"has {value!r:.100} where a number of 64 bits belongs")
    return int(value)


def _number_or_none(value: Any) -> int | None:
    return None if value is None else _number(value)


def _list(read: Read) -> Read:
    def of(value: Any) -> list[Any]:
        if not isinstance(value, list | None):
            raise ValueError(f"has {value!r:.100} where a list belongs")
        return [read(entry) for entry in value or ()]

    return of


def _object(fields: Mapping[str, Read]) -> Read:
    def of(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict | None):
            raise ValueError(f"has {value!r:.100} where an object belongs")
        given = value or {}
        return {name: read(given.get(name)) for name, read in fields.items()}

    return of


def _not_null(read: Read) -> Read:
    """A pointer's; CRI-O crashes on one that is null."""

    def of(value: Any) -> Any:
        if value is None:
            raise ValueError("has null in a list")
        return read(value)

    return of


_TEXTS = _list(_text)
_FILTER = _object({"caps": _TEXTS, "arches": _TEXTS})
_ARGUMENT = _object({"index": _number, "value": _number, "valueTwo": _number, "op": _text})
_RULE = _object(
    {
        **dict.fromkeys(("name", "action", "comment", "errno"), _text),
        "names": _TEXTS,
        "args": _list(_not_null(_ARGUMENT)),
        **dict.fromkeys(("includes", "excludes"), _FILTER),
        "errnoRet": _number_or_none,
    }
)
_PROFILE = _object(
    {
        **dict.fromkeys(("defaultAction", "defaultErrno", "listenerPath", "listenerMetadata"), _text),
        "defaultErrnoRet": _number_or_none,
        **dict.fromkeys(("architectures", "flags"), _TEXTS),
        "archMap": _list(_object({"architecture": _text, "subArchitectures": _TEXTS})),
        "syscalls": _list(_not_null(_RULE)),
    }
)
