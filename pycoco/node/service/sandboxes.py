"""Which runtime handler a pod runs by, found through its sandbox: a pull says the pod and not the handler.

It is not for deciding what a handler means. CRI-O leaves PodSandboxStatus.runtime_handler empty, and has it among the
annotations of the sandbox's own container, in the verbose info (server/sandbox_status.go createSandboxInfo).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pycoco.node.cri_api import messages

if TYPE_CHECKING:
    from pycoco.node.cri_api.messages import PullRequest
    from pycoco.node.service.forwarding import Upstream

ANNOTATION = "io.kubernetes.cri-o.RuntimeHandler"


async def runtime_handler(upstream: Upstream, request: PullRequest) -> str | None:
    """Return the handler that the pod of `request` runs by, "" for CRI-O's default, None where no sandbox is known."""
    if request.runtime_handler:
        return request.runtime_handler
    if not request.pod_uid:
        return None
    listed = await upstream.call(messages.RUNTIME_SERVICE + "ListPodSandbox", b"")
    pod = (request.pod_uid, request.namespace)
    sandboxes = [each for each in messages.listed_sandboxes(listed) if (each.pod_uid, each.namespace) == pod]
    if not sandboxes:
        return None
    newest = max(sandboxes, key=lambda each: each.created_at)
    body = await upstream.call(
        messages.RUNTIME_SERVICE + "PodSandboxStatus", messages.sandbox_status_request(newest.id)
    )
    handler, info = messages.sandbox_status(body)
    return newest.runtime_handler or handler or _annotated(info.get("info", ""))


def _annotated(info: str) -> str:
    try:
        found = json.loads(info)["runtimeSpec"]["annotations"].get(ANNOTATION, "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""
