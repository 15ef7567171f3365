"""JSON that nests deeply never ends the process, however small the stack of the thread that reads it.

On Alpine a thread has 1 MiB; here one with 512 KiB reads it, in a process of its own. (What Python 3.13 needs to free
the 10,000 levels that Go allows is between that and 256 KiB.)
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from pycoco.documents.syntax import nesting

READ = """
import base64, sys, threading

def strict(text):
    from pycoco.documents.syntax import strict_json
    strict_json.loads(b'{"a":' + text + b"}", "manifest")

def as_go(text):
    from pycoco.documents.syntax import encoding_json
    encoding_json.parse(text)

def guess(text):
    from pycoco.documents import media_types
    print(repr(media_types.guess(text)))

def recipients(text):
    from pycoco.documents import encryption
    for protocol in ("jwe", "pkcs11", "provider.attestation-agent"):
        print(encryption._recipients(protocol, base64.b64encode(text).decode())[0].protocol)

def protected(text):
    from pycoco.documents import encryption
    print(encryption._protected_header(base64.urlsafe_b64encode(text).decode()))

def covered(text):
    from pycoco.documents import libtrust
    libtrust._covered({"protected": base64.urlsafe_b64encode(text).decode().rstrip("=")})

def key_packet(text):
    from pycoco.cri.guest import key_packets
    key_packets._json_object(text, "unusable", ())

def message(text):
    from pycoco import cri
    cri.ContainerConfig.from_json(text)

def read():
    try:
        globals()[sys.argv[1]](b"[" * 9000 + b"]" * 9000)
        print("read")
    except Exception as error:
        print(type(error).__name__)

import json, typing, re, dataclasses, pycoco.cri, pycoco.cri.guest.key_packets  # on the large stack
from pycoco.documents import encryption, libtrust, media_types
from pycoco.documents.syntax import encoding_json, strict_json
sys.setrecursionlimit(1_000_000)  # as if there were none, which is how Python 3.12 and 3.13 parse JSON
threading.stack_size(512 * 1024)
thread = threading.Thread(target=read)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        ("strict", "ManifestError"),
        ("as_go", "read"),
        ("guess", "'' read"),
        ("recipients", "jwe pkcs11 provider.attestation-agent read"),
        ("protected", "ValueError"),
        ("covered", "ValueError"),
        ("key_packet", "_Unusable"),
        ("message", "ContainerConfigError"),
    ],
)
def test_a_small_stack_is_enough(reader: str, said: str) -> None:
    ended = subprocess.run([sys.executable, "-c", READ, reader], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, said.split(), "")


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("[]", 1),
        ('{"a":[{}]}', 3),
        ("[[],[[]],[]]", 3),
        (r'["[[[[", "\"[[[", "\\", [{"]]":"{"}]]', 3),
        ('["a\\\n[["]', 1),
        ('[["it does not end [[[', 2),
        ('[["nor does this [[[\\', 2),
        ("1", 0),
    ],
)
def test_how_deep_a_text_nests(text: str, depth: int) -> None:
    assert not nesting.exceeds(text, depth)
    assert depth == 0 or nesting.exceeds(text, depth - 1)


def test_quotes_that_never_end_cost_no_more_than_others() -> None:
    """A pattern that wants its closing quote would look for it again at each quote, for hours."""
    assert not nesting.exceeds("[][][]" + '"' + r"\"" * 2_000_000, 2)
