"""The interpreter ends at once and silently, whatever is in flight."""

from __future__ import annotations

import signal

import pytest

from tests.boundary import child, served
from tests.support.scripted_registry import ScriptedRegistry

SECONDS = 2.0

BEGIN = """
import atexit, sys, threading, time
import pycoco

backend, host = sys.argv[1:]
client = pycoco.Client(backend=backend, tls_verify=False)

def begun():
    time.sleep(0.3)
    print("leaving", flush=True)
"""

SCENARIOS = {
    "a daemon thread waits": """
threading.Thread(target=client.inspect, args=[host + "/app:v1"], daemon=True).start()
begun()
""",
    "many in flight": """
started = [client._start(f"{host}/app:v{number}", None, None) for number in range(200)]
begun()
""",
    "a loop was left": """
threading.Timer(0.2, lambda: None).start()
results = client.inspect_many(f"{host}/app:v{number}" for number in range(50))
threading.Thread(target=next, args=[results], daemon=True).start()
begun()
""",
    "an exception": "future = client._start(host + '/app:v1', None, None); begun(); raise SystemExit(3)",
    "asyncio": """
import asyncio
async def work():
    task = asyncio.ensure_future(pycoco.AsyncClient(backend=backend, tls_verify=False).inspect(host + "/app:v1"))
    await asyncio.sleep(0.3)
    print("leaving", flush=True)
asyncio.run(work())
""",
    "used at exit": """
def late():
    try:
        client.inspect(host + "/app:v1", timeout=30)
    except pycoco.PycocoError as error:
        print(error.code)
del atexit
import atexit
atexit.register(late)
future = client._start(host + '/app:v1', None, None)
begun()
""",
    "nothing was used": "begun()",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_end_is_quick_and_silent(backend: str, scenario: str, hanging: ScriptedRegistry) -> None:
    code = BEGIN + SCENARIOS[scenario]
    if scenario == "used at exit":  # registered before pycoco's own, and so called after it
        code = "import atexit\natexit.register(lambda: late())\n" + code.replace("atexit.register(late)\n", "")
    ended = child.run(code, backend, hanging.host)
    assert ended.errors == ""
    assert ended.status == (3 if scenario == "an exception" else 0)
    assert ended.output == ("leaving\ncancelled\n" if scenario == "used at exit" else "leaving\n")
    assert ended.seconds < SECONDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process(backend: str, number: signal.Signals, hanging: ScriptedRegistry) -> None:
    process = child.start(
        """
        import signal, sys
        import pycoco

        signal.signal(signal.SIGINT, signal.default_int_handler)
        client = pycoco.Client(backend=sys.argv[1], tls_verify=False)
        client.inspect(sys.argv[2] + "/app:v1")
        """,
        backend,
        hanging.host,
    )
    try:
        assert served.until(lambda: len(hanging.requests) > 0, 20)
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        child.kill(process)
    if number == signal.SIGTERM:
        assert (process.returncode, errors) == (-signal.SIGTERM, "")
    else:
        assert errors.endswith("KeyboardInterrupt\n")
        assert errors.count("Traceback") == 1
        assert process.returncode == -signal.SIGINT


def test_an_unclosed_client_warns_once_at_the_end(backend: str, hanging: ScriptedRegistry) -> None:
    ended = child.run(BEGIN + "begun()", backend, hanging.host, options=("-W", "always::ResourceWarning"))
    assert ended.errors.count("ResourceWarning: unclosed <Client") == 1
    assert ended.errors.count("ResourceWarning") == 1
    assert ended.status == 0
