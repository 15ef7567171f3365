"""The manual page, docs/reference/pycoco.1, made of the command line's own grammar; wheels bring it to share/man/man1.

It is not for what the commands are (see `commands`). The words are man(7)'s, of which groff and mandoc know the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module

from tests.documentation.commands import Argument, Command, commands, reading, variables
from tests.support.tools import ROOT

PAGE = ROOT / "docs" / "reference" / "pycoco.1"

_FILES = (
    "Registries, mirrors, short names, credentials, certificates and policy are read from the files of "
    "containers\\-registries.conf(5), containers\\-auth.json(5), containers\\-certs.d(5), "
    "containers\\-registries.d(5) and containers\\-policy.json(5), as CRI\\-O, Podman and skopeo do."
)


def page() -> str:
    """Return the page as it should be."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    known = list(commands())
    yield '.TH PYCOCO 1 "" "pycoco" "User Commands"'
    yield from (".SH NAME", "pycoco \\- read a container image's manifest and config, and not a byte of its layers")
    yield from (".SH SYNOPSIS", ".B pycoco", ".I COMMAND", "[options] [arguments]")
    yield from (".SH DESCRIPTION", "Reads a container image's manifest and config exactly as CRI\\-O would.")
    yield "Options may stand before or after the command."
    yield "Results go to standard output, everything else to standard error."
    yield ".SH COMMANDS"
    for command in known:
        yield from _command(command)
    yield from (".SH OPTIONS FOR READING", "Every command that reads takes them.", *_options(reading()))
    yield ".SH ENVIRONMENT"
    yield "What an option is where the command line does not say; an option that is given wins."
    yield "pull and serve heed PYCOCO_BACKEND alone, and so does the Python library."
    yield from _tagged("PYCOCO_BACKEND", "what \\-\\-backend auto means: go, go\\-process or python")
    for name, option, help in variables():
        yield from _tagged(name, f"{_literal(option)}: {_text(help)}")
    yield from _tagged("NO_COLOR", "no colours on a terminal")
    yield from _tagged("REGISTRY_AUTH_FILE", "what \\-\\-auth\\-file is by default, as for skopeo and Podman")
    yield from (".SH FILES", _FILES, ".SH EXIT STATUS")
    for status, meaning in _statuses():
        yield from _tagged(status, _text(meaning))
    yield from (".SH SEE ALSO", ".BR skopeo (1),", ".BR crictl (1),", ".BR containers\\-registries.conf (5)")


def _command(command: Command) -> Iterator[str]:
    yield f".SS {command.name}"
    yield _text(command.sentence)
    if command.reads:
        yield "It takes the options for reading."
    yield from _options(command.own)
    yield from (".PP", ".EX", *map(_literal, command.examples), ".EE")


def _options(arguments: Iterable[Argument]) -> Iterator[str]:
    for each in arguments:
        spelled = ", ".join(f"\\fB{_literal(spelling)}\\fR" for spelling in each.spellings)
        value = f"\\fI{_literal(each.value)}\\fR" if each.value else ""
        yield from (".TP", f"{spelled} {value}".strip(), _text(each.help))


def _tagged(tag: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {tag}", text)


def _statuses() -> list[tuple[str, str]]:
    return re.findall(r"^(\d+) {2,}(.+)$", str(import_module("pycoco.cli.exit_status").__doc__), re.MULTILINE)


def _text(words: str) -> str:
    """Words as they are read: a hyphen before an option is one that can be copied."""
    return re.sub(r"(?<![\w\\])-+(?=\w)", lambda match: match[0].replace("-", "\\-"), _escaped(words))


def _literal(words: str) -> str:
    """What is typed: every character is the one on the keyboard."""
    kept = {"-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
    return re.sub(r"[-'`^~]", lambda match: kept[match[0]], _escaped(words))


def _escaped(words: str) -> str:
    escaped = words.replace("\\", "\\e")
    escaped = re.sub(r"[^\x00-\x7f]", lambda match: f"\\[u{ord(match[0]):04X}]", escaped)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
