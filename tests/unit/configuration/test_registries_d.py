"""registries.d: which namespace says where signatures are, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.configuration import configuration_files, registries_d
from pycoco.configuration.reference import parse_reference
from pycoco.configuration.registries_d import SignaturePlaces
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError

DIGEST = "sha256:" + "a" * 64


@pytest.fixture(autouse=True)
def no_system_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_files, "ADMINISTRATOR_DIRECTORY", str(tmp_path / "etc"))
    monkeypatch.setattr(configuration_files, "VENDOR_DIRECTORY", str(tmp_path / "usr"))


def places(home: Path, reference: str, **files: str) -> SignaturePlaces:
    directory = home / ".config/containers/registries.d"
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    return registries_d.load(Settings(environ={"HOME": str(home)})).places(parse_reference(reference))


CONF = """
default-docker:
  lookaside: https://default.test/s
  use-sigstore-attachments: true
docker:
  q.io:
    sigstore: https://registry.test
  q.io/ns:
    use-sigstore-attachments: false
  q.io/ns/app:v1:
    lookaside-staging: https://written.test
    lookaside: "file:///signatures"
  "*.wild.test":
    lookaside: https://wild.test
"""


@pytest.mark.parametrize(
    ("reference", "lookaside", "attachments"),
    [
        ("q.io/ns/app:v1", "file:///signatures/ns/app", False),
        ("q.io/ns/app:v2", "https://registry.test/ns/app", False),
        ("q.io/app", "https://registry.test/app", True),
        ("other.io/app", "https://default.test/s/app", True),
        ("a.wild.test:5000/app", "https://wild.test/app", True),
        ("docker.io/library/busybox", "https://default.test/s/library/busybox", True),
    ],
)
def test_the_narrowest_namespace_that_says_something(
    tmp_path: Path, reference: str, lookaside: str, attachments: bool
) -> None:
    found = places(tmp_path, reference, a=CONF)
    assert (str(found.lookaside), found.attachments) == (lookaside, attachments)


def test_without_files_the_default_is_the_users_or_the_systems(tmp_path: Path) -> None:
    found = registries_d.load(Settings(environ={"HOME": str(tmp_path), "_CONTAINERS_ROOTLESS_UID": "1000"}))
    own = f"file://{tmp_path}/.local/share/containers/sigstore/app"
    assert str(found.places(parse_reference("q.io/app")).lookaside) == own
    found = registries_d.load(Settings(environ={"HOME": str(tmp_path), "_CONTAINERS_ROOTLESS_UID": "0"}))
    assert str(found.places(parse_reference("q.io/app")).lookaside) == "file:///var/lib/containers/sigstore/app"


def test_the_place_of_a_signature(tmp_path: Path) -> None:
    conf = "default-docker: {lookaside: 'https://u:p@h.test:8443/a%20b?q=1'}"
    lookaside = places(tmp_path, "q.io/ns/app", a=conf).lookaside
    assert lookaside.place(DIGEST, 2) == (f"https://u:p@h.test:8443/a%20b/ns/app@sha256={'a' * 64}/signature-2?q=1")
    assert "u:p" not in str(lookaside)
    lookaside = places(tmp_path, "q.io/ns/app", a="default-docker: {lookaside: 'file:///a%20b'}").lookaside
    assert lookaside.place(DIGEST, 1) == f"/a b/ns/app@sha256={'a' * 64}/signature-1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("True", True),
        ("yes", True),
        ("on", True),
        ("no", False),
        ("FALSE", False),
        ("~", False),
        ("", False),
    ],
)
def test_truth_as_yaml_of_go_has_it(tmp_path: Path, text: str, expected: bool) -> None:
    assert (
        places(tmp_path, "q.io/a", a=f"default-docker:\n  use-sigstore-attachments: {text}\n").attachments == expected
    )


@pytest.mark.parametrize(
    "text",
    [
        "default-docker: [",
        "default-docker: text",
        "docker: []",
        "docker: {q.io: {lookaside: [a]}}",
        "docker: {q.io: {use-sigstore-attachments: maybe}}",
        'docker: {q.io: {use-sigstore-attachments: "true"}}',
        "docker: {q.io: {}, q.io: {}}",
        "a: &a {lookaside: x}\ndocker: {q.io: {<<: *a}}",
        "- a",
    ],
)
def test_what_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        places(tmp_path, "q.io/a", a=text)
    assert caught.value.file == str(tmp_path / ".config/containers/registries.d/a.yaml")


def test_two_files_that_say_the_same(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there already"):
        places(tmp_path, "q.io/a", a="default-docker: {lookaside: a}", b="default-docker: {lookaside: a}")
    with pytest.raises(ConfigurationError, match="there already"):
        places(tmp_path, "q.io/a", a="docker: {q.io: {}}", b="docker: {q.io: {}}")


@pytest.mark.parametrize("text", ["", "# nothing", "docker:", "default-docker: ~", "other: [1]", "docker: {q.io: }"])
def test_files_that_say_nothing(tmp_path: Path, text: str) -> None:
    assert places(tmp_path, "q.io/a", a=text).attachments is False


@pytest.mark.parametrize("url", ["http://[::1", "http://h:x/", "http://h/%zz", "http://h/\\x01"])
def test_what_is_no_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a URL"):
        places(tmp_path, "q.io/a", a=f'default-docker: {{lookaside: "{url}"}}')
