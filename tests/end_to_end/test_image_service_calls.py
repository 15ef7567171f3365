"""`pycoco serve` as a road: calls arrive at CRI-O, and its answers at the caller, as they were sent; and its own life.

It is not for the pulls that it answers itself (test_image_service.py).
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.node.crio_stand_in import CrioStandIn, crio_stand_in
from tests.support.node.image_service import ImageService, image_service

PROGRAMS = ("storagetool",)

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def crio() -> Iterator[CrioStandIn]:
    with crio_stand_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def service(crio: CrioStandIn) -> Iterator[ImageService]:
    with image_service("--crio", crio.endpoint, "--handler", "kata") as service:
        yield service


def connected(service: ImageService) -> Any:
    """A channel to the service; the stubs know no channel for bytes."""
    return grpc.insecure_channel(service.endpoint, options=OPTIONS)


@pytest.fixture
def channel(service: ImageService) -> Iterator[Any]:
    with connected(service) as channel:
        yield channel


def unary(channel: Any, name: str, request: bytes = b"", **more: Any) -> bytes:
    return bytes(channel.unary_unary(f"/runtime.v1.Any/{name}")(request, timeout=more.pop("timeout", 20), **more))


def test_a_method_that_nobody_knows_is_unimplemented_in_crios_words(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        unary(channel, "NotYetInvented")

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert raised.value.details() == "unknown method NotYetInvented for service runtime.v1.Any"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_failure_keeps_its_code_text_details_and_trailers(
    channel: Any, crio: CrioStandIn, code: grpc.StatusCode
) -> None:
    trailers = (("grpc-status-details-bin", b"\x08\x02\xff"), ("note", "a trailer"))

    def fail(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.set_trailing_metadata(trailers)
        context.abort(code, "RegistryUnavailable: pull failed for 100 % \N{EURO SIGN}\nline two")
        yield b""

    crio.methods["Fail"] = fail
    with pytest.raises(grpc.RpcError) as failed:
        unary(channel, "Fail")
    raised: Any = failed

    assert raised.value.code() is code
    assert raised.value.details() == "RegistryUnavailable: pull failed for 100 % \N{EURO SIGN}\nline two"
    assert set(trailers) <= {(pair[0], pair[1]) for pair in raised.value.trailing_metadata() or ()}


def test_messages_of_a_stream_pass_one_by_one_in_both_directions(channel: Any, crio: CrioStandIn) -> None:
    def echo(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            yield b"echo " + request

    crio.methods["Echo"] = echo
    answered = threading.Semaphore(1)

    def requests() -> Iterator[bytes]:
        for number in range(20):
            assert answered.acquire(timeout=10)  # the next one only when the last one's answer is here
            yield b"%d" % number

    received = []
    for answer in channel.stream_stream("/runtime.v1.Any/Echo")(requests(), timeout=20):
        received.append(answer)
        answered.release()

    assert received == [b"echo %d" % number for number in range(20)]


def test_an_answer_without_messages_and_one_with_many(channel: Any, crio: CrioStandIn) -> None:
    crio.methods["None"] = lambda requests, context: iter(())
    crio.methods["Many"] = lambda requests, context: (b"x" * number for number in range(300))

    assert list(channel.unary_stream("/runtime.v1.Any/None")(b"", timeout=20)) == []
    assert [len(each) for each in channel.unary_stream("/runtime.v1.Any/Many")(b"", timeout=20)] == list(range(300))


def test_sixteen_mebibytes_pass(channel: Any, crio: CrioStandIn) -> None:
    crio.methods["Big"] = lambda requests, context: iter([next(requests)[::-1]])
    body = os.urandom(16 * MIB)

    assert unary(channel, "Big", body) == body[::-1]


def test_metadata_passes(channel: Any, crio: CrioStandIn) -> None:
    def answer(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.send_initial_metadata((("early", "1"), ("early-bin", b"\0\xff")))
        context.set_trailing_metadata((("late", "2"),))
        yield b"answer"

    crio.methods["Metadata"] = answer
    sent = (("traceparent", "00-1-2-01"), ("key-bin", b"\0\1\xff"))
    response, call = channel.unary_unary("/runtime.v1.Any/Metadata").with_call(b"", metadata=sent, timeout=20)

    assert response == b"answer"
    assert {"traceparent": "00-1-2-01", "key-bin": b"\0\1\xff"}.items() <= crio.metadata[-1].items()
    assert {("early", "1"), ("early-bin", b"\0\xff")} <= {tuple(pair) for pair in call.initial_metadata()}
    assert ("late", "2") in {tuple(pair) for pair in call.trailing_metadata()}


def test_the_deadline_passes(channel: Any, crio: CrioStandIn) -> None:
    remaining = []

    def answer(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        remaining.append(context.time_remaining())
        yield b""

    crio.methods["Deadline"] = answer
    unary(channel, "Deadline", timeout=300)
    channel.unary_unary("/runtime.v1.Any/Deadline")(b"")

    assert 200 < remaining[0] < 302  # what is sent is rounded up
    assert remaining[1] is None or remaining[1] > 10**6  # none at all


@pytest.mark.parametrize("how", ["cancelled", "deadline"])
def test_a_caller_that_goes_ends_the_call_behind(channel: Any, crio: CrioStandIn, how: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    def wait(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.add_callback(ended.set)
        begun.set()
        ended.wait(20)
        yield b""

    crio.methods["Wait"] = wait
    call = channel.unary_unary("/runtime.v1.Any/Wait").future(b"", timeout=20 if how == "cancelled" else 0.5)
    assert begun.wait(10)
    if how == "cancelled":
        call.cancel()

    assert ended.wait(10)
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
        call.result()


def test_without_crio_calls_are_unavailable(tmp_path: Path) -> None:
    nobody = f"unix://{tmp_path}/nobody.sock"
    with image_service("--crio", nobody, "--handler", "kata") as service, connected(service) as channel:
        with pytest.raises(grpc.RpcError) as raised:
            unary(channel, "Anything")
        assert service.events("CRI-O does not answer")

    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_sigterm_lets_calls_under_way_end(crio: CrioStandIn) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        begun.set()
        go.wait(20)
        yield b"done"

    crio.methods["Slow"] = slow
    with image_service("--crio", crio.endpoint, "--handler", "kata") as service, connected(service) as channel:
        call = channel.unary_unary("/runtime.v1.Any/Slow").future(b"", timeout=20)
        assert begun.wait(10)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("stopping")
        go.set()

        assert call.result() == b"done"
        assert service.process.wait(20) == 0


def test_one_that_ends_leaves_the_socket_of_the_next(crio: CrioStandIn) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        begun.set()
        go.wait(30)
        yield b"done"

    crio.methods["Slow"], crio.methods["Quick"] = slow, lambda requests, context: iter([b"quick"])
    with image_service("--crio", crio.endpoint, "--handler", "kata") as service, connected(service) as channel:
        call = channel.unary_unary("/runtime.v1.Any/Slow").future(b"", timeout=40)
        assert begun.wait(10)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("stopping")
        command = [sys.executable, "-m", "pycoco", "serve", "--crio", crio.endpoint, "--handler", "kata"]
        with subprocess.Popen([*command, "--listen", service.endpoint], stderr=subprocess.PIPE, text=True) as following:
            assert following.stderr is not None
            try:
                while '"ready"' not in (line := following.stderr.readline()):
                    assert line, following.wait(10)
                go.set()
                assert call.result() == b"done"
                assert service.process.wait(20) == 0
                with connected(service) as another:
                    assert unary(another, "Quick") == b"quick"
            finally:
                following.terminate()


def test_only_its_owner_may_connect(service: ImageService) -> None:
    assert stat.S_IMODE(service.socket.stat().st_mode) == 0o600


def test_a_socket_that_nobody_listens_on_is_replaced_and_others_are_not(service: ImageService) -> None:
    with tempfile.TemporaryDirectory(prefix="pycoco-") as directory:
        path = Path(directory) / "image.sock"
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(path))
        left.close()
        done = run("--standalone", directory, "--listen", f"unix://{path}", "--metrics", "127.0.0.1:1:2")
        assert "metrics is" in done.stderr
        file = Path(directory) / "file"
        file.write_text("mine")
        done = run("--standalone", directory, "--listen", f"unix://{file}")
        assert "no socket" in done.stderr
        assert file.read_text() == "mine"
    done = run("--standalone", "/tmp", "--listen", service.endpoint)
    assert "somebody listens" in done.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pycoco", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4
    return done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name the runtime handlers"),
        (("--handler", "kata", "--creds", "a:b"), "--creds is not for serve"),
        (("--handler", "kata", "--policy=/x"), "--policy is not for serve"),
        (("--handler", "kata", "--namespace=team"), "--namespace is not for serve"),
        (("--handler", ""), "name the runtime handlers"),
        (("--handler", "kata", "--workers=0"), "--workers is 0"),
        (("--handler", "kata", "--worker-memory=1"), "--worker-memory is 1"),
        (("--handler", "kata", "--grace=nan"), "--grace is nan"),
        (("--standalone", "/tmp", "--grace=-1"), "--grace is -1"),
        (("--standalone", "/tmp", "--platform=linux"), "platform is 'linux'"),
        (("--handler", "kata", "--timeout=0"), "timeout is 0.0"),
        (("--handler", "kata", "--backend=go-process"), "take go"),
        (("--handler", "kata", "--platform=linux"), "platform is 'linux'"),
        (("--handler", "kata", "--listen", "tcp://1.2.3.4:5"), "is no socket"),
        (("--handler", "kata", "--listen", f"unix:///tmp/{'x' * 103}"), "too long for a socket"),
        (("--handler", "kata", "--metrics", "0.0.0.0:9000"), "for this machine alone"),
        (("--standalone", "/tmp", "--handler", "kata"), "leave out --handler"),
        (("--handler", "kata", "--worker-user", "nobody-of-that-name"), "does not start"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(arguments: tuple[str, ...], said: str) -> None:
    if "nobody-of-that-name" in arguments and os.getuid() != 0:
        pytest.skip("only root can become another user")
    crio = () if "--standalone" in arguments else ("--crio", "unix:///nonexistent/crio.sock")
    command = [sys.executable, "-m", "pycoco", "serve", *crio, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode in (1, 2, 4)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_counters(crio: CrioStandIn) -> None:
    options = ("--handler", "kata", "--metrics", "127.0.0.1:0")
    with image_service("--crio", crio.endpoint, *options) as service, connected(service) as channel:
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/runtime.v1.ImageService/PullImage")(b"", timeout=20)
        address = service.wait_for("metrics")["address"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
            text = response.read().decode()

    assert 'pycoco_pulls_total{answered="forwarded"} 1' in text
    assert 'pycoco_calls_total{method="PullImage",how="forwarded"} 1' in text
    assert 'pycoco_pull_seconds_count{answered="forwarded"} 1' in text


def test_systemd_is_told(crio: CrioStandIn) -> None:
    with tempfile.TemporaryDirectory(prefix="pycoco-") as directory:
        path = Path(directory) / "notify.sock"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(str(path))
        listening.settimeout(10)
        with image_service("--crio", crio.endpoint, "--handler", "kata", environment={"NOTIFY_SOCKET": str(path)}):
            assert listening.recv(100) == b"READY=1"
        assert listening.recv(100) == b"STOPPING=1"
        listening.close()


def test_a_thousand_calls_at_once(channel: Any, crio: CrioStandIn) -> None:
    crio.methods["Quick"] = lambda requests, context: iter([next(requests)])
    quick = channel.unary_unary("/runtime.v1.Any/Quick")
    started = time.monotonic()
    calls = [quick.future(b"%d" % number, timeout=40) for number in range(1000)]

    assert [call.result() for call in calls] == [b"%d" % number for number in range(1000)]
    assert time.monotonic() - started < 40
