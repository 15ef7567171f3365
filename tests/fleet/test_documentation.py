"""docs/fleet.md: its columns are the schema's, its Spark example and its SQL run, its manifests are YAML."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pycoco.fleet import COLUMNS, scan
from tests.documentation.blocks import blocks_of
from tests.fleet.tables import references_at, require_module
from tests.support.scripted_registry import ScriptedRegistry
from tests.support.tools import ROOT, require_tool

PAGE = ROOT / "docs" / "fleet.md"


def blocks(language: str) -> list[str]:
    return [block.text for block in blocks_of(PAGE.read_text()) if block.language == language]


def test_the_columns_are_the_schemas() -> None:
    table = PAGE.read_text().partition("<!-- columns -->")[2].partition("<!-- /columns -->")[0]
    head = "| column | type | what it holds |\n|---|---|---|\n"
    rows = "".join(f"| `{name}` | {kind} | {meaning} |\n" for name, kind, meaning in COLUMNS)
    assert table.strip() == (head + rows).strip()


def test_the_queries_run(registry: ScriptedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = require_module("duckdb")
    scan(references_at(registry.host, 5), tmp_path / "images", engine="in-process", tls_verify=False)
    monkeypatch.chdir(tmp_path)
    latest, encrypted = blocks("sql")
    assert len(duckdb.sql(latest).fetchall()) == 5
    assert duckdb.sql(encrypted).fetchall() == []


def test_the_manifests_are_yaml() -> None:
    yaml = require_module("yaml")
    (manifests,) = blocks("yaml")
    assert [document["kind"] for document in yaml.safe_load_all(manifests)] == ["DaskCluster", "Job"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_spark_example_runs(registry: ScriptedRegistry, tmp_path: Path) -> None:
    require_module("pyspark")
    require_tool("java")
    (tmp_path / "references.txt").write_text("\n".join([*references_at(registry.host, 50), "UPPER"]))
    (example,) = (block for block in blocks("python") if "mapInArrow" in block)
    (tmp_path / "example.py").write_text(example)
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    try:
        done = subprocess.run(
            [sys.executable, "example.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        table = require_module("pyarrow.dataset").dataset(tmp_path / "images-by-spark", format="parquet").to_table()
    finally:
        shutil.rmtree(tmp_path / "images-by-spark", ignore_errors=True)
    rows = table.select(["reference", "digest", "error_code"]).to_pylist()
    assert len({row["reference"] for row in rows}) == len(rows) == 51
    assert [row["error_code"] for row in rows if row["digest"] is None] == ["invalid_reference"]
