"""registries.conf, drop-in files and alias files as TOML: good ones, contradictory ones, and ones that are not TOML.

It is not for where the files lie (see `homes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.strategies import homes, references
from tests.strategies.choices import Choices, Drawn

_LOCATIONS = (
    "mirror.internal",
    "registry.example.com",
    "quay.io",
    "docker.io",
    "mirror.internal/quay",
    "mirror.internal:5000/acme",
    "registry.example.com:5000",
    "localhost:5000",
    "docker.io/library",
    "a.b.example.com",
    "registry.example.com/acme/team",
)
_ODD_LOCATIONS = (
    "",
    "https://mirror.internal",
    "http://mirror.internal/",
    "mirror.internal/",
    "mirror.internal//",
    "/",
    "//",
    "MIRROR.internal",
    "mirror.internal/Acme",
    "mirror internal",
    "mirror.internal@x",
    "*.example.com",
    "mirror",
    "library",
    "mirror.internal:5000:5000",
    "mirror.internal/" + "a" * 250,
    "\u00e9.com",
    "https:/mirror",
    "HTTP://mirror.internal",
    "[::1]:5000",
    "index.docker.io",
    "mirror.internal/a:b",
    "docker.io/acme",
)
_PREFIXES = (
    "quay.io",
    "docker.io",
    "registry.example.com",
    "*.example.com",
    "docker.io/library",
    "quay.io/acme",
    "quay.io/acme/app",
    "registry.example.com/acme/team",
    "example.com",
    "mirror.internal",
    "localhost",
    "localhost:5000",
    "*.b.example.com",
    "quay.io/acme/app:v1",
    "docker.io/library/busybox",
)
_ODD_PREFIXES = (
    "*.example.com/acme",
    "*.example.com:5000",
    "*.",
    "*",
    "*.*.com",
    "https://quay.io",
    "quay.io/",
    "",
    "QUAY.io",
    "ex*ample.com",
    "*.com",
    "*.io",
    "*.internal/",
    "quay.io/acme/app@sha256:",
    ".example.com",
)
_BOOLEANS = ("true", "false")
_ODD_VALUES = (
    '"yes"',
    "1",
    "[]",
    "{}",
    "1.5",
    "1979-05-27",
    '["a"]',
    "'x'",
    '"""x"""',
    "true",
    "[[1]]",
    "inf",
    '[1, "a"]',
)
_PULL_FROM_MIRROR = ('"all"', '"digest-only"', '"tag-only"', '""', '"never"', '"ALL"')
_SEARCH = (
    '"docker.io"',
    '"quay.io"',
    '"registry.example.com:5000"',
    '"localhost"',
    '"localhost:5000"',
    '"mirror"',
    '"quay.io/"',
    '"quay.io/acme"',
    '"https://quay.io"',
    '""',
    '"QUAY.IO"',
    '"*.example.com"',
    '"quay.io:port"',
    '"\u00e9.com"',
    '"a_b.com"',
    '"index.docker.io"',
)
_ALIASES = (
    ('"busybox"', '"docker.io/library/busybox"'),
    ("app", '"quay.io/acme/app"'),
    ('"acme/app"', '"registry.example.com:5000/acme/app"'),
    ("fedora", '""'),
    ('"busybox"', '""'),
    ('"library/fedora"', '"quay.io/fedora"'),
    ('"quay.io/app"', '"quay.io/acme/app"'),
    ('"app:v1"', '"quay.io/acme/app"'),
    ("app", '"quay.io/acme/app:v1"'),
    ("app", '"acme/app"'),
    ("app", '"Quay.io/acme/App"'),
    ("App", '"quay.io/acme/app"'),
    ('""', '"quay.io/acme/app"'),
    ("app", "1"),
    ("app", '["quay.io/acme/app"]'),
    ("a.b", '"quay.io/acme/app"'),
    ('"app@sha256:00"', '"quay.io/acme/app"'),
    ("app", '"docker.io/app"'),
    ("app", '"index.docker.io/app"'),
    ("app", '"localhost/app"'),
    ("'acme/app'", "'quay.io/acme/app'"),
    ("app", '"quay.io"'),
    ("app", '"https://quay.io/acme/app"'),
    ("app", '"quay.io/acme/app "'),
    ('"' + "0123456789abcdef" * 4 + '"', '"quay.io/acme/app"'),
)
_MODES = ('"enforcing"', '"permissive"', '"disabled"', '"prompt"', '""', '"Enforcing"', "1")
_HELPERS = (
    '["containers-auth.json"]',
    "[]",
    '["works"]',
    '["fails", "containers-auth.json"]',
    '["none", "containers-auth.json"]',
    '"works"',
    '["missing", "works"]',
)
_SYNTAX = (
    "x = ",
    "[[registry]",
    "= 1",
    "\x00",
    "x = 'a\n'",
    'x = "\\x41"',
    'x = "\\e"',
    "x = 1_0",
    "x = 01",
    "x = 0x1F",
    "x = +1",
    "x = 1__0",
    "x = nan",
    "x = 07:32:00",
    "x = 07:32",
    "x = 1979-05-27T07:32:00Z",
    "x = 1979-02-30",
    "x = 1979-05-27 07:32",
    "x = 2000-01-01T00:00:60Z",
    "x = {a = 1, }",
    "x = {a = 1,\n b = 2}",
    "x = [1, 2, ]",
    "x = [1,, 2]",
    "x.y.z = 1",
    "x = 1\nx = 2",
    "[x]\n[x]",
    "[x]\ny = 1\n[[x]]",
    "[registry.mirror]",
    "registry = []",
    "registry = 1",
    "registry = [1]",
    "aliases = 1",
    "aliases = []",
    "[aliases.x]\ny = 'z'",
    "\u00e9 = 1",
    "x = \u00e9",
    "x = '\u00e9'",
    '"\u212aey" = 1',
    'x = "\\ud800"',
    "x = '''\n'''",
    "x = '\x7f'",
    "x = '\x01'",
    "x = '\t'",
    "# \x01",
    "# \u2028",
    "x = 9223372036854775808",
    "x = -9223372036854775808",
    "x = 1e400",
    "x = -1e400",
    "x = inf",
    "x = -inf",
    "x = 1e-400",
    "x = 1_0.5",
    "x = 1.",
    "x = .5",
    "x = 1e5",
    "x = tru",
    "x = True",
    "x = 1 y = 2",
    "x = '''''''",
    'x = """a\\\n  b"""',
    'x = """a\\ b"""',
    '"" = 1',
    "x = [" * 90 + "]" * 90,
    "\r",
    "x = 1\r",
    "x = 1\r\ny = 2",
    "x\n= 1",
    "[ x . y ]\nz = 1",
    "[x]y = 1",
    "[]",
    "[x.]",
    "-- = 1",
    "1 = 1",
    'x = "\\u00e9\\U0001F600"',
    'x = "\\U00110000"',
)
_VERSION_1 = (
    "[registries.search]\nregistries = ['docker.io']",
    "[registries.insecure]\nregistries = []",
    "[registries.block]\nregistries = ['docker.io']",
    "[registries.search]\n",
    "[registries]\nsearch = 1",
    "[registries.search]\nregistries = 'docker.io'",
    "[registries]\n[registries.other]\nregistries = []",
    "registries = 1",
    "registries = ['docker.io']",
    "[Registries.Search]\nRegistries = ['docker.io']",
)
_FIRST_OCTETS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff", b"\x00", b"\n", b"\xc2\xa0")


@dataclass(frozen=True)
class ConfiguredNames:
    """Files under the root by their path, an environment's name, options, and references to resolve."""

    files: tuple[tuple[str, bytes], ...]
    environment: str
    registries_conf: str | None
    registries_conf_dir: str | None
    short_names: str
    references: tuple[str, ...]


def configured_references() -> Drawn[ConfiguredNames]:
    """Configuration and about twenty references that name their registry, mostly."""
    return Drawn(lambda choices: _configured(choices, _qualified), 400)


def configured_short_names() -> Drawn[ConfiguredNames]:
    """Configuration and about twenty names, mostly short."""
    return Drawn(lambda choices: _configured(choices, _short), 400)


def _configured(choices: Choices, name: Callable[[Choices], str]) -> ConfiguredNames:
    names = tuple(name(choices) for _ in range(20))
    mode = choices.pick(("enforcing", "permissive", "disabled"))
    files: dict[str, bytes] = {}
    environment = homes.environment(choices)
    explicit = directory = None
    kind = choices.below(8)
    if kind < 6:
        explicit, directory = homes.ROOT + "/registries.conf", homes.ROOT + "/registries.conf.d"
        if not choices.chance(40):
            files["registries.conf"] = document(choices)
    if kind == 6:
        directory = homes.ROOT + "/registries.conf.d"
    user = "xdg/containers" if environment == "xdg" else "home/.config/containers"
    if kind >= 6 or choices.chance(8):
        files[user + "/registries.conf"] = document(choices)
        files[user + "/registries.conf.d/50-user.conf"] = document(choices)
    if environment == "named" and not choices.chance(4):
        files["named.conf"] = document(choices)
    if environment == "override" and not choices.chance(4):
        files["override.conf"] = document(choices)
    for number in range(choices.pick((0, 0, 1, 2))):
        files[f"registries.conf.d/{choices.pick(('10', '20', 'a', '.', '9'))}{number}.conf"] = document(choices)
    if choices.chance(24):
        files["registries.conf.d/" + choices.pick(("x.CONF", "x.conf.bak", "x.conf/y.conf"))] = document(choices)
    if choices.chance(4):
        files["cache/containers/short-name-aliases.conf"] = alias_file(choices)
    return ConfiguredNames(tuple(sorted(files.items())), environment, explicit, directory, mode, names)


def _qualified(choices: Choices) -> str:
    kind = choices.below(8)
    return references.good(choices) if kind < 6 else references.named(choices, 6)


def _short(choices: Choices) -> str:
    kind = choices.below(8)
    if kind == 7:
        return references.reference(choices)
    name = choices.pick(("busybox", "app", "fedora", "acme/app", "library/fedora", "app", "a"))
    return name + choices.pick(("", ":v1", "@sha256:" + "a" * 64, ":v1@sha256:" + "b" * 64, ":latest"))


def alias_file(choices: Choices) -> bytes:
    """A short-name-aliases.conf."""
    return _finished(choices, _aliases(choices) if choices.chance(2) else [], 8)


def document(choices: Choices) -> bytes:
    """A registries.conf or drop-in file."""
    lines: list[str] = []
    if choices.chance(2):
        search = [choices.mostly(choices.pick(_SEARCH[:5]), _SEARCH, 40) for _ in range(choices.pick((1, 2, 0, 3)))]
        lines.append(f"unqualified-search-registries = [{', '.join(search)}]")
    if choices.chance(8):
        lines.append(f"short-name-mode = {choices.mostly(choices.pick(_MODES[:3]), _MODES, 12)}")
    if choices.chance(24):
        lines.append(f"credential-helpers = {choices.pick(_HELPERS)}")
    if choices.chance(24):
        lines.append(choices.pick(("unknown = 1", "[unknown]\nx = 1")))
    for _ in range(choices.pick((1, 2, 0, 3, 4))):
        lines += _registry(choices)
    if choices.chance(3):
        lines += _aliases(choices)
    return _finished(choices, lines, 40)


def _finished(choices: Choices, lines: list[str], one_in: int) -> bytes:
    if choices.chance(one_in):
        place = choices.below(len(lines) + 1)
        lines.insert(place, choices.pick(_SYNTAX if choices.chance(2) else _VERSION_1))
    content = "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"
    if choices.chance(40):
        content = choices.pick(_FIRST_OCTETS) + content
    elif choices.chance(40):
        at = choices.below(len(content) + 1)
        content = content[:at] + choices.pick((b"\xff", b"\x00", b'"', b"[", b"", b"\r")) + content[at + 1 :]
    return content


def _registry(choices: Choices) -> list[str]:
    lines = ["[[registry]]"]
    if not choices.chance(4):
        lines.append(f'prefix = "{choices.mostly(choices.pick(_PREFIXES), _ODD_PREFIXES, 80)}"')
    if not choices.chance(60):
        lines.append(f'location = "{choices.mostly(choices.pick(_LOCATIONS), _ODD_LOCATIONS, 80)}"')
    for name in ("insecure", "blocked", "mirror-by-digest-only"):
        if choices.chance(5):
            lines.append(f"{name} = {choices.mostly(choices.pick(_BOOLEANS), _ODD_VALUES, 120)}")
    if choices.chance(12):
        lines.append(
            choices.mostly(
                'namespace-proxy = "quay.io"', ("pull-from-mirror = 'all'", "unknown = {}", "namespace-proxy = 1")
            )
        )
    if choices.chance(24) and len(lines) > 1:
        # Another spelling instead of the usual one: which of two counts is chance upstream (BurntSushi's unifyStruct
        # goes through a map).
        at = 1 + choices.below(len(lines) - 1)
        lines[at] = choices.pick((lines[at].capitalize(), lines[at].upper(), lines[at].replace("s", "\u017f", 1)))
    if choices.chance(60):
        lines.append(
            choices.pick(
                ("mirror = 1", "mirror = []", "mirror = ['quay.io']", "mirror = [{location = 'mirror.internal'}]")
            )
        )
    for _ in range(choices.pick((0, 1, 0, 2, 3))):
        lines += _mirror(choices)
    return lines


def _mirror(choices: Choices) -> list[str]:
    lines = ["[[registry.mirror]]"]
    if not choices.chance(200):
        lines.append(f'location = "{choices.mostly(choices.pick(_LOCATIONS), _ODD_LOCATIONS, 120)}"')
    if choices.chance(4):
        lines.append(f"insecure = {choices.mostly(choices.pick(_BOOLEANS), _ODD_VALUES, 120)}")
    if choices.chance(6):
        lines.append(f"pull-from-mirror = {choices.mostly(choices.pick(_PULL_FROM_MIRROR[:3]), _PULL_FROM_MIRROR, 40)}")
    if choices.chance(12):
        lines.append(f'namespace-proxy = "{choices.pick(("quay.io", "", "a b"))}"')
    return lines


def _aliases(choices: Choices) -> list[str]:
    chosen = [choices.mostly(choices.pick(_ALIASES[:4]), _ALIASES, 24) for _ in range(choices.pick((1, 2, 3)))]
    lines = [f"{name} = {value}" for name, value in chosen]
    return [
        "[aliases]",
        *(
            lines
            if choices.chance(60)
            else {name: line for (name, _), line in zip(chosen, lines, strict=True)}.values()
        ),
    ]
