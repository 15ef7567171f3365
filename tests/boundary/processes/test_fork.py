"""A forked child never hangs: it has Go in a program of its own, or a clear error, or is the first to load Go."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pycoco
from pycoco import BackendName
from tests.boundary import child
from tests.support.scripted_registry import ScriptedRegistry

# What a child process tells: the backend that `auto` means there, whether it reads an image, and what `go` says.
REPORT = """
import os, sys
import pycoco
from pycoco.backends.select import select

host = sys.argv[1]

def report(client=None):
    try:
        with client or pycoco.Client(tls_verify=False, timeout=10) as used:
            auto = used.backend
            used.inspect(host + "/app:v1")
        try:
            with pycoco.Client(backend="go", tls_verify=False, timeout=10) as named:
                named.inspect(host + "/app:v1")
            go = "works"
        except pycoco.PycocoError as error:
            go = type(error).__name__
        print(auto, go, flush=True)
    except BaseException as error:
        print("failed", repr(error), flush=True)

def use(backend):
    client = pycoco.Client(backend=backend, tls_verify=False, timeout=10)
    client.inspect(host + "/app:v1")
    return client

def in_fork(work):
    process = os.fork()
    if process == 0:
        work()
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
"""

AFTER_GO = "go-process ForkedProcessError\n"
FRESH = "go works\n"


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        pytest.param("use('go'); in_fork(report)", AFTER_GO, id="os.fork"),
        pytest.param(
            "client = use('auto'); in_fork(lambda: report(client)); report(client)", AFTER_GO + FRESH, id="used"
        ),
        pytest.param("select('go'); in_fork(report)", AFTER_GO, id="only loaded"),
        pytest.param("in_fork(report)", FRESH, id="first loaded in the child"),
        pytest.param("use('python'); in_fork(report)", FRESH, id="after Python, first loaded in the child"),
        pytest.param("use('go-process'); in_fork(report)", FRESH, id="after the program, first loaded in the child"),
        pytest.param(
            "client = use('go-process'); in_fork(lambda: print(client.inspect(host + '/a:v1').digest[:6], flush=True))",
            "sha256\n",
            id="the program, used in parent and child",
        ),
        pytest.param("use('go'); in_fork(lambda: in_fork(report))", AFTER_GO, id="a child's child"),
        pytest.param(
            "client = use('auto'); [in_fork(lambda: report(client)) for _ in range(3)]",
            AFTER_GO * 3,
            id="prefork server",
        ),
    ],
)
def test_os_fork(scripted: ScriptedRegistry, scenario: str, expected: str) -> None:
    ended = child.run(REPORT + scenario, scripted.host)
    assert (ended.output, ended.status) == (expected, 0), ended.errors


@pytest.mark.parametrize(("method", "expected"), [("fork", AFTER_GO), ("spawn", FRESH), ("forkserver", FRESH)])
def test_multiprocessing(scripted: ScriptedRegistry, tmp_path: object, method: str, expected: str) -> None:
    script = f"{tmp_path}/main.py"
    with open(script, "w") as file:
        file.write(
            REPORT
            + f"""
import multiprocessing
if __name__ == "__main__":
    use("go")
    process = multiprocessing.get_context({method!r}).Process(target=report)
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""
        )
    code = f"import os, sys; os.execv(sys.executable, [sys.executable, '-W', 'ignore', {script!r}, sys.argv[1]])"
    ended = child.run(code, scripted.host)
    assert (ended.output, ended.status) == (expected, 0), ended.errors


def test_a_fork_while_another_thread_imports_the_network(scripted: ScriptedRegistry) -> None:
    """Modules that are half imported at that moment stay so in the child."""
    ended = child.run(
        REPORT
        + """
import threading
client = pycoco.Client(tls_verify=False, backend="python", timeout=20)
thread = threading.Thread(target=client.inspect, args=[host + "/app:v1"])
thread.start()
while "h11" not in sys.modules:
    pass
in_fork(lambda: print(client.inspect(host + "/app:v1").digest[:7], flush=True))
thread.join()
client.close()
""",
        scripted.host,
    )
    assert (ended.output, ended.status) == ("sha256:\n", 0), ended.errors


def test_a_client_in_use_by_other_threads_is_forked(backend: BackendName, scripted: ScriptedRegistry) -> None:
    """Locks that another thread holds at that moment stay locked in the child."""
    ended = child.run(
        REPORT
        + """
import threading
client = use(sys.argv[2])
stop = False
def busy():
    while not stop:
        client.inspect(host + "/app:v1")
        pycoco.Client(tls_verify=False, backend=sys.argv[2]).close()
threads = [threading.Thread(target=busy) for _ in range(8)]
[thread.start() for thread in threads]
def work():
    with pycoco.Client(tls_verify=False, timeout=10) as mine:
        mine.inspect(host + "/app:v1")
    if sys.argv[2] == "python":
        client.inspect(host + "/app:v1")
for _ in range(20):
    in_fork(work)
stop = True
[thread.join() for thread in threads]
print("done")
client.close()
""",
        scripted.host,
        backend,
        options=("-W", "ignore"),
    )
    assert (ended.output, ended.status) == ("done\n", 0), ended.errors


def test_a_loop_over_many_images_is_not_continued_in_a_child(backend: BackendName, scripted: ScriptedRegistry) -> None:
    ended = child.run(
        REPORT
        + """
client = use(sys.argv[2])
results = client.inspect_many(host + f"/app:v{number}" for number in range(100))
next(results)
def work():
    try:
        list(results)
    except pycoco.ForkedProcessError as error:
        print(error.code, flush=True)
in_fork(work)
print(len(list(results)))
client.close()
""",
        scripted.host,
        backend,
    )
    assert (ended.output, ended.status) == ("forked_process\n99\n", 0), ended.errors


def test_subprocess_with_preexec_fn(backend: BackendName, scripted: ScriptedRegistry) -> None:
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        client.inspect(f"{scripted.host}/app:v1")
        done = subprocess.run(
            [sys.executable, "-c", "print('ran')"],
            preexec_fn=lambda: None,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stdout == "ran\n"
        client.inspect(f"{scripted.host}/app:v1")


def test_no_descriptor_is_inherited_by_a_program(backend: BackendName, scripted: ScriptedRegistry) -> None:
    ended = child.run(
        REPORT
        + """
import subprocess
client = use(sys.argv[2])
listing = "import os; print(sorted(int(each) for each in os.listdir('/proc/self/fd')))"
subprocess.run([sys.executable, "-c", listing], close_fds=False, check=True)
client.close()
""",
        scripted.host,
        backend,
    )
    assert ended.output == "[0, 1, 2, 3]\n", ended.errors  # 3 lists the directory
