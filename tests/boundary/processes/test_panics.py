"""A panic in Go is an exception, and from then on the backend says so; the process lives on."""

from __future__ import annotations

import pytest

from tests.boundary import child
from tests.support.scripted_registry import ScriptedRegistry

PANIC = """
import logging, sys
import pycoco
from pycoco.backends.go import backend as go, library

host = sys.argv[1]
before = pycoco.Client(backend="go", tls_verify=False)
before.inspect(host + "/app:v1")
logged = []
class Kept(logging.Handler):
    def emit(self, record):
        logged.append(record)
logging.getLogger("pycoco").addHandler(Kept())

def failure(call):
    try:
        call()
    except pycoco.PycocoError as error:
        return f"{error.code}: {error}"
    return "no error"
"""

WAYS = {
    "call": 'said = failure(lambda: library.load().call({"operation": "panic"}))',
    "submit": """
completions = go._shared_completions(library.load())
said = failure(lambda: completions.answer({"operation": "panic"}, lambda result, _: result))
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_panic(scripted: ScriptedRegistry, way: str) -> None:
    ended = child.run(
        PANIC
        + WAYS[way]
        + """
assert said.startswith("backend: ") and "panicked (asked for by a test)" in said, said
assert 'backend="python"' in said, said
for call in (
    lambda: before.inspect(host + "/app:v1"),
    lambda: before.parse_reference("a/b"),
    lambda: before.explain("docker.io/a/b"),
    lambda: pycoco.Client(backend="go"),
):
    assert failure(call) == said, failure(call)
results = dict(before.inspect_many([host + "/app:v1", host + "/app:v2"]))
assert [str(each) for each in results.values()] == [said.removeprefix("backend: ")] * 2
before.close()

with pycoco.Client(backend="auto", tls_verify=False) as other:
    print(other.backend, other.inspect(host + "/app:v1").digest[:7])
warned = [record.getMessage() for record in logged if record.name == "pycoco" and record.levelno == logging.WARNING]
assert len(warned) == 1 and warned[0].startswith("not using the backend go: "), warned
import time
time.sleep(0.2)
told = [record.getMessage() for record in logged if record.name == "pycoco.go" and record.levelno == logging.ERROR]
assert len(told) == 1 and "asked for by a test" in told[0] and "goroutine" in told[0], told
""",
        scripted.host,
    )
    assert (ended.status, ended.output) == (0, "go-process sha256:\n"), ended.errors
    assert ended.errors == ""


def test_operations_under_way_end_as_they_would_have(scripted: ScriptedRegistry) -> None:
    from tests.boundary import served

    scripted.script = served.slow(0.5, "/manifests/")
    ended = child.run(
        PANIC
        + """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as threads:
    running = threads.submit(before.inspect, host + "/app:v2")
    import time
    time.sleep(0.2)
    failure(lambda: library.load().call({"operation": "panic"}))
    print(running.result().digest[:7])
before.close()
""",
        scripted.host,
    )
    assert (ended.status, ended.output) == (0, "sha256:\n"), ended.errors


def test_a_closed_descriptor_is_told_to_everybody(scripted: ScriptedRegistry) -> None:
    """A program that makes itself a daemon closes what it finds open."""
    from tests.boundary import served

    scripted.script = served.slow(served.HANGS, "/hangs/")
    ended = child.run(
        PANIC
        + """
import os, threading, time
waiting = threading.Thread(target=lambda: print(failure(lambda: before.inspect(host + "/hangs/app:v1"))))
waiting.start()
time.sleep(0.3)
descriptor = library.load().completion_descriptor()
null = os.open(os.devnull, os.O_RDWR)
library.load().submit(10**9, {"operation": "versions"})  # wakes the thread, which then finds something else there
os.dup2(null, descriptor)
library.load().submit(10**9 + 1, {"operation": "versions"})
waiting.join(5)
print(failure(lambda: before.inspect(host + "/app:v1")))
before.close()
""",
        scripted.host,
    )
    assert ended.status == 0, ended.errors
    lines = ended.output.splitlines()
    assert len(lines) == 2, ended
    assert all(line.startswith("backend: the Go library's completion descriptor was closed") for line in lines)
