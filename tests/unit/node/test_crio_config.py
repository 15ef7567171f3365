"""What CRI-O says of itself, as version 1.37 wrote it."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from pycoco.errors import ConfigurationError, UnavailableError
from pycoco.node.crio_config import parse_crio_config, read_crio_config

WRITTEN = b"""
[crio]
  root = "/var/lib/containers/storage"
  runroot = "/run/containers/storage"
  imagestore = ""
  storage_driver = "overlay"
  [crio.api]
    listen = "/run/crio/crio.sock"
  [crio.runtime]
    default_runtime = "crun"
    decryption_keys_path = "/etc/crio/keys/"
    [crio.runtime.runtimes]
      [crio.runtime.runtimes.kata]
        runtime_path = "/opt/kata/bin/containerd-shim-kata-v2"
  [crio.image]
    global_auth_file = "/etc/crio/auth.json"
    namespaced_auth_dir = "/etc/crio/auth"
    signature_policy = ""
    signature_policy_dir = "/etc/crio/policies"
    short_name_mode = "enforcing"
"""


def test_what_is_used_of_it() -> None:
    found = parse_crio_config(WRITTEN, "it")

    assert found.image_store().directory == "/var/lib/containers/storage/overlay-images"
    assert (found.default_runtime, found.short_name_mode) == ("crun", "enforcing")
    assert found.authentication.auth_file("quay.io/a/b:c") == "/etc/crio/auth.json"
    assert found.policy("team-a") is True


def test_an_imagestore_has_the_images() -> None:
    found = parse_crio_config(WRITTEN.replace(b'imagestore = ""', b'imagestore = "/images"'), "it")

    assert found.image_store().directory == "/images/overlay-images"


def test_a_namespaces_policy(tmp_path: Path) -> None:
    (tmp_path / "team-a.json").write_text("{}")
    found = parse_crio_config(WRITTEN.replace(b"/etc/crio/policies", str(tmp_path).encode()), "it")

    assert found.policy("team-a") == str(tmp_path / "team-a.json")
    assert found.policy("team-b") is True
    assert found.policy("../team-a") == str(tmp_path / "team-a.json")  # a name is a name, never a path


def test_a_policy_that_cannot_be_looked_at_is_no_reason_for_another_one(tmp_path: Path) -> None:
    (tmp_path / "team-a.json").symlink_to("team-a.json")
    found = parse_crio_config(WRITTEN.replace(b"/etc/crio/policies", str(tmp_path).encode()), "it")
    with pytest.raises(ConfigurationError, match=r"team-a\.json"):
        found.policy("team-a")


def test_keys(tmp_path: Path) -> None:
    found = parse_crio_config(WRITTEN.replace(b"/etc/crio/keys/", str(tmp_path).encode()), "it")

    assert not found.has_decryption_keys()
    (tmp_path / "deep").mkdir()
    assert not found.has_decryption_keys()
    (tmp_path / "deep" / "key.pem").write_text("")
    assert found.has_decryption_keys()


@pytest.mark.parametrize("body", [b"", b"[crio]\nroot = 5", b"\xff", b'[crio]\nroot="relative"\nstorage_driver="vfs"'])
def test_what_is_no_configuration(body: bytes) -> None:
    with pytest.raises(ConfigurationError):
        parse_crio_config(body, "it")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 404 No\r\n\r\n", b"no HTTP\r\n"])
def test_something_else_answers_and_without_end(tmp_path: Path, head: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()

        def answer() -> None:
            connection = listening.accept()[0]
            with connection, contextlib.suppress(OSError):
                connection.sendall(head)
                while True:
                    connection.sendall(b"#" * 65536)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(UnavailableError):
            read_crio_config(f"unix://{tmp_path}/s")


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no CRI-O answers"):
        read_crio_config(f"unix://{tmp_path}/none.sock")
    with pytest.raises(ConfigurationError, match="is no socket"):
        read_crio_config("tcp://127.0.0.1:1")
