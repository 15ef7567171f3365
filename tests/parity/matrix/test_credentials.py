"""Credentials, row by row: both backends find the same, and where `skopeo login --get-login` can be asked it agrees.

It is not for sending them (test_protocol.py, tests/end_to_end/test_mirrors_and_tls.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.parity import skopeo
from tests.parity.twins import Case, Failure, Twins

NONE = ""
ERROR = "CredentialsError"
RUN = "run/containers/auth.json"
CONFIG = "home/.config/containers/auth.json"
DOCKER = "home/.docker/config.json"
LEGACY = "home/.dockercfg"


def encoded(user: str, password: str = "p") -> str:
    """The `auth` of an entry."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def auth_file(entries: Mapping[str, Any], **more: Any) -> str:
    """An auth file."""
    return json.dumps({"auths": entries, **more})


@dataclass(frozen=True)
class Row:
    """One line of the matrix: files, and for each reference the user found, NONE or ERROR ("<token>" for one)."""

    name: str
    files: Mapping[str, str]
    answers: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: str = "plain"

    def case(self) -> Case:
        """The row as a question."""
        options = {"registries_conf": "{root}/registries.conf", "registries_conf_dir": "{root}/none", **self.options}
        files = {"registries.conf": "", **self.files}
        return Case(
            "credentials_for",
            tuple((reference,) for reference in self.answers),
            tuple((path, text.encode()) for path, text in files.items()),
            self.environment,
            options,
        )


ENCODED_A, ENCODED_B = encoded("a"), encoded("b")
HELPERS = 'credential-helpers = ["{}"]\n'
NAMESPACED = {key: {"auth": encoded(f"at {key}")} for key in ("q.io/a/b/c", "q.io/a", "q.io")}

LEVELS = "levels"
DEEP = ('"levels"', '{"\\u0061":' * 600 + '"\\u00e9"' + "}" * 600)

ROWS = [
    Row("no file", {}, {"q.io/x": NONE}),
    Row(
        "the first file with an entry",
        {
            RUN: auth_file({"q.io": {"auth": encoded("run")}}),
            CONFIG: auth_file({"q.io": {"auth": encoded("config")}, "r.io": {"auth": encoded("config")}}),
            DOCKER: auth_file({"r.io": {"auth": encoded("docker")}, "s.io": {"auth": encoded("docker")}}),
            LEGACY: json.dumps({"t.io": {"auth": encoded("legacy")}}),
        },
        {"q.io/x": "run", "r.io/x": "config", "s.io/x": "docker", "t.io/x": "legacy", "u.io/x": NONE},
    ),
    Row(
        "namespaced keys",
        {RUN: auth_file(NAMESPACED)},
        {
            "q.io/a/b/c": "at q.io/a/b/c",
            "q.io/a/b/c/d": "at q.io/a/b/c",
            "q.io/a/b": "at q.io/a",
            "q.io/ab": "at q.io",
            "q.io/a/b/cc": "at q.io/a",
            "q.io:5000/a": NONE,
        },
    ),
    Row(
        "an entry with nothing in it is no entry",
        {RUN: auth_file({"q.io/a": {}, "q.io": {"auth": encoded("host")}})},
        {"q.io/a": NONE},
    ),
    Row(
        "an empty entry goes on to the next file",
        {RUN: auth_file({"q.io": {}}), CONFIG: auth_file({"q.io": {"auth": encoded("config")}})},
        {"q.io/a": "config"},
    ),
    Row(
        "keys with a scheme",
        {RUN: auth_file({"https://q.io/v1/": {"auth": encoded("https")}, "http://r.io": {"auth": encoded("http")}})},
        {"q.io/x": "https", "r.io/x": "http"},
    ),
    Row(
        "an exact key before one with a scheme",
        {RUN: auth_file({"https://q.io": {"auth": encoded("scheme")}, "q.io": {"auth": encoded("exact")}})},
        {"q.io/x": "exact"},
    ),
    Row(
        "a key with a path and no scheme is no host",
        {RUN: auth_file({"q.io/v1/": {"auth": encoded("u")}})},
        {"q.io/x": NONE},
    ),
    *(
        Row(
            f"Docker Hub as {key}",
            {RUN: auth_file({key: {"auth": encoded("hub")}})},
            {"docker.io/x": "hub", "docker.io/a/b": "hub"},
        )
        for key in ("docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/")
    ),
    Row(
        "Docker Hub, namespaced",
        {RUN: auth_file({"docker.io/library/x": {"auth": encoded("x")}})},
        {"docker.io/x": "x", "docker.io/y": NONE},
    ),
    Row(
        "the legacy file",
        {
            LEGACY: json.dumps(
                {
                    "https://q.io/v1/": {"auth": encoded("a")},
                    "r.io": {"auth": encoded("b")},
                    "s.io/path": {"auth": encoded("c")},
                }
            )
        },
        {"q.io/x": "a", "r.io/x": "b", "s.io/x": "c"},
    ),
    Row("an empty auth", {RUN: auth_file({"q.io": {"auth": ""}})}, {"q.io/x": NONE}),
    Row(
        "an auth without a colon",
        {RUN: auth_file({"q.io": {"auth": base64.b64encode(b"user").decode()}})},
        {"q.io/x": NONE},
    ),
    Row("an auth with two colons", {RUN: auth_file({"q.io": {"auth": encoded("user", "a:b")}})}, {"q.io/x": "user"}),
    Row(
        "identity token with auth",
        {RUN: auth_file({"q.io": {"auth": encoded("<token>", ""), "identitytoken": "t0k"}})},
        {"q.io/x": "<token>"},
    ),
    Row("identity token without auth", {RUN: auth_file({"q.io": {"identitytoken": "t0k"}})}, {"q.io/x": NONE}),
    Row("bad base64", {RUN: auth_file({"q.io": {"auth": "%%%"}})}, {"q.io/x": ERROR, "r.io/x": NONE}),
    Row(
        "base64 without padding",
        {RUN: auth_file({"q.io": {"auth": base64.b64encode(b"user:p").decode().rstrip("=")}})},
        {"q.io/x": "user" if len("user:p") % 3 == 0 else ERROR},
    ),
    Row(
        "base64 of the URL's alphabet",
        {RUN: auth_file({"q.io": {"auth": base64.urlsafe_b64encode("user:ÿÿÿ".encode("latin-1")).decode()}})},
        {"q.io/x": ERROR},
    ),
    Row(
        "base64 with line breaks",
        {RUN: auth_file({"q.io": {"auth": encoded("user")[:4] + "\r\n" + encoded("user")[4:]}})},
        {"q.io/x": "user"},
    ),
    Row(
        "a password with NULs around it",
        {RUN: auth_file({"q.io": {"auth": encoded("user", "p\x00\x00")}})},
        {"q.io/x": "user"},
    ),
    Row(
        "username and password fields do not count",
        {RUN: auth_file({"q.io": {"username": "u", "password": "p"}})},
        {"q.io/x": NONE},
    ),
    Row("credsStore does not count", {RUN: auth_file({}, credsStore="works")}, {"q.io/x": NONE}),
    Row("a broken earlier file", {RUN: "{", CONFIG: auth_file({"q.io": {"auth": encoded("u")}})}, {"q.io/x": ERROR}),
    Row(
        "a broken later file is not reached",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}}), CONFIG: "{"},
        {"q.io/x": "u", "r.io/x": ERROR},
    ),
    Row(
        "600 levels beside it",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}}, x=LEVELS).replace(*DEEP)},
        {"q.io/x": "u"},
    ),
    Row(
        "12,000 levels beside it",
        {RUN: auth_file({}, x=LEVELS).replace(DEEP[0], "[" * 12_000 + "]" * 12_000)},
        {"q.io/x": ERROR},
    ),
    Row("a helper's answer of 600 levels", {RUN: auth_file({}, credHelpers={"q.io": "deep"})}, {"q.io/x": "helped"}),
    Row("an empty file", {RUN: ""}, {"q.io/x": ERROR}),
    Row("null", {RUN: "null"}, {"q.io/x": NONE}),
    Row("auths null", {RUN: '{"auths": null}'}, {"q.io/x": NONE}),
    Row("auths a list", {RUN: '{"auths": []}'}, {"q.io/x": ERROR}),
    Row(
        "a repeated key",
        {RUN: f'{{"auths": {{"q.io": {{"auth": "{ENCODED_A}"}}, "q.io": {{"auth": "{ENCODED_B}"}}}}}}'},
        {"q.io/x": "b"},
    ),
    Row(
        "a runtime directory that is missing",
        {CONFIG: auth_file({"q.io": {"auth": encoded("config")}})},
        {"q.io/x": "config"},
        environment="no-run",
    ),
    Row(
        "XDG_CONFIG_HOME and DOCKER_CONFIG",
        {
            "xdg/containers/auth.json": auth_file({"q.io": {"auth": encoded("xdg")}}),
            "docker/config.json": auth_file({"r.io": {"auth": encoded("docker")}}),
        },
        {"q.io/x": "xdg", "r.io/x": "docker"},
        environment="xdg",
    ),
    Row(
        "an explicit file is the only one",
        {
            "mine.json": auth_file({"q.io": {"auth": encoded("mine")}}),
            RUN: auth_file({"r.io": {"auth": encoded("run")}}),
        },
        {"q.io/x": "mine", "r.io/x": NONE},
        {"auth_file": "{root}/mine.json"},
    ),
    Row(
        "an explicit file that is missing",
        {RUN: auth_file({"q.io": {"auth": encoded("run")}})},
        {"q.io/x": NONE},
        {"auth_file": "{root}/missing.json"},
    ),
    Row(
        "credHelpers before auths",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}}, credHelpers={"q.io": "works"})},
        {"q.io/x": "helped"},
    ),
    Row(
        "credHelpers for another host",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}}, credHelpers={"r.io": "works"})},
        {"q.io/x": "u", "r.io/x": "helped"},
    ),
    Row(
        "credHelpers' word is final for its file",
        {
            RUN: auth_file({"q.io": {"auth": encoded("u")}}, credHelpers={"q.io": "none"}),
            CONFIG: auth_file({"q.io": {"auth": encoded("config")}}),
        },
        {"q.io/x": "config"},
    ),
    Row(
        "credHelpers that fail",
        {RUN: auth_file({}, credHelpers={"q.io": "fails", "r.io": "missing", "s.io": "nonsense", "t.io": "empty"})},
        {"q.io/x": ERROR, "r.io/x": ERROR, "s.io/x": ERROR, "t.io/x": NONE},
    ),
    Row("a helper's <token>", {RUN: auth_file({}, credHelpers={"q.io": "token"})}, {"q.io/x": "<token>"}),
    Row(
        "registries.conf's helper",
        {"registries.conf": HELPERS.format("works"), RUN: auth_file({"q.io": {"auth": encoded("u")}})},
        {"q.io/x": "helped"},
    ),
    Row(
        "registries.conf's helper and then the files",
        {
            "registries.conf": 'credential-helpers = ["none", "containers-auth.json"]\n',
            RUN: auth_file({"q.io": {"auth": encoded("u")}}),
        },
        {"q.io/x": "u", "r.io/x": NONE},
    ),
    Row(
        "a helper that fails before files that answer",
        {
            "registries.conf": 'credential-helpers = ["fails", "containers-auth.json"]\n',
            RUN: auth_file({"q.io": {"auth": encoded("u")}}),
        },
        {"q.io/x": "u", "r.io/x": ERROR},
    ),
    Row(
        "an empty list of helpers is the default's",
        {"registries.conf": "credential-helpers = []\n", RUN: auth_file({"q.io": {"auth": encoded("u")}})},
        {"q.io/x": "u"},
    ),
    Row(
        "given credentials go first",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}})},
        {"q.io/x": "given"},
        {"creds": ("given", "p")},
    ),
    Row(
        "a given identity token goes first",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}})},
        {"q.io/x": "<token>"},
        {"identity_token": "t0k"},
    ),
    Row(
        "a registry token leaves the files alone",
        {RUN: auth_file({"q.io": {"auth": encoded("u")}})},
        {"q.io/x": "u"},
        {"registry_token": "t0k"},
    ),
]


def user_of(answer: Any) -> str:
    """What the table says of an answer."""
    if isinstance(answer, Failure):
        return answer.kind
    return "<token>" if answer.identity_token else str(answer.username)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_credentials(twins: Twins, row: Row) -> None:
    case = row.case()
    _, python = twins.answers(case)
    assert twins.differences(case) == []
    assert dict(zip(row.answers, map(user_of, python), strict=True)) == row.answers


# What skopeo can be asked: it has no credential helpers here, and no options that give credentials.
ASKED = [row for row in ROWS if not row.options and row.environment == "plain" and "elpers" not in str(row.files)]
# containers/image 5.22 (Debian's skopeo) takes a missing or empty file alike, and knows no empty identity token.
# `skopeo login` takes a name as it stands and does not know that docker.io/x is docker.io/library/x.
NOT_ASKED = {"an empty file", "Docker Hub, namespaced"}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ASKED if row.name not in NOT_ASKED])
def test_skopeo_finds_the_same_user(row: Row, tmp_path: Path) -> None:
    for path, text in row.files.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (tmp_path / "run").mkdir(exist_ok=True)
    environ = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    for reference, user in row.answers.items():
        said = skopeo.ask(["login", "--get-login", reference], tmp_path, environ=environ)
        found = said.output.decode().strip()
        if user == "<token>":
            assert "identity token" in said.error or found in ("", "<token>")
        elif user in (NONE, ERROR):
            assert said.error
        else:
            assert found == user, said.error
