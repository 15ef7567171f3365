"""What goes to other machines: secrets only when that is wanted, the driver's platform; and what a worker refuses."""

from __future__ import annotations

import base64
import json
import pickle
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pycoco.credentials import from_dockerconfigjson
from pycoco.documents import platforms
from pycoco.documents.platforms import Machine
from pycoco.errors import ConfigurationError, LayoutError
from pycoco.fleet import Completed, Summary, scan
from pycoco.fleet.part import Job, PartResult, Task, client_for, run_part
from pycoco.testing import FakeRegistry
from tests.boundary import served
from tests.fleet.tables import references_at
from tests.support.scripted_registry import ScriptedRegistry


def scanned(references: list[str], output: Path, **how: Any) -> Summary:
    return scan(references, output, **{"engine": "in-process", "tls_verify": False, **how})


def test_secrets_do_not_leave_this_machine_unasked(registry: ScriptedRegistry, tmp_path: Path, dask: Any) -> None:
    references = references_at(registry.host, 2)
    secret = {"creds": ("user", "hunter2")}
    with pytest.raises(ConfigurationError, match="creds would be sent to other machines") as refused:
        scanned(references, tmp_path, engine=dask, **secret)
    assert "hunter2" not in str(refused.value)
    assert scanned(references, tmp_path, **secret).failed == 0
    summary = scanned(references, tmp_path / "sent", engine=dask, send_secrets=True, **secret)
    assert summary.failed == 0
    for path in summary.directory.rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


@pytest.mark.parametrize(
    "secret",
    [
        {"creds": ("user", "hunter2")},
        {"credentials": {"quay.io": ("user", "hunter2")}},
        {"credentials": from_dockerconfigjson(b'{"auths": {"quay.io": {"username": "user", "password": "hunter2"}}}')},
        {"identity_token": "hunter2"},
        {"registry_token": "hunter2"},
    ],
    ids=["creds", "credentials", "keyring", "identity token", "registry token"],
)
def test_every_option_that_holds_a_secret_stays_here(tmp_path: Path, secret: dict[str, Any]) -> None:
    engine = Elsewhere()
    with pytest.raises(ConfigurationError, match="would be sent to other machines") as refused:
        scanned([], tmp_path, engine=engine, **secret)
    assert "hunter2" not in str(refused.value)
    scanned(["quay.io/a"], tmp_path, engine=engine, send_secrets=True, **secret)
    (job,) = engine.jobs
    assert b"hunter2" in pickle.dumps(job)
    assert "hunter2" not in repr(job)
    with closing(client_for(pickle.loads(pickle.dumps(job)))):
        pass


def test_to_send_none_is_no_secret(tmp_path: Path) -> None:
    assert scanned([], tmp_path, engine=Elsewhere(), creds=("", "")).rows == 0


def test_a_keyring_goes_to_local_workers(tmp_path: Path) -> None:
    with FakeRegistry(users={"user": "hunter2"}) as registry:
        reference = registry.image("team/app:v1")
        auths = {"auths": {registry.host: {"username": "user", "password": "hunter2"}}}
        keyring = from_dockerconfigjson(json.dumps(auths).encode())
        summary = scanned([reference], tmp_path, engine="processes", workers=1, credentials=keyring)
    assert summary.by_error == {}


class Elsewhere:
    """An engine whose workers are other machines, which do nothing but say that they did."""

    local = False
    slots = 1

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._tasks: list[Task] = []

    def submit(self, job: Job, task: Task) -> None:
        self.jobs.append(job)
        self._tasks.append(task)

    def completed(self, seconds: float) -> list[Completed]:
        tasks, self._tasks = self._tasks, []
        return [Completed(task.number, PartResult(task.number, task.registry, 1, 0, {"": 1}, 0, 1)) for task in tasks]

    def close(self, job: Job) -> None:
        pass


def test_files_that_other_machines_have_are_not_looked_for_here(tmp_path: Path) -> None:
    engine = Elsewhere()
    there = {"auth_file": "/auth/config.json", "registries_conf": "/etc/there.conf", "cert_dir": "/certs"}
    scanned(["quay.io/a"], tmp_path, engine=engine, **there)
    assert engine.jobs[0].options.items() >= there.items()
    with pytest.raises(ConfigurationError, match=r"which does not exist"):
        scanned(["quay.io/a"], tmp_path, **there)


def test_the_engine_is_not_in_the_hash(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = [f"{registry.host}/a"]
    (tmp_path / "registries.conf").write_text("")
    options = {"registries_conf": tmp_path / "registries.conf", "policy": "policy.json"}
    here = scanned(references, tmp_path, **options)
    there = scanned(references, tmp_path, engine=Elsewhere(), **options)
    assert here.directory == there.directory
    assert there.before == 1


def test_other_machines_read_the_drivers_platform(registry: ScriptedRegistry, tmp_path: Path) -> None:
    """Whatever they are themselves; and a driver of another kind begins a table of its own."""
    engine = Elsewhere()
    references = [f"{registry.host}/a"]
    here = scanned(references, tmp_path, engine=engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pycoco.documents.platforms.machine", lambda: Machine("linux", "arm64", "v8"))
        there = scanned(references, tmp_path, engine=engine)
    assert [job.options["platform"] for job in engine.jobs][1:] == ["linux/arm64/v8"]
    own = platforms.machine()
    assert str(engine.jobs[0].options["platform"]).startswith(f"{own.os}/{own.architecture}")
    assert here.directory != there.directory


def test_dasks_workers_keep_no_client_and_no_secret(registry: ScriptedRegistry, tmp_path: Path, dask: Any) -> None:
    summary = scanned(
        references_at(registry.host, 4), tmp_path, engine=dask, part_size=1, send_secrets=True, creds=("u", "p")
    )
    assert summary.failed == 0
    held = "len(__import__('pycoco.fleet.part', fromlist=['_clients'])._clients)"
    assert served.until(lambda: set(dask.run(eval, held).values()) == {0})


def test_a_worker_of_another_version_is_told(tmp_path: Path) -> None:
    job = Job("key", str(tmp_path), "image", False, {}, version="0.0.1")
    task = Task(0, "quay.io", [(0, "quay.io/a")], 1, None)
    with pytest.raises(ConfigurationError, match=r"this worker has pycoco .*, the driver 0\.0\.1: give both the same"):
        run_part(job, task)


def test_a_worker_without_the_output_reads_nothing(registry: ScriptedRegistry, tmp_path: Path) -> None:
    job = Job("key", str(tmp_path / "not here"), "image", False, {"tls_verify": False})
    task = Task(0, registry.host, [(0, f"{registry.host}/a")], 1, None)
    with pytest.raises(LayoutError, match="the output must be the same folder for the driver and all workers"):
        run_part(job, task)
    assert registry.requests == []


def test_a_job_does_not_show_its_options() -> None:
    secret = base64.b64encode(b"hunter2").decode()
    job = Job("key", "/output", "image", False, {"creds": ("user", secret), "registry_token": secret})
    assert secret not in repr(job) + repr(Task(1, "quay.io", [(0, secret)], 1, None))
