"""Content-Type headers, as registries send them and as mime.ParseMediaType finds hard.

It is not for which body goes with which type.
"""

from __future__ import annotations

from pycoco.documents import media_types
from tests.strategies.choices import Choices

KNOWN = (
    media_types.OCI_MANIFEST,
    media_types.DOCKER_MANIFEST,
    media_types.OCI_INDEX,
    media_types.DOCKER_LIST,
    media_types.SCHEMA1,
    media_types.SCHEMA1_SIGNED,
)
OTHERS = (
    "application/json",
    "",
    "text/plain",
    "application/octet-stream",
    "application/vnd.oci.artifact.manifest.v1+json",
    "text/html; charset=utf-8",
    "application",
    "/",
    "a/",
    "/a",
    ";",
    " ",
)
_PARAMETERS = (
    "; charset=utf-8",
    ";charset=utf-8",
    "; charset=UTF-8; charset=UTF-8",
    "; charset=utf-8; charset=ascii",
    "; charset=utf-8; CHARSET=utf-8",
    ";",
    " ; ",
    ";;",
    "; ;",
    "; a",
    "; a=",
    "; =b",
    '; a="b;c"',
    '; a="b\\"c"',
    '; a="b\\c"',
    '; a="b',
    '; a="',
    '; a=""',
    "; a=b;",
    "; a=b ; ",
    "; a = b",
    "; a=b c=d",
    "; a=b, c",
    "; a=b\n",
    '; a="b\nc"',
    "; a=\u00e9",
    '; a="\u00e9"',
    "; \u00e9=a",
    "; a*=utf-8''%41",
    "; a*=utf-8''%4",
    "; a*=utf-8''%zz",
    "; a*=us-ascii'en'x",
    "; a*=koi8-r''x",
    "; a*=x",
    "; a*0=x; a*1=y",
    "; a*1=y",
    "; a*0*=utf-8''x; a*1*=%41",
    "; a*0*=utf-8''%zz; a*1=b",
    "; a*0=x; a*0=y",
    "; a*=utf-8''x; a=y",
    "; a*0=x; a=y",
    "; *=x",
    "; a*=utf-8''x; a*=utf-8''y",
    "; a*00=x",
    "; a*x=y",
    "; a**=b",
    "; a=b; A=b",
    "; a=b; A=c",
    "\u00a0",
    "\x0b; a=b",
    "; a\x00=b",
    ",application/json",
    " x",
)


def around(choices: Choices, media_type: str) -> str:
    """`media_type` as a header may spell it, well or badly."""
    return choices.pick(
        (
            media_type + choices.pick(_PARAMETERS),
            media_type.upper(),
            " " + media_type + "\t",
            media_type + choices.pick(_PARAMETERS) + choices.pick(_PARAMETERS),
            media_type.replace("k", "\u212a").replace("s", "\u017f"),
            media_type.replace("/", choices.pick(("//", " / ", "", "/ "))),
            media_type[:-1],
            "\u00a0" + media_type,
            media_type.replace("+", " "),
            media_type + "\x00",
            media_type.replace("i", "\u0130", 1),
            "\u2003" + media_type + "\u2028",
        )
    )


def content_type(choices: Choices, usual: str) -> str:
    """Mostly `usual`, else one of the known types, another one, or `usual` spelled otherwise."""
    kind = choices.below(16)
    if kind < 10:
        return usual
    if kind < 12:
        return choices.pick(KNOWN)
    if kind < 13:
        return choices.pick(OTHERS)
    return around(choices, usual)
