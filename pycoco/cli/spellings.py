"""Other ways to write the same command line: options before the command, and the spellings of skopeo's users.

It is not for the grammar (see `grammar`), into whose words everything is turned here. A spelling of skopeo's is
understood and answered with one hint on stderr.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_SAME = {"--authfile": "--auth-file", "--retry-times": "--retries"}
_PLATFORM = ("--override-os", "--override-arch", "--override-variant")
_WITH_VALUE = {*_SAME, *_PLATFORM, "--command-timeout", "--username", "--password"}
_WITHOUT = {"--debug": ["-vv"], "--no-tags": [], "-n": [], "--insecure-policy": []}
"""What takes no value. skopeo lists tags, and checks a policy, unless told otherwise; pycoco if told so."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def rewritten(
    arguments: Sequence[str], verbs: Sequence[str], flags: Sequence[str], hint: Callable[[str], None]
) -> list[str]:
    """Return the arguments in pycoco's own words, the command first. `flags` are the options that take no value."""
    words = _command_first(list(arguments), verbs, flags)
    understood = _understood(words)
    if understood != words:
        hint(f"in pycoco's words: pycoco {' '.join(_without_secrets(understood))}")
    return understood


def _command_first(words: list[str], verbs: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Move the command before the options that stand before it."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--", "-h", "--help", "--version"):
        without = words[at] in flags or words[at] in _WITHOUT or set(words[at][1:]) <= {"v"}
        takes_value = "=" not in words[at] and not without
        at += 2 if takes_value else 1
    if 0 < at < len(words) and (words[at] in verbs or words[at] == "list-tags"):
        return [words[at], *words[:at], *words[at + 1 :]]
    return words


def _understood(words: list[str]) -> list[str]:
    if not words:
        return words
    verb, rest = words[0], words[1:]
    if verb == "list-tags":
        verb = "tags"
    if verb == "inspect" and "--config" in rest:
        verb, rest = "config", [word for word in rest if word not in ("--config", "--raw")]
    elif verb == "inspect" and "--raw" in rest:
        verb, rest = "manifest", ["--list", *(word for word in rest if word != "--raw")]
    return [verb, *_options(rest)]


def _options(words: list[str]) -> list[str]:
    found: list[str] = []
    platform = {"os": "", "arch": "", "variant": ""}
    user = {"username": "", "password": ""}
    at = 0
    while at < len(words):
        name, equals, value = words[at].partition("=")
        if name not in _WITH_VALUE:
            found += _WITHOUT.get(words[at], [words[at]])
            at += 1
            continue
        if not equals:
            if at + 1 == len(words):  # the grammar says what is missing
                return [*found, _SAME.get(name, "--platform" if name in _PLATFORM else name)]
            at += 1
            value = words[at]
        at += 1
        if name in _SAME:
            found += [_SAME[name], value]
        elif name == "--command-timeout":
            found += ["--timeout", _seconds(value)]
        elif name not in _PLATFORM:
            user[name.removeprefix("--")] = value
        else:
            platform[name.removeprefix("--override-")] = value
    if user["username"]:  # without a password it is asked for
        found += ["--creds", ":".join(filter(None, user.values()))]
    if platform["os"] and not platform["arch"]:
        from pycoco.documents.platforms import machine  # as skopeo, which takes this machine's

        platform["arch"] = machine().architecture
    if any(platform.values()):
        # Without an architecture there is no platform to name, and the grammar says what one looks like.
        parts = (platform["os"] or "linux", platform["arch"], platform["variant"])
        found += ["--platform", "/".join(part for part in parts if part)]
    return found


def _seconds(duration: str) -> str:
    """A duration as Go writes it, such as 1m30s, in seconds; what is none stays, and the grammar says so."""
    if not re.fullmatch(r"(?:\d+(?:\.\d*)?(?:ms|[smh]))+", duration):
        return duration
    parts = re.findall(r"([\d.]+)(ms|[smh])", duration)
    return f"{sum(float(number) * _UNITS[unit] for number, unit in parts):g}"


def _without_secrets(words: list[str]) -> list[str]:
    shown: list[str] = []
    for word in words:
        name, equals, _ = word.partition("=")
        secret = name in ("--creds", "--identity-token", "--registry-token")
        after_secret = bool(shown) and shown[-1] in ("--creds", "--identity-token", "--registry-token")
        shown.append("…" if after_secret else f"{name}=…" if secret and equals else word)
    return shown
