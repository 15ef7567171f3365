"""References: names as people write them, parts that the grammar just allows or just refuses, and slips of the pen.

It is not for what configuration makes of a reference.
"""

from __future__ import annotations

from tests.strategies import digests
from tests.strategies.choices import Choices, Drawn

DOMAINS = (
    "",
    "",
    "docker.io",
    "quay.io",
    "localhost",
    "localhost:5000",
    "registry.example.com",
    "registry.example.com:5000",
    "example.com",
    "index.docker.io",
    "registry-1.docker.io",
    "mirror.internal",
    "a.b.example.com",
    "1.2.3.4:80",
    "quay.io.example.org",
    "registry.example.community",
)
_ODD_DOMAINS = (
    "EXAMPLE.com",
    "Example",
    "LOCALHOST",
    "[::1]:5000",
    "example.com:",
    "example.com:port",
    "example.com:99999999",
    "exa_mple.com",
    "-a.com",
    "a-.com",
    "a..com",
    ".com",
    "com.",
    "\u00e9.com",
    "\u212a.com",
    "user@example.com",
    "user:password@example.com",
    "index.docker.io:443",
    "docker.io:443",
    "a" * 250 + ".com",
    "host:5000",
    "host",
    "UPPER",
    "",
)
PATHS = (
    "busybox",
    "library/busybox",
    "acme/app",
    "acme/team/app",
    "app",
    "fedora",
    "library/fedora",
    "acme/application",
    "acmeapp",
    "acme/team-b",
)
_ODD_PATHS = (
    "foo.bar",
    "foo__bar",
    "foo___bar",
    "foo--bar",
    "foo-_bar",
    "foo..bar",
    "foo-",
    "-foo",
    "_foo",
    "Foo",
    "acme/Foo",
    "foo//bar",
    "/foo",
    "foo/",
    "",
    ".",
    "../foo",
    "foo bar",
    "a" * 64,
    "0123456789abcdef" * 4,
    "library/" + "0123456789abcdef" * 4,
    "a" * 240,
    "a" * 254,
    "a" * 255,
    "a" * 256,
    "/".join("a" * 120),
    "/".join("a" * 128),
    "b" + "-b" * 127,
    "foo\n",
    "f\u00f6\u00f6",
    "\u0661",
    "docker.io",
    "localhost",
    "a:b/c",
)
_TAGS = ("latest", "v1.0", "1", "v1.0-alpine")
_ODD_TAGS = (
    "",
    "_x",
    "-x",
    ".x",
    "a" * 128,
    "a" * 129,
    "v1\n",
    "\u0442",
    "\u0661",
    "a+b",
    "a:b",
    "a/b",
    "A.b-C_d",
    "@",
    " ",
)
_PREFIXES = ("docker://", "oci:", "dir:", "oci-archive:", "docker-archive:")
_ODD_PREFIXES = (
    "docker:",
    "docker:/",
    "docker:///",
    "DOCKER://",
    "Docker://",
    "//",
    "http://",
    "https://",
    "containers-storage:",
    "docker-daemon:",
    "ostree:",
    "sif:",
    "atomic:",
    "tarball:",
    "static:",
    "registry:",
    "oci://",
    "oci",
    " ",
    ":",
)
_PLACES = ("/tmp/layout", "layout", "./layout", "/tmp/a b", "/no/such/place/layout", "..", "/", "/tmp/\u00e9")
_ODD_PLACES = (
    "",
    "/tmp/\0",
    "\n",
    "/tmp/layout/../x",
    "C:\\layout",
    "/tmp/\ud800",
    "/etc/passwd/x",
    "~",
    "/tmp/" + "a" * 300,
)
_IMAGES = (
    ":v1",
    "",
    ":acme/app:v1",
    ":@0",
    ":@1",
    ":@-1",
    ":@-0",
    ":@+1",
    ":@",
    ":@x",
    ":@ 1",
    ":@1_0",
    ":@\u0661",
    ":@0x1",
    ":@00",
    ":@999999999999999999",
    ":@9223372036854775807",
    ":@9223372036854775808",
    ":@-9223372036854775808",
    ":",
    "::",
    ":-a",
    ":a--b",
    ":a---b",
    ":a b",
    ":a\n",
    ":a@sha256:" + "a" * 64,
    ":quay.io/acme/app",
    ":quay.io/acme/app:v1",
    ":App",
    ":a/",
    ":a:b:c",
)
_SLIPS = (
    "\n",
    "\0",
    " ",
    "/",
    ":",
    "@",
    "A",
    "\u00e9",
    "\u212a",
    "\u017f",
    "\u0661",
    "//",
    "_",
    "-",
    ".",
    "%",
    "\t",
    "\ud800",
    "\\",
    "@sha256:",
)


def references() -> Drawn[tuple[str, ...]]:
    """Twenty references of every kind at a time."""
    return Drawn(lambda choices: tuple(reference(choices) for _ in range(20)), 240)


def reference(choices: Choices) -> str:
    """One reference of any kind."""
    kind = choices.below(16)
    if kind == 15:
        text = (
            choices.pick(_PREFIXES[1:]) + choices.mostly(choices.pick(_PLACES), _ODD_PLACES, 6) + choices.pick(_IMAGES)
        )
    else:
        text = named(choices)
        if kind == 14:
            text = choices.pick(_ODD_PREFIXES) + text
        elif kind > 10:
            text = _PREFIXES[0] + text
    return _slip(choices, text) if choices.chance(6) else text


def named(choices: Choices, one_in: int = 8) -> str:
    """A registry's reference; each part is odd once in `one_in` times."""
    domain = choices.mostly(choices.pick(DOMAINS), _ODD_DOMAINS, one_in)
    path = choices.mostly(choices.pick(PATHS), _ODD_PATHS, one_in)
    text = f"{domain}/{path}" if domain else path
    end = choices.below(6)
    if end in (1, 2, 5):
        text += ":" + choices.mostly(choices.pick(_TAGS), _ODD_TAGS, one_in)
    if end in (3, 5):
        text += "@" + choices.mostly(digests.VALID[choices.below(4)], digests.ODD, one_in)
    if end == 4 and choices.chance(8):
        text += "@@unknown-digest@@"
    return text


def good(choices: Choices) -> str:
    """A reference that names its registry and has nothing odd about it."""
    domain = choices.pick(DOMAINS[2:])
    text = f"{domain}/{choices.pick(PATHS)}"
    return text + choices.pick((":v1", "", f"@{digests.VALID[0]}", ":latest"))


def _slip(choices: Choices, text: str) -> str:
    at = choices.below(min(len(text), 255) + 1)
    kind = choices.below(4)
    if kind == 0:
        return text[:at] + choices.pick(_SLIPS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + choices.pick(_SLIPS) + text[at + 1 :]
    return text[:at] + text[at : at + 8] + text[at:]
