"""Every fixture file of the pinned containers/image that a pure operation can read, through both backends.

The files are read where the module lies. What upstream's own tests expect of a file is not repeated here, only that the
backends agree; a few rows say what must come out, so that agreeing on nothing does not pass.
"""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from pycoco.documents.values import RequestedPlatform
from pycoco.errors import PycocoError
from tests.parity.fetching import BACKENDS, opened, settings
from tests.parity.twins import Case, Failure, Twins
from tests.strategies import content_types
from tests.support.upstream import module_directory

MODULE = module_directory()
SYSREGISTRIES = MODULE / "pkg/sysregistriesv2/testdata"
CONFIG = MODULE / "pkg/docker/config/testdata"
MANIFESTS = sorted(
    [*(MODULE / "internal/manifest/testdata").glob("*.json"), *(MODULE / "manifest/fixtures").glob("*.json")]
)
LISTS = [path for path in MANIFESTS if "index" in path.name or "list" in path.name]
PLATFORMS = tuple(
    RequestedPlatform(system, architecture, variant)
    for system, (architecture, variants) in itertools.product(
        ("linux", "windows"),
        {
            "amd64": ("", "v3"),
            "arm64": ("", "v8"),
            "arm": ("", "v5", "v6", "v7", "v8"),
            "ppc64le": ("",),
            "s390x": ("",),
            "unknown": ("",),
        }.items(),
    )
    for variant in variants
)


def identifier(path: Path) -> str:
    """A file's name for a test's."""
    return path.name


def test_the_fixtures_are_there() -> None:
    assert len(MANIFESTS) > 30
    assert len(LISTS) > 8
    assert len(list(SYSREGISTRIES.glob("*.conf"))) > 25


@pytest.mark.parametrize("schema1", [False, True])
@pytest.mark.parametrize("path", MANIFESTS, ids=identifier)
def test_manifests(twins: Twins, path: Path, schema1: bool) -> None:
    body = path.read_bytes()
    questions = tuple((body, content_type) for content_type in (*content_types.KNOWN, "", "application/json"))
    case = Case("check_manifest", questions, options={"schema1": schema1})
    assert twins.differences(case) == []


@pytest.mark.parametrize("path", MANIFESTS, ids=identifier)
def test_manifests_are_no_configs(twins: Twins, path: Path) -> None:
    assert twins.differences(Case("check_config", ((path.read_bytes(),),))) == []


@pytest.mark.parametrize("path", LISTS, ids=identifier)
def test_choices(twins: Twins, path: Path) -> None:
    for content_type in content_types.KNOWN:
        assert twins.differences(Case("choose_instance", ((path.read_bytes(), content_type, PLATFORMS),))) == []


def test_choices_that_upstreams_tests_state(twins: Twins) -> None:
    # internal/manifest/oci_index_test.go, TestOCI1IndexChooseInstance.
    body = (MODULE / "internal/manifest/testdata/oci1.index.zstd-selection.json").read_bytes()
    platforms = tuple(RequestedPlatform("linux", architecture) for architecture in ("amd64", "arm64", "s390x"))
    _, python = twins.answers(Case("choose_instance", ((body, "application/vnd.oci.image.index.v1+json", platforms),)))
    letters = [answer if isinstance(answer, Failure) else answer.partition(":")[2][:1] for answer in python]
    assert letters == ["b", "c", "e"]


REGISTRY_QUESTIONS = (
    "registry.com/image:tag",
    "example.com/foo/image:latest",
    "docker.io/library/image",
    "registry-a.com/ns1/x",
    "registry-a.com/ns2/x@sha256:" + "0" * 64,
    "registry-b.com/ns1/x:1",
    "empty.registry.com/x",
    "simple-prefix.com/foo/bar:latest",
    "complex-prefix.com:4000/with/path/and/beyond:tag",
    "no-prefix.com/foo/bar",
    "sub.wildcard.com/x:1",
    "alien.com/x",
    "one.io/x",
    "primary.com/x",
    "foo.test.com/x",
    "prefix.com/x@sha256:" + "1" * 64,
    "prefix.registry-a.com/x",
    "localhost/image",
)
SHORT_NAMES = ("image", "docker", "quay/foo", "example", "test", "test1", "empty1", "hello-world:1", "q/x", "config2")


@pytest.mark.parametrize("path", sorted(SYSREGISTRIES.glob("*.conf")), ids=identifier)
@pytest.mark.parametrize("directory", ["", *sorted(each.name for each in SYSREGISTRIES.iterdir() if each.is_dir())])
def test_registries_conf(tmp_path: Path, path: Path, directory: str) -> None:
    chosen = settings(
        tmp_path,
        registries_conf=str(path),
        registries_conf_dir=str(SYSREGISTRIES / directory) if directory else str(tmp_path / "none"),
        short_names="permissive",
        tls_verify=None,
    )
    questions = [("pull_sources", each) for each in (*REGISTRY_QUESTIONS, *named_in(path))]
    questions += [("short_name_candidates", each) for each in SHORT_NAMES]
    with opened(BACKENDS[0], chosen) as go, opened(BACKENDS[1], chosen) as python:
        for operation, question in questions:
            assert answer(go, operation, question) == answer(python, operation, question), question


def named_in(path: Path) -> list[str]:
    """References below every name that stands in a file's own quotes."""
    words = [word for word in path.read_text().split('"')[1::2] if "/" in word or "." in word]
    return sorted({f"{word.removeprefix('*.').rstrip('/')}/x:1" for word in words})


def answer(session: object, operation: str, question: str) -> object:
    """A value, or the class of the error."""
    try:
        return getattr(session, operation)(question)
    except PycocoError as error:
        return type(error).__name__


AUTH_QUESTIONS = (
    "example.org/x",
    "index.docker.io/x",
    "docker.io/library/x",
    "localhost/x",
    "localhost:5000/x",
    "quay.io/x",
    "example.org/library/registry/example",
    "example.org/notthere",
    "registry-a.com/x",
    "registry-b.com/x",
    "registry-c.com/x",
    "registry-no-creds.com/x",
    "registry-error.com/x",
    "normalize.com/x",
)
PLACES = {
    "explicit": "mine.json",
    "runtime": "run/containers/auth.json",
    "config": ".config/containers/auth.json",
    "docker": ".docker/config.json",
    "legacy": ".dockercfg",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.json")), ids=identifier)
def test_auth_files(tmp_path: Path, path: Path, place: str) -> None:
    target = tmp_path / PLACES[place]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    helpers = tmp_path / "bin"
    helpers.mkdir()
    shutil.copyfile(CONFIG / "docker-credential-helper-registry", helpers / "docker-credential-helper-registry")
    (helpers / "docker-credential-helper-registry").chmod(0o755)
    for conf in ("", *(str(each) for each in sorted(CONFIG.glob("*.conf")))):
        chosen = settings(
            tmp_path,
            environ={"PATH": f"{helpers}:/usr/bin:/bin"},
            **({"registries_conf": conf} if conf else {}),
            **({"auth_file": str(target)} if place == "explicit" else {}),
        )
        with opened(BACKENDS[0], chosen) as go, opened(BACKENDS[1], chosen) as python:
            for question in (*AUTH_QUESTIONS, *keys_of(path)):
                assert answer(go, "credentials_for", question) == answer(python, "credentials_for", question), question


def keys_of(path: Path) -> list[str]:
    """A reference below every key of an auth file."""
    document = json.loads(path.read_text() or "{}")
    found = document.get("auths", document)
    keys = (key.partition("://")[2] or key for key in found)
    return [f"{key.partition('/')[0]}/x" for key in keys if "." in key or ":" in key]
