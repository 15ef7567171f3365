"""`pycoco serve` as the kubelet meets it: which pulls it answers, which it passes on, and what is then in the storage.

CRI-O is a stand-in whose storage is c/storage's own (tests/support/node/crio_stand_in.py); the registries are real.
It is not for how calls are passed on (test_image_service_calls.py).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from pycoco.node.cri_api import messages
from pycoco.node.cri_api.runtime import CHANNEL_OPTIONS
from tests.conftest import REPOSITORY
from tests.support.gate import Gate
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.node.crio_stand_in import CrioStandIn, crio_at_rest, crio_stand_in, running
from tests.support.node.image_service import ImageService, image_service
from tests.support.node.storage_tool import DRIVER, storage_tool
from tests.support.registry import Registry

PROGRAMS = ("storagetool",)

PULL, STATUS = messages.IMAGE_SERVICE + "PullImage", messages.IMAGE_SERVICE + "ImageStatus"
USER, PASSWORD = "user", "secret word"
POD = {"uid": "pod-1", "namespace": "team-a", "name": "web"}


@pytest.fixture
def crio() -> Iterator[CrioStandIn]:
    with crio_stand_in() as stand_in:
        stand_in.sandboxes["pod-1", "team-a"] = "kata"
        yield stand_in


@pytest.fixture
def service(crio: CrioStandIn) -> Iterator[ImageService]:
    with serving(crio) as service:
        yield service


def serving(crio: CrioStandIn, *arguments: str) -> Any:
    chosen = arguments or ("--handler", "kata")
    options = (
        "--registries-conf",
        str(crio.directory / "registries.conf"),
        "--platform",
        PLATFORMS[0],
        "--tls-verify=false",
    )
    return image_service("--crio", crio.endpoint, *options, *chosen)


def call(service: ImageService, method: str, request: bytes, timeout: float = 30.0) -> bytes:
    channel: Any = grpc.insecure_channel(service.endpoint, options=CHANNEL_OPTIONS)
    with channel:
        return bytes(channel.unary_unary(method)(request, timeout=timeout))


def pull_request(image: str, *, pod: dict[str, str] | None = POD, creds: tuple[str, str] | None = None) -> bytes:
    sandbox = {"sandbox_config": {"metadata": pod}} if pod else {}
    auth = {"auth": {"username": creds[0], "password": creds[1]}} if creds else {}
    return bytes(messages._classes()["PullImageRequest"](image={"image": image}, **sandbox, **auth).SerializeToString())


def pull(service: ImageService, image: str, **more: Any) -> str:
    answer = messages._classes()["PullImageResponse"].FromString(call(service, PULL, pull_request(image, **more)))
    return str(answer.image_ref)


def status(service: ImageService, image: str) -> messages.CriImage | None:
    return messages.status_image(call(service, STATUS, messages.image_request("ImageStatusRequest", image)))


def refused(service: ImageService, image: str, **more: Any) -> None:
    """CRI-O's own answer reaches the caller: its code, and its text."""
    with pytest.raises(grpc.RpcError) as raised:
        pull(service, image, **more)
    assert raised.value.code() is grpc.StatusCode.UNKNOWN
    assert raised.value.details() == "missing private key needed for decryption"


def hexadecimal(digest: str) -> str:
    return digest.partition(":")[2]


def test_an_encrypted_image_is_recorded_by_its_digest_alone(
    service: ImageService, crio: CrioStandIn, registry: Registry, built_images: BuiltImages
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    pinned = f"{reference.rpartition(':')[0]}@{built_images.images['encrypted']['digest']}"
    instance = built_images.instance("encrypted", PLATFORMS[0])["digest"]

    image_id = pull(service, reference)

    assert image_id == hexadecimal(instance)
    assert {each: image["names"] for each, image in crio.images().items()} == {image_id: [pinned]}
    assert crio.pulls == []
    for asked in (reference, pinned, image_id):  # the tag is answered for the digest
        found = status(service, asked)
        assert found is not None
        assert found.id == image_id
    blobs = [each.path for each in registry.requests if "/blobs/" in each.path]
    assert {path.rpartition("/")[2] for path in blobs} == {json.loads(built_images.blob(instance))["config"]["digest"]}
    event = service.wait_for("pull")
    assert (event["answered"], event["pod"], event["handler"]) == ("metadata", "team-a/web", "kata")


def test_a_tag_whose_record_is_gone_is_crios_again(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    storage_tool("remove", crio.root, pull(service, reference))
    storage_tool("create", crio.root, "localhost/other", "1")
    (other,) = crio.images()
    storage_tool("rename", crio.root, reference, other)

    found = status(service, reference)

    assert found is not None
    assert found.id == other


def test_a_status_that_crio_cannot_give_fails_in_its_words(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    pull(service, reference)

    def fail(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.abort(grpc.StatusCode.UNKNOWN, "the storage is on fire")
        yield b""

    crio.methods["ImageStatus"] = fail
    with pytest.raises(grpc.RpcError) as raised:
        status(service, reference)

    failed: Any = raised.value
    assert failed.details() == "the storage is on fire"
    assert [line for line in service.lines if not line.startswith("{")] == []


def test_tags_are_recorded_where_that_is_asked_for(crio: CrioStandIn, registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    with serving(crio, "--handler", "kata", "--no-pin") as service:
        image_id = pull(service, reference)

    assert reference in crio.images()[image_id]["names"]


@pytest.mark.parametrize("pin", [(), ("--no-pin",)], ids=["pinned", "tags"])
def test_an_image_that_crio_has_with_its_layers_wins(
    crio: CrioStandIn, registry: Registry, built_images: BuiltImages, pin: tuple[str, ...]
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    instance = built_images.instance("encrypted", PLATFORMS[0])["digest"]
    config_id = hexadecimal(json.loads(built_images.blob(instance))["config"]["digest"])
    record = {"id": config_id, "names": [reference], "layer": "ab" * 32, "created": "2024-01-01T00:00:00Z"}
    (crio.root / "vfs-images" / "images.json").write_text(json.dumps([record]))

    with serving(crio, "--handler", "kata", *pin) as service:
        assert pull(service, reference) == config_id
        found = status(service, reference)
        assert service.wait_for("pull")["answered"] == "full"

    assert found is not None
    assert found.id == config_id
    assert json.loads((crio.root / "vfs-images" / "images.json").read_text()) == [record]


def test_each_pull_reads_the_registry_anew(service: ImageService, crio: CrioStandIn, registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    pull(service, reference)
    first = len(registry.requests)
    pull(service, reference)

    assert len(registry.requests) == 2 * first


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (None, "it is for no pod sandbox"),
        ({**POD, "uid": "another"}, "it is for no pod sandbox"),
        ({**POD, "namespace": "another"}, "it is for no pod sandbox"),
        ({**POD, "uid": "pod-2"}, "its runtime handler is another"),
    ],
)
def test_what_is_not_for_a_guest_is_crios(
    service: ImageService, crio: CrioStandIn, registry: Registry, pod: dict[str, str] | None, reason: str
) -> None:
    crio.sandboxes["pod-2", "team-a"] = ""  # CRI-O's default handler, which is no guest's
    request = pull_request(registry.reference(REPOSITORY, "encrypted"), pod=pod)

    with pytest.raises(grpc.RpcError, match="missing private key"):
        call(service, PULL, request)

    assert service.wait_for("pull")["reason"] == reason
    assert crio.pulls == [request]
    assert crio.images() == {}
    assert registry.requests == []


def test_an_image_that_is_not_encrypted_is_crios(service: ImageService, crio: CrioStandIn, registry: Registry) -> None:
    crio.pull = lambda body, context: messages.pull_response("the id that CRI-O gives")

    assert pull(service, registry.reference(REPOSITORY, "single-oci")) == "the id that CRI-O gives"
    assert service.wait_for("pull")["reason"] == "no layer is encrypted"


def test_a_node_with_keys_decrypts_itself(service: ImageService, crio: CrioStandIn, registry: Registry) -> None:
    (crio.directory / "keys" / "team").mkdir(parents=True)
    (crio.directory / "keys" / "team" / "key.pem").write_text("a key")

    refused(service, registry.reference(REPOSITORY, "encrypted"))
    assert service.wait_for("pull")["reason"] == "CRI-O has decryption keys"


def test_an_image_that_does_not_exist_is_crios_to_refuse(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    refused(service, registry.reference(REPOSITORY, "nonesuch"))
    assert service.wait_for("pull")["answered"] == "failed"


@pytest.mark.parametrize("place", ["policy.json", "policies/team-a.json"])
def test_what_the_policy_rejects_is_crios_to_refuse(
    service: ImageService, crio: CrioStandIn, registry: Registry, place: str
) -> None:
    (crio.directory / place).write_text('{"default":[{"type":"reject"}]}')

    refused(service, registry.reference(REPOSITORY, "encrypted"))
    assert crio.images() == {}


@pytest.fixture
def secured(seeded_registry: Registry) -> Iterator[Registry]:
    with Registry(storage=seeded_registry.storage, users={USER: PASSWORD}) as secured:
        yield secured


def test_wrong_credentials_and_then_the_right_ones(service: ImageService, crio: CrioStandIn, secured: Registry) -> None:
    reference = secured.reference(REPOSITORY, "encrypted")

    refused(service, reference)
    refused(service, reference, creds=(USER, "wrong"))
    assert pull(service, reference, creds=(USER, PASSWORD)) in crio.images()
    assert status(service, reference) is not None
    refused(service, reference, creds=(USER, "wrong"))
    assert status(service, reference) is None  # who may not pull it is not told that it is there

    assert PASSWORD not in "\n".join(service.lines)
    assert "wrong" not in "\n".join(service.lines)


def auth_file(path: Path, key: str) -> None:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    path.write_text(json.dumps({"auths": {key: {"auth": auth}}}))
    path.chmod(0o600)


def test_crios_own_credentials(service: ImageService, crio: CrioStandIn, secured: Registry) -> None:
    auth_file(crio.directory / "global.json", secured.host)

    assert pull(service, secured.reference(REPOSITORY, "encrypted")) in crio.images()
    assert (crio.directory / "global.json").exists()


def test_the_namespaces_credentials_are_used_once(service: ImageService, crio: CrioStandIn, secured: Registry) -> None:
    reference = secured.reference(REPOSITORY, "encrypted")
    name = hashlib.sha256(reference.rpartition(":")[0].encode()).hexdigest()
    path = crio.directory / "auth" / f"team-a-{name}.json"
    auth_file(path, secured.host)

    assert pull(service, reference) in crio.images()
    assert not path.exists()


def test_twenty_pods_of_one_image_share_one_read(service: ImageService, crio: CrioStandIn, registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    pull(service, reference)
    once = len(registry.requests)
    registry.clear_requests()

    with ThreadPoolExecutor(20) as pool:
        pulled = set(pool.map(lambda _: pull(service, reference), range(20)))

    assert pulled == set(crio.images())
    # Whoever asks after the first read has ended begins another; twenty at once are at most a few.
    assert len(registry.requests) <= 5 * once


def test_whoever_runs_out_of_time_takes_nothing_from_those_who_share_the_read(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    with Gate(registry.host) as gate, ThreadPoolExecutor(2) as pool:
        request = pull_request(f"{gate.host}/{REPOSITORY}:encrypted")
        hurried = pool.submit(call, service, PULL, request, 2)
        assert gate.waited_for.wait(10)
        patient = pool.submit(call, service, PULL, request, 40)
        with pytest.raises(grpc.RpcError, match="DEADLINE_EXCEEDED"):
            hurried.result(20)
        assert service.wait_for("pull")["answered"] == "cancelled"
        gate.open()

        answer = messages._classes()["PullImageResponse"].FromString(patient.result(40))
    assert set(crio.images()) == {answer.image_ref}


def test_sigterm_to_all_processes_at_once_lets_a_pull_end(crio: CrioStandIn, registry: Registry) -> None:
    with serving(crio) as service, Gate(registry.host) as gate, ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(pull, service, f"{gate.host}/{REPOSITORY}:encrypted")
        assert gate.waited_for.wait(10)
        # As systemd does it by default: to the service, and to all that it has started.
        (worker,) = children(service.process.pid)
        for pid in (service.process.pid, worker, *children(worker)):
            os.kill(pid, signal.SIGTERM)
        service.wait_for("stopping")
        gate.open()

        assert pulling.result(40) in crio.images()
        assert service.process.wait(20) == 0


def test_a_record_that_crio_does_not_find_is_removed(
    service: ImageService, crio: CrioStandIn, registry: Registry, built_images: BuiltImages
) -> None:
    crio.hidden = True

    refused(service, registry.reference(REPOSITORY, "encrypted"))

    assert crio.removed == [hexadecimal(built_images.instance("encrypted", PLATFORMS[0])["digest"])]
    assert crio.images() == {}


def test_a_storage_that_cannot_be_read_is_crios_to_report(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    (crio.root / "vfs-images" / "images.json").write_text("{")

    refused(service, registry.reference(REPOSITORY, "encrypted"))
    assert "is not as c/storage writes it" in service.wait_for("pull")["reason"]


def test_records_that_break_the_listing_are_removed_at_the_start(crio: CrioStandIn, registry: Registry) -> None:
    with serving(crio) as service:
        image_id = pull(service, registry.reference(REPOSITORY, "encrypted"))
    (crio.root / "vfs-images" / image_id / "manifest").unlink()

    with serving(crio) as service:
        assert service.wait_for("broken record removed")["id"] == image_id
        assert crio.images() == {}


def test_crio_may_come_and_go(registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    with crio_at_rest() as crio, contextlib.ExitStack() as stack:
        crio.sandboxes["pod-1", "team-a"] = "kata"
        with running(crio):
            service = stack.enter_context(serving(crio))
            pull(service, reference)
        with pytest.raises(grpc.RpcError) as raised:
            pull(service, reference)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        (crio.root / f"{DRIVER}-images" / "images.json").unlink()
        with running(crio):
            service.wait_for("CRI-O answers", count=2)
            assert pull(service, reference) in crio.images()


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in tasks for child in each.read_text().split()]


def test_a_caller_that_goes_ends_the_read(service: ImageService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        reference = f"127.0.0.1:{silent.getsockname()[1]}/team/app:v1"
        with pytest.raises(grpc.RpcError) as raised:
            call(service, PULL, pull_request(reference), timeout=1.5)
        failed: Any = raised.value
        assert failed.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert service.wait_for("pull")["answered"] == "cancelled"

        (worker,) = children(service.process.pid)
        deadline = time.monotonic() + 10
        while children(worker) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert children(worker) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_the_process_that_reads_registries_has_no_privileges(service: ImageService) -> None:
    workers = children(service.process.pid)
    assert len(workers) == 1
    fields = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{workers[0]}/status").read_text().splitlines() if ":\t" in line
    )
    assert set(fields["Uid"].split()) == {"65534"}
    assert {fields[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Groups"].split() == []


def test_who_reads_ends_with_the_process_that_forked_them(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    with Gate(registry.host) as gate, ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(refused, service, f"{gate.host}/{REPOSITORY}:encrypted")
        assert gate.waited_for.wait(10)
        (worker,) = children(service.process.pid)
        (reading,) = children(worker)
        os.kill(worker, signal.SIGKILL)

        pulling.result(20)  # passed on
        deadline = time.monotonic() + 10
        while Path(f"/proc/{reading}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not Path(f"/proc/{reading}").exists()


def test_a_worker_that_is_killed_costs_nothing_but_its_pull(
    service: ImageService, crio: CrioStandIn, registry: Registry
) -> None:
    for pid in children(service.process.pid):
        os.kill(pid, 9)

    assert pull(service, registry.reference(REPOSITORY, "encrypted")) in crio.images()
