"""What ends in the middle: workers, drivers, schedulers, disks, registries. Every row once, and nothing lost."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import BackendError, LayoutError, UnavailableError
from pycoco.fleet import Progress, Summary, scan
from pycoco.fleet.engines import Completed, WorkerLostError, engine_of
from pycoco.fleet.engines import processes as processes_module
from pycoco.fleet.engines.here import Here
from pycoco.fleet.part import Job, Task
from tests.boundary import served
from tests.fleet.tables import references_at, require_module, rows_in
from tests.support.scripted_registry import Answer, Request, Script, ScriptedRegistry
from tests.support.tools import ROOT, require_tool

_DRIVER = """
import json, sys
from pycoco.fleet import scan
if __name__ == "__main__":
    references = json.load(sys.stdin)
    summary = scan(references, sys.argv[1], part_size=20, workers=2, tls_verify=False, concurrency=4)
    print(json.dumps(summary.to_dict()))
"""


def scanned(references: list[str], output: Path, **how: Any) -> Summary:
    return scan(references, output, **{"part_size": 20, "tls_verify": False, "concurrency": 4, **how})


def complete(summary: Summary, references: list[str]) -> bool:
    return Counter(row["reference"] for row in rows_in(summary.directory)) == Counter(references)


def answering_only(count: int) -> Script:
    """The image for so many reads of a manifest, and no answer from then on: a scan of more never gets to its end."""
    reads = itertools.count()

    def script(request: Request) -> Answer:
        late = "/manifests/" in request.path and next(reads) >= count
        return Answer(wait=served.HANGS) if late else served.image(request)

    return script


class KillOnce:
    """A progress function that kills a process once some rows are there, and remembers that it did."""

    def __init__(self, process: Callable[[], int]) -> None:
        self._process = process
        self.killed = 0

    def __call__(self, progress: Progress) -> None:
        if not self.killed and 0 < progress.done < progress.total:
            self.killed = self._process()
            os.kill(self.killed, signal.SIGKILL)


@pytest.mark.timeout(120)
def test_a_local_worker_is_killed(registry: ScriptedRegistry, tmp_path: Path) -> None:
    engine = processes_module.Processes(2)
    seen: set[int] = set()

    def one_of_them() -> int:
        seen.update(engine.workers)
        return engine.workers[0]

    kill = KillOnce(one_of_them)
    references = references_at(registry.host, 400)
    summary = scanned(references, tmp_path, engine=engine, progress=kill)
    assert kill.killed
    assert complete(summary, references)
    assert summary.failed == 0
    assert not list(summary.directory.rglob(".*.tmp"))
    assert not engine.workers
    assert served.until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in seen))


@pytest.mark.timeout(60)
def test_a_script_that_does_not_guard_itself_is_told(tmp_path: Path) -> None:
    """Its workers import it, and would scan in their turn."""
    script = tmp_path / "script.py"
    script.write_text("from pycoco.fleet import scan\nscan(['127.0.0.1:1/a'] * 5, 'output', part_size=1, workers=2)\n")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert "a script has to call scan below `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("output/*/stage=0/*"))


@pytest.mark.timeout(120)
def test_a_dask_worker_is_killed(registry: ScriptedRegistry, tmp_path: Path) -> None:
    distributed = require_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        kill = KillOnce(lambda: int(next(iter(client.run(os.getpid).values()))))
        references = references_at(registry.host, 400)
        summary = scanned(references, tmp_path, engine=client, progress=kill)
        assert kill.killed
        assert complete(summary, references)
        assert summary.failed == 0


@pytest.mark.timeout(120)
def test_a_ray_worker_is_killed(registry: ScriptedRegistry, tmp_path: Path, ray: str) -> None:
    psutil = require_module("psutil")

    def one_of_them() -> int:
        titles = {each.pid: " ".join(each.cmdline()) for each in psutil.Process().children(recursive=True)}
        workers = {pid: title for pid, title in titles.items() if title.startswith("ray::")}
        busy = [pid for pid, title in workers.items() if registry.host in title]
        return int((busy or list(workers))[0])

    registry.script = served.slow(0.01, "/blobs/")
    kill = KillOnce(one_of_them)
    references = references_at(registry.host, 400)
    summary = scanned(references, tmp_path, engine=ray, progress=kill)
    assert kill.killed
    assert complete(summary, references)
    assert summary.failed == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("client_waits", "scan_waits"), [(20.0, 1.0), (1.0, 30.0)], ids=["the scan gives up", "the client gives up"]
)
def test_the_dask_scheduler_goes(
    registry: ScriptedRegistry, tmp_path: Path, dask: Any, client_waits: float, scan_waits: float
) -> None:
    distributed = require_module("distributed")
    from pycoco.fleet.engines.dask import Dask

    references = references_at(registry.host, 400)
    command = [sys.executable, "-m", "distributed.cli.dask_spec", "--spec"]
    scheduler = json.dumps(
        {"cls": "distributed.Scheduler", "opts": {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}}
    )
    with subprocess.Popen([*command, scheduler], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        address = next(line.split()[-1] for line in process.stderr if "Scheduler at:" in line)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        worker = json.dumps({"cls": "distributed.Worker", "opts": {"nthreads": 1}})
        with subprocess.Popen([*command[:-1], address, "--spec", worker], stderr=subprocess.DEVNULL, cwd=ROOT) as other:
            try:
                with distributed.Client(address, timeout=client_waits) as client:
                    client.wait_for_workers(1, timeout=20)
                    kill = KillOnce(lambda: process.pid)
                    with pytest.raises(UnavailableError, match="scheduler is gone; what is done stays"):
                        scanned(references, tmp_path, engine=Dask(client, patience=scan_waits), progress=kill)
            finally:
                other.kill()
                process.kill()
    summary = scanned(references, tmp_path, engine=dask)
    assert 0 < summary.before < 400
    assert complete(summary, references)


@pytest.mark.timeout(120)
def test_the_driver_is_killed_and_started_again(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = references_at(registry.host, 400)
    registry.script = answering_only(100)
    with _driver(tmp_path, references) as driver:
        assert served.until(lambda: len(list(tmp_path.glob("scan-*/stage=0/part-*.parquet"))) > 2, 60)
        workers = _children(driver.pid)
        driver.kill()
        driver.wait(10)
    assert len(workers) >= 2
    assert served.until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    registry.script = served.image
    with _driver(tmp_path, references) as driver:
        printed, _ = driver.communicate(timeout=60)
    summary = json.loads(printed)
    assert 0 < summary["before"] < summary["rows"] == 400
    assert Counter(row["reference"] for row in rows_in(Path(summary["directory"]))) == Counter(references)


@pytest.mark.timeout(60)
def test_ctrl_c_leaves_nothing_running_and_loses_nothing(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = references_at(registry.host, 400)
    registry.script = answering_only(100)
    with _driver(tmp_path, references) as driver:
        assert served.until(lambda: bool(list(tmp_path.glob("scan-*/stage=0/part-*.parquet"))), 40)
        workers = _children(driver.pid)
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=20)
    assert driver.returncode != 0
    assert served.until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    registry.script = served.image
    summary = scanned(references, tmp_path, engine="in-process")
    assert summary.before
    assert complete(summary, references)


def _driver(output: Path, references: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _DRIVER, str(output)]
    driver = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    )
    assert driver.stdin is not None
    driver.stdin.write(json.dumps(references))
    driver.stdin.close()
    driver.stdin = None
    return driver


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


@pytest.mark.timeout(120)
def test_the_disk_is_full(registry: ScriptedRegistry, tmp_path: Path) -> None:
    """On a file system of 200 kB, in a mount namespace of its own; what was written can be read, a rerun goes on."""
    require_tool("unshare")
    references = references_at(registry.host, 400)
    (tmp_path / "references.txt").write_text("\n".join(references))
    (tmp_path / "small").mkdir()
    options = "--output small --engine in-process --part-size 20 --tls-verify=false --json"
    scanning = f"{sys.executable} -m pycoco scan references.txt {options}"
    counting = 'import pyarrow.dataset as d; print(d.dataset("small", partitioning="hive").count_rows(), "rows")'
    script = f"""
mount -t tmpfs -o size=200k none small || exit 99
{scanning}
echo "status $?"
{sys.executable} -c '{counting}'
mount -o remount,size=20m small
{scanning}
"""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert "cannot be written: No space left on device; what is done stays, scan again to continue" in done.stderr
    status, count, summary = done.stdout.splitlines()
    assert status == "status 11"
    before = json.loads(summary)["before"]
    assert 0 < before < 400
    assert count == f"{before} rows"
    assert json.loads(summary)["rows"] == 400


def test_a_registry_is_gone_for_a_while(registry: ScriptedRegistry, tmp_path: Path) -> None:
    """What failed meanwhile is told apart and read by the next stage; nothing else is read twice."""
    gone = threading.Event()

    def script(request: Request) -> Answer:
        return Answer(drop=True) if gone.is_set() else served.image(request)

    def progress(progress: Progress) -> None:
        (gone.set if 40 <= progress.done < 80 else gone.clear)()

    registry.script = script
    references = references_at(registry.host, 160)
    summary = scanned(references, tmp_path, engine="in-process", retries=0, progress=progress)
    assert complete(summary, references)
    assert set(summary.by_error) == {"unavailable"}
    assert 0 < summary.failed <= 60
    retried = scanned(references, tmp_path, engine="in-process", retries=0, retry_failed=True)
    assert (retried.rows, retried.failed) == (summary.failed, 0)


def test_half_a_file_is_not_taken_for_a_whole_one(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = references_at(registry.host, 40)
    summary = scanned(references, tmp_path, engine="in-process")
    path = summary.directory / "stage=0" / "part-000001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LayoutError, match=r"part-000001.parquet is damaged; remove it and scan again"):
        scanned(references, tmp_path, engine="in-process")
    path.unlink()
    assert complete(scanned(references, tmp_path, engine="in-process"), references)


class _Losing:
    """An engine whose workers always end."""

    local = True
    slots = 2

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def submit(self, job: Job, task: Task) -> None:
        self._numbers.append(task.number)

    def completed(self, seconds: float) -> list[Completed]:
        lost = [Completed(number, None, WorkerLostError("killed")) for number in self._numbers]
        self._numbers.clear()
        return lost

    def close(self, job: Job) -> None:
        self._numbers.clear()


def test_a_part_that_ends_every_worker_ends_the_scan(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="part 0 lost 3 workers; the last one said: killed"):
        scanned(["a"], tmp_path, engine=_Losing())


class _Poisoned(Here):
    """Two workers, in this process; two parts end theirs and, with it, the part that the other one has."""

    slots = 2

    def __init__(self, *poison: int) -> None:
        super().__init__()
        self._poison = poison
        self.ran: list[tuple[int, ...]] = []

    def completed(self, seconds: float) -> list[Completed]:
        numbers = tuple(task.number for _, task in self._waiting)
        self.ran.append(numbers)
        if not set(numbers) & set(self._poison):
            return super().completed(seconds)
        self._waiting.clear()
        return [Completed(number, None, WorkerLostError("killed")) for number in numbers]


def test_a_part_that_ends_every_worker_keeps_no_other_from_being_read(
    registry: ScriptedRegistry, tmp_path: Path
) -> None:
    """And it alone is blamed, not who ran beside it; a second scan has only it to read."""
    references = references_at(registry.host, 20)
    engine = _Poisoned(0, 5)
    with pytest.raises(BackendError, match=r"2 parts \(0, 5\) each lost 3 workers; the last one said: killed"):
        scanned(references, tmp_path, engine=engine, part_size=2)
    done = {path.name for path in tmp_path.glob("scan-*/stage=0/part-*")}
    assert done == {f"part-{number:06d}.parquet" for number in range(10)} - {
        "part-000000.parquet",
        "part-000005.parquet",
    }
    assert sorted(engine.ran[-4:]) == [(0,), (1,), (4,), (5,)], "whoever may be to blame runs alone"
    summary = scanned(references, tmp_path, engine="in-process", part_size=2)
    assert summary.before == 16
    assert complete(summary, references)


def test_where_no_worker_lives_the_scan_ends_soon(registry: ScriptedRegistry, tmp_path: Path) -> None:
    engine = _Poisoned(*range(1000))
    with pytest.raises(BackendError, match="workers end and no part becomes whole; the last one said: killed"):
        scanned(references_at(registry.host, 1000), tmp_path, engine=engine, part_size=1)
    assert len(engine.ran) < 10


def test_an_engine_of_ones_own() -> None:
    losing = _Losing()
    assert engine_of(losing, None) is losing
