"""registries.conf, row by row: both backends find the same pull sources, and skopeo asks where they would.

It is not for short names (test_short_names.py), nor for the file's grammar at large (tests/strategies).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.parity import skopeo
from tests.parity.fetching import VALUE, fetch_from, settings, sha256, single
from tests.parity.matrix.configured_rows import (
    BLOCKED,
    BY_DIGEST,
    DIGEST,
    INSECURE,
    NOWHERE,
    ONLY_DIGEST,
    ONLY_TAG,
    WRONG,
    Row,
    entry,
)
from tests.parity.twins import Failure, Twins
from tests.support.scripted_registry import Answer, Routes, ScriptedRegistry

ROWS = [
    Row("no entry", "", {"q.io/x": ("q.io/x:latest",)}),
    Row(
        "rewrite",
        entry("q.io", "other.io/n"),
        {"q.io/x:1": ("other.io/n/x:1",), f"q.io/x{DIGEST}": (f"other.io/n/x{DIGEST}",)},
    ),
    Row(
        "rewrite of one repository",
        entry("q.io/a", "other.io/b"),
        {"q.io/a:1": ("other.io/b:1",), "q.io/a/b": ("other.io/b/b:latest",), "q.io/ab": ("q.io/ab:latest",)},
    ),
    Row("a rewrite that is no reference", entry("q.io", "other.io/UPPER"), {"q.io/x": WRONG}),
    Row("prefix from location", entry("", "q.io", INSECURE), {"q.io/x": ("q.io/x:latest insecure",)}),
    Row(
        "the longest prefix",
        entry("q.io", "one.io") + entry("q.io/a", "two.io"),
        {"q.io/a/x": ("two.io/x:latest",), "q.io/x": ("one.io/x:latest",)},
    ),
    Row(
        "prefix with and without a port",
        entry("a.com", "one.io"),
        {"a.com:5000/x": ("one.io:5000/x:latest",), "a.com/x": ("one.io/x:latest",), "a.comx/x": ("a.comx/x:latest",)},
    ),
    Row(
        "prefix with a port",
        entry("a.com:5000", "one.io"),
        {
            "a.com/x": ("a.com/x:latest",),
            "a.com:5000/x": ("one.io/x:latest",),
            "a.com:50001/x": ("a.com:50001/x:latest",),
        },
    ),
    Row("prefix with a tag", entry("q.io/a:v1", "one.io/b:v1"), {"q.io/a:v1": ("q.io/a:v1",)}),
    Row(
        "wildcard",
        entry("*.a.com", "one.io/n"),
        {
            "x.a.com/y": ("one.io/n/y:latest",),
            "x.y.a.com/z": ("one.io/n/z:latest",),
            "a.com/x": ("a.com/x:latest",),
            "x.a.com.evil/x": ("x.a.com.evil/x:latest",),
            "e.vil/x.a.com": ("e.vil/x.a.com:latest",),
            "x.a.com:5000/y": WRONG,
        },
    ),
    Row(
        "wildcard without location",
        entry("*.a.com", "", BLOCKED),
        {"x.a.com/y": ("x.a.com/y:latest blocked",), "a.com/y": ("a.com/y:latest",)},
    ),
    Row(
        "wildcard without location, insecure",
        entry("*.a.com", "", INSECURE),
        {"x.a.com/y": ("x.a.com/y:latest insecure",)},
    ),
    Row(
        "wildcard against an exact prefix, by length",
        entry("*.a.com", "one.io") + entry("xx.a.com", "two.io"),
        {"xx.a.com/y": ("two.io/y:latest",), "x.a.com/y": ("one.io/y:latest",)},
    ),
    Row(
        "mirrors in order",
        entry("q.io", "q.io", mirrors=("m1.io/q", "m2.io; insecure = true")),
        {"q.io/x": ("m1.io/q/x:latest mirror", "m2.io/x:latest mirror insecure", "q.io/x:latest")},
    ),
    Row(
        "blocked primary with a mirror",
        entry("q.io", "q.io", BLOCKED, mirrors=("m.io",)),
        {"q.io/x": ("m.io/x:latest mirror", "q.io/x:latest blocked")},
    ),
    Row(
        "blocked mirror",
        entry("q.io", "q.io", mirrors=("m.io",)) + entry("m.io", "m.io", BLOCKED),
        {"q.io/x": ("m.io/x:latest mirror blocked", "q.io/x:latest")},
    ),
    Row(
        "blocked is looked up by where it leads", entry("q.io", "other.io", BLOCKED), {"q.io/x": ("other.io/x:latest",)}
    ),
    Row(
        "mirror-by-digest-only",
        entry("q.io", "q.io", BY_DIGEST, mirrors=("m.io",)),
        {"q.io/x:1": ("q.io/x:1",), f"q.io/x{DIGEST}": (f"m.io/x{DIGEST} mirror", f"q.io/x{DIGEST}")},
    ),
    Row(
        "filters of mirrors",
        entry(
            "q.io",
            "q.io",
            mirrors=(f"tag.io; {ONLY_TAG}", f"digest.io; {ONLY_DIGEST}", 'all.io; pull-from-mirror = "all"'),
        ),
        {
            "q.io/x:1": ("tag.io/x:1 mirror", "all.io/x:1 mirror", "q.io/x:1"),
            f"q.io/x{DIGEST}": (f"digest.io/x{DIGEST} mirror", f"all.io/x{DIGEST} mirror", f"q.io/x{DIGEST}"),
        },
    ),
    Row(
        "tag and digest is a digest",
        entry("q.io", "q.io", mirrors=(f"tag.io; {ONLY_TAG}", f"digest.io; {ONLY_DIGEST}")),
        {f"q.io/x:1{DIGEST}": (f"digest.io/x{DIGEST} mirror", f"q.io/x{DIGEST}")},
    ),
    Row(
        "namespace-proxy",
        entry("q.io", "q.io", mirrors=('m.io; namespace-proxy = "q.io"',)),
        {"q.io/x": ("m.io/x:latest mirror ns=q.io", "q.io/x:latest")},
    ),
    Row("a trailing slash is trimmed", entry("q.io/", "other.io/n/"), {"q.io/x": ("other.io/n/x:latest",)}),
    Row(
        "twice in one file: the first",
        entry("q.io", "one.io") + entry("q.io", "two.io"),
        {"q.io/x": ("one.io/x:latest",)},
    ),
    Row(
        "a drop-in replaces a whole entry",
        entry("q.io", "q.io", mirrors=("m.io",)),
        {"q.io/x": ("two.io/x:latest",)},
        {"drop-ins/10.conf": entry("q.io", "two.io")},
    ),
    Row(
        "drop-ins by name, the last wins",
        "",
        {"q.io/x": ("two.io/x:latest",)},
        {"drop-ins/20.conf": entry("q.io", "two.io"), "drop-ins/10.conf": entry("q.io", "one.io")},
    ),
    Row(
        "a drop-in with another suffix",
        "",
        {"q.io/x": ("q.io/x:latest",)},
        {"drop-ins/10.conf.bak": entry("q.io", "one.io")},
    ),
    Row(
        "a drop-in below a directory",
        "",
        {"q.io/x": ("q.io/x:latest",)},
        {"drop-ins/sub/10.conf": entry("q.io", "one.io")},
    ),
    Row("a broken drop-in", "", {"q.io/x": WRONG}, {"drop-ins/10.conf": "no TOML"}),
    Row(
        "a user's file",
        "",
        {"q.io/x": ("user.io/x:latest",)},
        {"home/.config/containers/registries.conf": entry("q.io", "user.io")},
        NOWHERE,
    ),
    Row(
        "a user's drop-in",
        "",
        {"q.io/x": ("user.io/x:latest",)},
        {"home/.config/containers/registries.conf.d/1.conf": entry("q.io", "user.io")},
        NOWHERE,
    ),
    Row("neither", "", {"q.io/x": ("q.io/x:latest",)}, {}, NOWHERE),
    Row(
        "a named file has its drop-ins beside it not read",
        "",
        {"q.io/x": ("named.io/x:latest",)},
        {
            "named.conf": entry("q.io", "named.io"),
            "home/.config/containers/registries.conf.d/1.conf": entry("q.io", "user.io"),
        },
        NOWHERE,
        "named",
    ),
    Row(
        "an override is read last",
        "",
        {"q.io/x": ("over.io/x:latest",)},
        {
            "override.conf": entry("q.io", "over.io"),
            "home/.config/containers/registries.conf.d/1.conf": entry("q.io", "user.io"),
        },
        NOWHERE,
        "override",
    ),
    Row("a named file that is missing", "", {"q.io/x": WRONG}, {}, {"registries_conf": "{root}/missing.conf"}),
    Row("version 1", "[registries.search]\nregistries = ['q.io']\n", {"q.io/x": WRONG}),
    Row(
        "versions 1 and 2",
        "unqualified-search-registries = []\n[registries.block]\nregistries = ['q.io']\n",
        {"q.io/x": WRONG},
    ),
    Row("version 1, but nothing in it", "[registries.search]\n", {"q.io/x": ("q.io/x:latest",)}),
    Row("unknown keys", 'x = 1\n[[registry]]\nlocation = "q.io"\ny = 2\n', {"q.io/x": ("q.io/x:latest",)}),
    Row("conflicting insecure", entry("q.io/a", "one.io", INSECURE) + entry("q.io/b", "one.io"), {"q.io/x": WRONG}),
    Row("conflicting blocked", entry("q.io/a", "one.io", BLOCKED) + entry("q.io/b", "one.io"), {"q.io/x": WRONG}),
    Row("location with a scheme", entry("q.io", "https://one.io"), {"q.io/x": WRONG}),
    Row("neither prefix nor location", entry("", "", INSECURE), {"q.io/x": WRONG}),
    Row("prefix without location", entry("q.io", ""), {"q.io/x": WRONG}),
    Row("a wildcard with a path", entry("*.a.com/x", "one.io"), {"q.io/x": WRONG}),
    Row("a wildcard with a port", entry("*.a.com:5000", "one.io"), {"q.io/x": WRONG}),
    Row("a mirror without location", entry("q.io", "q.io", mirrors=("",)), {"q.io/x": WRONG}),
    Row("a filter on the primary", entry("q.io", "q.io", ONLY_TAG), {"q.io/x": WRONG}),
    Row("both filters", entry("q.io", "q.io", BY_DIGEST, mirrors=(f"m.io; {ONLY_TAG}",)), {"q.io/x": WRONG}),
    Row("an unknown filter", entry("q.io", "q.io", mirrors=('m.io; pull-from-mirror = "never"',)), {"q.io/x": WRONG}),
    Row("a search registry with a path", "unqualified-search-registries = ['q.io/x']\n", {"q.io/x": WRONG}),
    Row("a wrong type", "unqualified-search-registries = 'q.io'\n", {"q.io/x": WRONG}),
    Row("an unknown mode", "short-name-mode = 'sometimes'\n", {"q.io/x": WRONG}),
    Row(
        "Docker Hub",
        entry("docker.io", "hub.io"),
        {"docker.io/x": ("hub.io/library/x:latest",), "index.docker.io/x": ("hub.io/library/x:latest",)},
    ),
]


def shown(answer: Any) -> Any:
    """A list of pull sources or candidates in the table's words."""
    if isinstance(answer, Failure):
        return answer.kind
    marks = ("mirror", "insecure", "blocked")
    return tuple(
        " ".join(
            [source.reference]
            + [mark for mark in marks if getattr(source, mark)]
            + ([f"ns={source.namespace_proxy}"] if source.namespace_proxy else [])
        )
        for source in answer
    )


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_pull_sources(twins: Twins, row: Row) -> None:
    go, python = twins.answers(row.case("pull_sources"))
    assert list(map(shown, go)) == list(map(shown, python))
    assert dict(zip(row.answers, map(shown, python), strict=True)) == row.answers
    assert twins.differences(row.case("pull_sources")) == []


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (("blocked = true",), "BlockedError"),
        (("blocked = true", "insecure = true"), "BlockedError"),
        (("insecure = true",), VALUE),
        ((), "UnavailableError"),  # it speaks no https, and nobody allowed plain http
    ],
)
def test_what_an_entry_lets_both_and_skopeo_do(lines: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    conf = tmp_path / "registries.conf"
    with ScriptedRegistry(Routes(single().routes())) as registry:
        conf.write_text(entry("", registry.host, *lines))
        chosen = settings(tmp_path, tls_verify=None, registries_conf=str(conf))
        both = fetch_from(list, lambda: f"{registry.host}/app:v1", lambda: chosen)
        registry.requests.clear()
        said = skopeo.ask(
            ["--registries-conf", str(conf), "inspect", "--raw", f"docker://{registry.host}/app:v1"], tmp_path
        )
        assert both.kind == kind
        assert (said.error == "") is (kind == VALUE)
        if kind == VALUE:
            assert said.output == both.fetched.top_manifest
        if kind == "BlockedError":
            assert "blocked" in said.error
            assert registry.requests == []


@pytest.mark.parametrize("mirror", ["lacks it", "is broken", "has it"])
@pytest.mark.parametrize("how", ["by tag", "by digest"])
def test_both_and_skopeo_ask_the_same_sources(mirror: str, how: str, tmp_path: Path) -> None:
    content = single()
    manifest = content.manifests["v1"]
    digest = sha256(manifest[1])
    table = {**content.routes(), f"/v2/app/manifests/{digest}": content.routes()["/v2/app/manifests/v1"]}
    broken = Routes({"/v2/": Answer(500)})
    first = {"lacks it": Routes({"/v2/": Answer()}), "is broken": broken, "has it": Routes(table)}[mirror]
    with ScriptedRegistry(first) as one, ScriptedRegistry(Routes(table)) as two:
        conf = tmp_path / "registries.conf"
        mirrors = (f"{one.host}; insecure = true; {ONLY_DIGEST}", f"{two.host}; insecure = true")
        conf.write_text(entry("q.invalid", "127.0.0.1:1", INSECURE, mirrors=mirrors))
        reference = "q.invalid/app" + (":v1" if how == "by tag" else f"@{digest}")
        chosen = settings(tmp_path, tls_verify=None, registries_conf=str(conf))
        both = fetch_from(list, lambda: reference, lambda: chosen)
        assert both.kind == VALUE
        asked = [sum("/manifests/" in line for line in registry.lines) for registry in (one, two)]
        served = one if mirror == "has it" and how == "by digest" else two
        assert both.fetched.pull_source.startswith(served.host)
        one.requests.clear()
        two.requests.clear()
        said = skopeo.ask(["--registries-conf", str(conf), "inspect", "--raw", f"docker://{reference}"], tmp_path)
        assert said.output == manifest[1], said.error
        assert [2 * sum("/manifests/" in line for line in registry.lines) for registry in (one, two)] == asked
