"""`pycoco pull` beside a CRI-O: it asks where the storage is, and whether what it wrote is found.

CRI-O is a stand-in (tests/support/node/crio_stand_in.py). It is not for storages without a daemon (test_podman.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
from collections.abc import Iterator

import pytest

import pycoco
from pycoco.cli import main
from pycoco.node.storage.image_store import ImageStore
from pycoco.node.storage.images_lock import lock_images
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.node.crio_stand_in import CrioStandIn, crio_stand_in
from tests.support.node.storage_tool import DRIVER
from tests.support.registry import Registry

PROGRAMS = ("storagetool",)


@pytest.fixture
def crio() -> Iterator[CrioStandIn]:
    with crio_stand_in() as stand_in:
        yield stand_in


def pull(crio: CrioStandIn, reference: str, *arguments: str) -> int:
    options = ["--platform", PLATFORMS[0], "--tls-verify=false"]
    return main(["pull", reference, "--crio", crio.endpoint, *options, *arguments])


def test_it_is_where_crio_finds_it(
    crio: CrioStandIn, registry: Registry, built_images: BuiltImages, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")

    assert pull(crio, reference, "--json") == 0

    said = json.loads(capsys.readouterr().out)
    index, instance = built_images.images["encrypted"]["digest"], built_images.instance("encrypted", PLATFORMS[0])
    pinned = f"{reference.rpartition(':')[0]}@{index}"
    assert said == {
        "id": instance["digest"].partition(":")[2],
        "names": [reference, pinned],
        "reference": reference,
        "pinned": pinned,
        "digest": index,
        "instance_digest": instance["digest"],
        "config_digest": json.loads(built_images.blob(instance["digest"]))["config"]["digest"],
        "full": False,
    }
    assert set(crio.images()) == {said["id"]}
    assert crio.removed == []


def test_crio_is_asked_for_its_configuration_once(
    crio: CrioStandIn, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(endpoint: str) -> None:
        raise AssertionError(f"{endpoint} was asked again")

    monkeypatch.setattr(sys.modules["pycoco.node.pull"], "read_crio_config", again)
    assert pull(crio, registry.reference(REPOSITORY, "encrypted")) == 0


def test_a_digest_is_the_only_name_of_what_was_asked_for_by_it(
    crio: CrioStandIn, registry: Registry, built_images: BuiltImages, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = registry.reference(REPOSITORY, digest=built_images.images["encrypted"]["digest"])

    assert pull(crio, reference, "--json") == 0

    assert json.loads(capsys.readouterr().out)["names"] == [reference]


def test_a_client_that_checks_no_policy_records_nothing(crio: CrioStandIn, registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    refused = pytest.raises(pycoco.ConfigurationError, match="no policy was checked")
    with pycoco.Client(tls_verify=False, platform=PLATFORMS[0]) as client, refused:
        pycoco.node.pull(client, reference, crio=crio.endpoint)

    assert crio.images() == {}


def test_a_summary(crio: CrioStandIn, registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull(crio, registry.reference(REPOSITORY, "encrypted"), "--pin") == 0

    first, *rows = capsys.readouterr().out.splitlines()
    assert set(crio.images()) == {first}
    assert [row.split()[0] for row in rows] == ["digest", "chosen", "config", "name"]


def test_what_crio_does_not_find_is_removed_again(
    crio: CrioStandIn, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    crio.hidden = True

    assert pull(crio, registry.reference(REPOSITORY, "encrypted")) == 1

    assert "does not find" in capsys.readouterr().err
    assert crio.images() == {}


def test_what_was_there_before_is_not_removed(crio: CrioStandIn, registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    assert pull(crio, reference) == 0
    crio.hidden = True

    assert pull(crio, reference) == 1

    assert len(crio.images()) == 1


def test_the_namespaces_policy_and_credentials(
    crio: CrioStandIn, seeded_registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    with Registry(storage=seeded_registry.storage, users={"user": "secret"}) as secured:
        reference = secured.reference(REPOSITORY, "encrypted")
        assert pull(crio, reference) == 6
        name = hashlib.sha256(reference.rpartition(":")[0].encode()).hexdigest()
        auth = base64.b64encode(b"user:secret").decode()
        (crio.directory / "auth" / f"team-a-{name}.json").write_text(
            json.dumps({"auths": {secured.host: {"auth": auth}}})
        )
        assert pull(crio, reference, "--namespace", "team-a") == 0
        (crio.directory / "policies" / "team-a.json").write_text('{"default":[{"type":"reject"}]}')
        assert pull(crio, reference, "--namespace", "team-a") == 10
        assert pull(crio, reference, "--namespace", "../team-a") == 4


def test_a_lock_that_is_held_is_waited_for_within_the_timeout(
    crio: CrioStandIn, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    directory = ImageStore(crio.root, DRIVER).directory
    began = time.monotonic()
    with lock_images(directory):
        assert pull(crio, reference, "--timeout", "2") == 7
    assert time.monotonic() - began < 10
    assert "images.lock' is locked by another process" in capsys.readouterr().err


def test_without_a_crio(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")

    assert main(["pull", reference, "--crio", "unix:///nonexistent/crio.sock"]) == 7
    assert "no CRI-O answers at /nonexistent/crio.sock" in capsys.readouterr().err
    assert main(["pull", reference, "--crio", "unix:///x.sock", "--root", "/tmp"]) == 2
    assert main(["pull", reference, "--root", "/tmp"]) == 4
    assert registry.requests == []
