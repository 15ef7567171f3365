"""Scans on every engine: each reference one row with what its image says, and again nothing to do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import ConfigurationError, LayoutError
from pycoco.fleet import Progress, Summary, limits, scan
from pycoco.fleet.folder import Folder
from pycoco.fleet.part import PartResult
from pycoco.fleet.part_file import PartRows, footer_of
from pycoco.fleet.schema import COLUMNS, RAW_COLUMNS, arrow_schema
from pycoco.testing import FakeRegistry
from tests.boundary import served
from tests.fleet.tables import references_at, rows_in
from tests.support.images import BuiltImages
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

ENGINES = ("in-process", "processes", "dask", "ray")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param) if request.param in ("dask", "ray") else request.param


def scanned(references: list[str], output: Path, **how: Any) -> Summary:
    return scan(references, output, **{"engine": "in-process", "part_size": 20, "tls_verify": False, **how})


@pytest.mark.timeout(120)
def test_every_reference_has_one_row(registry: ScriptedRegistry, tmp_path: Path, engine: Any) -> None:
    references = [*references_at(registry.host, 50), f"{registry.host}/demo/missing:v1", "UPPER", "short"]
    summary = scanned(references, tmp_path, engine=engine)
    rows = rows_in(summary.directory)
    assert [row["reference"] for row in rows] == references
    assert [row["position"] for row in rows] == list(range(53))
    assert {row["digest"] for row in rows[:50]} == {served.DIGEST}
    assert [row["error_code"] for row in rows[50:]] == ["not_found", "invalid_reference", "short_name"]
    assert (summary.rows, summary.failed, summary.before) == (53, 3, 0)
    assert summary.by_registry == {registry.host: (51, 1), "": (2, 2)}

    asked = len(registry.requests)
    again = scanned(references, tmp_path, engine=engine)
    assert (again.rows, again.failed, again.before, again.by_error) == (53, 3, 53, summary.by_error)
    assert len(registry.requests) == asked
    assert rows_in(again.directory) == rows


def test_the_same_reference_twice_has_two_rows(registry: ScriptedRegistry, tmp_path: Path) -> None:
    summary = scanned([f"{registry.host}/a:v1"] * 3, tmp_path)
    assert [row["position"] for row in rows_in(summary.directory)] == [0, 1, 2]


def test_a_real_image_in_columns(seeded_registry: Registry, built_images: BuiltImages, tmp_path: Path) -> None:
    from tests.conftest import REPOSITORY

    references = [
        seeded_registry.reference(REPOSITORY, name) for name in ("encrypted", "partly-encrypted", "single-docker")
    ]
    summary = scanned(references, tmp_path, raw=True, platform="linux/arm64")
    assert summary.failed == 0, summary.by_error
    for row in rows_in(summary.directory):
        config = json.loads(row["raw_config"])
        manifest = json.loads(row["raw_manifest"])
        assert row["encrypted"] == any("+encrypted" in layer["mediaType"] for layer in manifest["layers"])
        assert row["architecture"] == config["architecture"]
        assert row["env"] == config["config"].get("Env", [])
        assert row["layers_size"] == sum(layer["size"] for layer in manifest["layers"])
        assert [layer["digest"] for layer in row["layers"]] == [layer["digest"] for layer in manifest["layers"]]
        assert row["pinned"].endswith(f"@{row['digest']}")
    assert [row["layers"][0]["key_ids"] for row in rows_in(summary.directory)][1:] == [None, None]


def test_another_platform_does_not_mix_in(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = references_at(registry.host, 3)
    one = scanned(references, tmp_path)
    others = [
        scanned(references, tmp_path, platform="linux/arm64"),
        scanned(references, tmp_path, raw=True),
        scanned(references[:2], tmp_path),
        scanned(references, tmp_path, part_size=2),
    ]
    assert len({one.directory, *(other.directory for other in others)}) == 5
    same = {
        "timeout": 3,
        "retries": 0,
        "concurrency": 2,
        "backend": "auto",
        "short_names": "enforcing",
        "schema1": False,
    }
    assert scanned(references, tmp_path, **same).directory == one.directory


def test_only_what_is_missing_is_read(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = references_at(registry.host, 60)
    summary = scanned(references, tmp_path)
    (summary.directory / "stage=0" / "part-000001.parquet").unlink()
    registry.requests.clear()
    again = scanned(references, tmp_path)
    assert again.before == 40
    assert {request.path.split("/")[3] for request in registry.requests if "/manifests/" in request.path} == {
        f"app{number}" for number in range(20, 40)
    }


def test_failures_that_may_pass_are_tried_again_as_a_stage(registry: ScriptedRegistry, tmp_path: Path) -> None:
    def failing(request: Request) -> Answer:
        return Answer(503) if "/app7/manifests/" in request.path else served.image(request)

    registry.script = failing
    references = [*references_at(registry.host, 30), f"{registry.host}/demo/missing:v1"]
    summary = scanned(references, tmp_path, retries=0)
    assert summary.by_error == {"unavailable": 1, "not_found": 1}
    registry.script = served.image
    retried = scanned(references, tmp_path, retries=0, retry_failed=True)
    assert (retried.stage, retried.rows, retried.failed) == (1, 1, 0)
    latest = {row["position"]: row for row in rows_in(retried.directory)}
    assert len(latest) == 31
    assert latest[7]["digest"] == served.DIGEST
    with pytest.raises(ConfigurationError, match="nothing to retry"):
        scanned(references, tmp_path, retries=0, retry_failed=True)


def test_progress_counts_to_the_end(registry: ScriptedRegistry, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.done, progress.total))

    scanned(references_at(registry.host, 45), tmp_path, progress=note)
    assert seen[0] == (0, 45)
    assert seen[-1] == (45, 45)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_registry_that_limits_is_asked_again(registry: ScriptedRegistry, tmp_path: Path) -> None:
    """As long as the whole client waits, so nothing is lost; a wait beyond the time limit is the test after this."""
    left = [10]

    def limited(request: Request) -> Answer:
        if "/manifests/" in request.path:
            if left[0] == 0:
                left[0] = 100
                return Answer(429, headers=[("Retry-After", "1")])
            left[0] -= 1
        return served.image(request)

    registry.script = limited
    summary = scanned(references_at(registry.host, 30), tmp_path, concurrency=1)
    assert (summary.rows, summary.failed) == (30, 0)


def test_a_wait_beyond_the_time_limit_pauses_the_registry(pycoco_registry: FakeRegistry, tmp_path: Path) -> None:
    """The client says so at once; the driver waits for all workers, and what was read stays."""
    references = [pycoco_registry.image(f"team/app:v{number}") for number in range(20)]
    pycoco_registry.limit(10, retry_after=2)
    paused: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.waiting and not paused:
            paused.extend(progress.waiting)
            pycoco_registry.recover()

    summary = scanned(references, tmp_path, concurrency=1, timeout=0.9, retries=0, progress=watch)
    assert paused == [pycoco_registry.host]
    assert (summary.rows, summary.failed) == (20, 0)
    read = [
        request.path for request in pycoco_registry.requests if request.status == 200 and "/manifests/" in request.path
    ]
    assert len(read) == len(set(read)) == 20, "what was read before the pause is not read again"


def test_a_registry_that_asks_for_more_than_an_hour_is_written_down(
    pycoco_registry: FakeRegistry, tmp_path: Path
) -> None:
    references = [pycoco_registry.image(f"team/app:v{number}") for number in range(6)]
    pycoco_registry.limit(4, retry_after=7200)
    summary = scanned(references, tmp_path, concurrency=1, timeout=0.9, retries=0)
    assert (summary.rows, summary.by_error) == (6, {"rate_limited": 2})
    rows = [row for row in rows_in(summary.directory) if row["error_code"]]
    assert all(row["retryable"] and row["retry_after"] > 0 for row in rows)
    pycoco_registry.recover()
    retried = scanned(references, tmp_path, concurrency=1, timeout=5, retries=0, retry_failed=True)
    assert (retried.rows, retried.failed) == (2, 0)


def test_a_registry_that_never_stops_asking_for_a_moment_does_not_keep_the_scan(
    pycoco_registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for an hour in all, here two seconds; what is left is written down without being asked for."""
    monkeypatch.setattr(limits, "LONGEST_PAUSE", 2.0)
    references = [pycoco_registry.image(f"team/app:v{number}") for number in range(60)]
    pycoco_registry.limit(7, retry_after=1)
    summary = scanned(references, tmp_path, concurrency=1, timeout=0.5, retries=0)
    assert (summary.rows, summary.by_error) == (60, {"rate_limited": 53})
    refused = [request for request in pycoco_registry.requests if request.status == 429]
    assert len(refused) < 15
    rows = [row for row in rows_in(summary.directory) if row["error_code"]]
    assert all(row["retryable"] and row["retry_after"] is not None for row in rows)
    pycoco_registry.recover()
    retried = scanned(references, tmp_path, timeout=5, retries=0, retry_failed=True)
    assert (retried.rows, retried.failed) == (53, 0)


def test_in_flight_over_all_workers(registry: ScriptedRegistry, tmp_path: Path) -> None:
    running: set[str] = set()
    most = [0]

    def counting(request: Request) -> Answer:
        name = request.path.split("/")[3] if request.path.count("/") > 3 else ""
        if "/manifests/" in request.path:
            running.add(name)
            most[0] = max(most[0], len(running))
        answer = served.image(request)
        if "/blobs/" in request.path:
            running.discard(name)
        return answer

    registry.script = counting
    summary = scanned(references_at(registry.host, 200), tmp_path, engine="processes", workers=2, per_registry=6)
    assert summary.failed == 0
    assert most[0] <= 6


def test_a_rate_is_kept(registry: ScriptedRegistry, tmp_path: Path) -> None:
    summary = scanned(references_at(registry.host, 30), tmp_path, rate=40)
    assert summary.rows == 30
    assert summary.seconds >= 29 / 40 * 0.9  # what was asked for, not how fast this machine is


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"part_size": 0}, "part_size is 0"),
        ({"per_registry": 0}, "per_registry is 0"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"concurrency": "many"}, "concurrency is 'many'"),
        ({"engine": "spark"}, "engine is 'spark'"),
        ({"engine": "processes", "workers": 0}, "workers is 0"),
        ({"engine": "in-process", "workers": 2}, "workers is 2, which is for local processes"),
        ({"engine": "processes", "workers": "2"}, "workers is '2'"),
        ({"part_size": True}, "part_size is True"),
        ({"rate": "fast"}, "rate is 'fast'"),
        ({"platform": "linux"}, "platform is 'linux'"),
        ({"backend": "rust"}, "backend is 'rust'; use one of auto, go, go-process, python"),
        ({"timeout": -1}, "timeout is -1"),
        ({"credentials": {"quay.io": "secret"}}, "credentials for quay.io must be a pair"),
        ({"revalidate": "get"}, "revalidate is 'get'"),
        ({"namespace": "UPPER!"}, "namespace is 'UPPER!'"),
        ({"auth_file": "missing.json"}, "auth_file is missing.json, which does not exist"),
        ({"retry": 1}, "there is no option retry"),
        ({"retry_failed": True, "references": "missing.txt"}, "missing.txt cannot be read"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_read(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    given = {"references": ["a"], **wrong}
    with pytest.raises(ConfigurationError, match=message):
        scan(given.pop("references"), tmp_path / "output", **{"engine": "in-process", **given})
    assert not (tmp_path / "output").exists()


def test_without_pyarrow_that_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a damaged file, although ConfigurationError is a ValueError as pyarrow's are."""
    path = scanned([], tmp_path / "before").directory / "part-000000.parquet"
    add_kept = PartRows(path, raw=False).add_kept
    for name in ("pyarrow", "pyarrow.parquet", "pyarrow.dataset"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=r"needs pyarrow .*: pip install 'pycoco-oci\[parquet\]'"):
        scanned(["a"], tmp_path / "output")
    assert not (tmp_path / "output").exists()
    for read in (footer_of, add_kept):
        with pytest.raises(ConfigurationError, match="needs pyarrow"):
            read(path)


def test_another_driver_is_refused(registry: ScriptedRegistry, tmp_path: Path) -> None:
    references = references_at(registry.host, 2)
    summary = scanned(references, tmp_path)
    with Folder(summary.directory).locked(), pytest.raises(LayoutError, match="another scan is writing"):
        scanned(references, tmp_path)


def test_an_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LayoutError, match="cannot be written"):
        scanned(["a"], tmp_path / "file")


def test_an_empty_input_is_a_scan_of_nothing(tmp_path: Path) -> None:
    assert scanned([], tmp_path).rows == 0


def test_the_schema_has_every_documented_column() -> None:
    assert arrow_schema(True).names == [name for name, _, _ in COLUMNS + RAW_COLUMNS]
    assert arrow_schema(False).names == [name for name, _, _ in COLUMNS]


def test_a_row_is_counted_once_however_often_its_part_is_reported() -> None:
    result = PartResult(1, "", 5, 2, {"": 3, "not_found": 2}, 0.0, 1.0)
    assert result.rows == 5


def test_digests_alone_by_head(pycoco_registry: FakeRegistry, tmp_path: Path) -> None:
    references = [pycoco_registry.image(f"team/app:v{number}") for number in range(5)]
    summary = scanned([*references, f"{pycoco_registry.host}/team/none:v1"], tmp_path, resolve_only=True)
    rows = rows_in(summary.directory)
    assert [row["digest"] for row in rows[:5]] == [pycoco_registry.digest(reference) for reference in references]
    assert (rows[5]["error_code"], rows[5]["digest"]) == ("not_found", None)
    assert {request.method for request in pycoco_registry.requests if "/manifests/" in request.path} == {"HEAD"}
    with pytest.raises(ConfigurationError, match="leave out all_platforms and raw"):
        scanned(references, tmp_path, resolve_only=True, raw=True)


def test_every_image_of_an_index(pycoco_registry: FakeRegistry, tmp_path: Path) -> None:
    platforms = ["linux/amd64", "linux/arm64/v8", "windows/amd64"]
    index = pycoco_registry.image("team/app:v1", platforms=platforms)
    single = pycoco_registry.image("team/one:v1", platform="linux/s390x")
    missing = f"{pycoco_registry.host}/team/none:v1"
    summary = scanned([index, single, missing], tmp_path, all_platforms=True, raw=True)
    assert (summary.references, summary.rows, summary.failed) == (3, 5, 1)
    rows = rows_in(summary.directory)
    assert [(row["position"], row["os"], row["architecture"]) for row in rows] == [
        (0, "linux", "amd64"),
        (0, "linux", "arm64"),
        (0, "windows", "amd64"),
        (1, "linux", "s390x"),
        (2, None, None),
    ]
    assert all(row["raw_config"] for row in rows[:4])
    read = [request.path for request in pycoco_registry.requests if "/manifests/v1" in request.path]
    assert len(read) == 3, "an index is read once"


def test_what_was_read_of_an_index_without_the_platform_is_kept(pycoco_registry: FakeRegistry, tmp_path: Path) -> None:
    reference = pycoco_registry.image("team/app:v1", platforms=["linux/arm64/v8", "windows/amd64"])
    summary = scanned([reference], tmp_path, platform="linux/riscv64")
    (row,) = rows_in(summary.directory)
    assert (row["error_code"], row["digest"]) == ("no_matching_platform", pycoco_registry.digest(reference))
    assert row["platforms"] == ["linux/arm64/v8", "windows/amd64"]
