"""What `make upstream` says changed: declarations by name, and where pycoco speaks of them."""

from __future__ import annotations

from pathlib import Path

from tests.upstream import functions

BEFORE = """package docker

// retries is how often.
const retries = 5

const (
\tfirst = iota
\tsecond
)

func parse(text string) error {
\tif text == "" {
\t\treturn nil
\t}
\treturn errNone
}

func (c *client) get(
\tpath string,
) error {
\treturn nil
}

type client struct {
\tname string
}
"""


def test_changed_declarations(tmp_path: Path) -> None:
    for version, text in {"a": BEFORE, "b": BEFORE.replace("errNone", "errSome").replace("second", "third")}.items():
        (tmp_path / version).mkdir()
        (tmp_path / version / "client.go").write_text(text)
        (tmp_path / version / "client_test.go").write_text(text + version)
    (tmp_path / "b" / "more.go").write_text("package docker\n\nfunc added() {}\n")
    found = functions.changed(tmp_path / "a", tmp_path / "b")
    assert [(each.file, each.name) for each in found] == [
        ("client.go", "first"),
        ("client.go", "parse"),
        ("more.go", "added"),
    ]
    assert "-\treturn errNone\n+\treturn errSome" in found[1].difference
    assert list(functions.declarations(tmp_path / "a" / "client.go")) == ["retries", "first", "parse", "get", "client"]


def test_where_pycoco_speaks_of_them(tmp_path: Path) -> None:
    (tmp_path / "pycoco").mkdir()
    (tmp_path / "pycoco" / "token.py").write_text("# as docker_client.go\n# getBearerToken does\ngetBearerTokens = 1\n")
    assert functions.citations(tmp_path, {"getBearerToken", "other"}) == {"getBearerToken": ["pycoco/token.py:2"]}
