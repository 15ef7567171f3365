"""A registry that answers for every repository, and the engines that scans run on.

The Dask cluster has two workers, each a process with one thread; it is made once for all tests that ask for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.boundary import served
from tests.fleet.tables import require_module
from tests.support.scripted_registry import ScriptedRegistry


@pytest.fixture(autouse=True)
def _pyarrow() -> None:
    require_module("pyarrow")


@pytest.fixture
def registry() -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry(served.image) as running:
        yield running


@pytest.fixture(scope="session")
def dask() -> Iterator[Any]:
    """A Client of a Dask cluster on this machine."""
    distributed = require_module("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="session")
def ray() -> Iterator[str]:
    """Ray on this machine, with two CPUs; the engine's name."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    module = require_module("ray")
    module.init(num_cpus=2, log_to_driver=False, include_dashboard=False, _node_ip_address="127.0.0.1")
    yield "ray"
    module.shutdown()
