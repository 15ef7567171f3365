"""Which runtime handler a pod runs by, as CRI-O says it in several places. Not for what follows from it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pycoco.node.cri_api import messages
from pycoco.node.cri_api.messages import PullRequest
from pycoco.node.service.sandboxes import ANNOTATION, runtime_handler

REQUEST = PullRequest("quay.io/acme/app:v1", namespace="team", pod_uid="uid")


class Upstream:
    """Lists `items`; the status of each sandbox is `statuses` by its id."""

    def __init__(self, items: list[dict[str, Any]], statuses: dict[str, dict[str, Any]]) -> None:
        self._items = items
        self._statuses = statuses

    async def call(self, method: str, request: bytes, timeout: float = 30.0) -> bytes:
        made = messages._classes()
        if method.endswith("ListPodSandbox"):
            return bytes(made["ListPodSandboxResponse"](items=self._items).SerializeToString())
        asked = made["PodSandboxStatusRequest"].FromString(request)
        assert asked.verbose
        return bytes(made["PodSandboxStatusResponse"](**self._statuses[asked.pod_sandbox_id]).SerializeToString())


def item(sandbox_id: str, created_at: int = 1, **more: str) -> dict[str, Any]:
    return {"id": sandbox_id, "metadata": {"uid": "uid", "namespace": "team"}, "created_at": created_at, **more}


def annotated(handler: object) -> dict[str, Any]:
    return {"info": {"info": json.dumps({"runtimeSpec": {"annotations": {ANNOTATION: handler}}})}}


def found(
    items: list[dict[str, Any]], statuses: dict[str, dict[str, Any]], request: PullRequest = REQUEST
) -> str | None:
    upstream: Any = Upstream(items, statuses)
    return asyncio.run(runtime_handler(upstream, request))


def test_of_a_pods_sandboxes_the_newest_counts() -> None:
    statuses = {"old": annotated("runc"), "new": annotated("kata"), "older": annotated("crun")}

    assert found([item("old", 5), item("new", 9), item("older", 1)], statuses) == "kata"


@pytest.mark.parametrize(
    ("listed", "status", "handler"),
    [
        (item("a", runtime_handler="listed"), {"status": {"runtime_handler": "field"}}, "listed"),
        (item("a"), {"status": {"runtime_handler": "field"}, **annotated("annotated")}, "field"),
        (item("a"), annotated("annotated"), "annotated"),
        (item("a"), annotated(5), ""),
        (item("a"), {"info": {"info": "{"}}, ""),
        (item("a"), {"info": {"info": "[]"}}, ""),
        (item("a"), {"info": {"info": '{"runtimeSpec": null}'}}, ""),
        (item("a"), {}, ""),
    ],
)
def test_where_it_is_said(listed: dict[str, Any], status: dict[str, Any], handler: str) -> None:
    assert found([listed], {"a": status}) == handler


def test_none_where_no_sandbox_is_the_pods() -> None:
    assert found([], {}) is None
    assert found([item("a")], {}, PullRequest("a", namespace="other", pod_uid="uid")) is None
    assert found([item("a")], {}, PullRequest("a")) is None


def test_a_request_that_says_it_is_believed() -> None:
    assert found([], {}, PullRequest("a", runtime_handler="kata")) == "kata"
