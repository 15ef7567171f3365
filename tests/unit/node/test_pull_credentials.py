"""The credentials that a worker is given for one image. It is not for where CRI-O looks for them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pycoco.configuration.auth.crio import CrioAuthentication
from pycoco.node.cri_api.messages import PullRequest
from pycoco.node.crio_config import CrioConfig
from pycoco.node.service.pull_credentials import pull_options
from pycoco.options import Options

IMAGE = "quay.io/acme/app:v1"


def auth_file(path: Path, *keys: str) -> str:
    """Write credentials for each of `keys`, and return the file's name."""
    auths = {key: {"auth": base64.b64encode(f"user-of-{key}:secret".encode()).decode()} for key in keys}
    path.write_text(json.dumps({"auths": auths}))
    return str(path)


def crio(global_auth_file: str) -> CrioConfig:
    authentication = CrioAuthentication(global_auth_file, "/nonexistent")
    return CrioConfig("/r", "", "vfs", "", "", "", "", "enforcing", authentication)


def test_it_is_given_those_of_its_image_and_no_others(tmp_path: Path) -> None:
    path = auth_file(tmp_path / "auth.json", "quay.io", "quay.io/acme/app", "quay.io/acme/other", "docker.io")

    found = pull_options(PullRequest(IMAGE), crio(path), Options())

    user = base64.b64encode(b"user-of-quay.io/acme/app:secret").decode()
    assert found.auths == {"quay.io/acme/app": {"auth": user}}
    assert found.candidates == (IMAGE,)
    assert "secret" not in repr(found)
    assert user not in repr(found)


def test_where_the_file_that_crio_names_is_not_there_no_other_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", auth_file(tmp_path / "auth.json", "quay.io"))

    assert pull_options(PullRequest(IMAGE), crio(str(tmp_path / "none.json")), Options()).auths == {}


def test_those_of_the_request_are_first(tmp_path: Path) -> None:
    request = PullRequest(IMAGE, username="pod", password="its own")

    found = pull_options(request, crio(auth_file(tmp_path / "auth.json", "quay.io")), Options())

    assert found.options["creds"] == ("pod", "its own")
