"""containers/image's log lines are Python's records, and nothing goes to stderr by itself or gives a secret away."""

from __future__ import annotations

import base64
import logging
import re
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from tests.boundary import child, served
from tests.support.scripted_registry import Answer, Request, Script, ScriptedRegistry

SECRETS = ("hidden-password", base64.b64encode(b"user:hidden-password").decode(), "hidden-token", "hidden-signature")


def test_lines_arrive_at_their_level(scripted: ScriptedRegistry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pycoco")
    scripted.script = _with_warning
    with pycoco.Client(backend="go", tls_verify=False) as client:
        client.inspect(f"{scripted.host}/app:v1")
        assert served.until(lambda: any("take care" in record.getMessage() for record in caplog.records))
    lines = {record.getMessage(): record for record in caplog.records if record.name == "pycoco.go"}
    assert [each.levelname for text, each in lines.items() if text.startswith("Warning from registry")] == ["WARNING"]
    assert [each.levelname for text, each in lines.items() if text.startswith("GET ")] == ["DEBUG"] * 4


def _with_warning(request: Request) -> Answer:
    answer = served.image(request)
    return Answer(answer.status, [*answer.headers, ("Warning", '299 - "take care"')], answer.body)


@pytest.mark.parametrize("level", [logging.WARNING, logging.DEBUG])
def test_the_warnings_of_an_answer_are_bounded(
    level: int, backend: BackendName, scripted: ScriptedRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    def script(request: Request) -> Answer:
        answer = served.image(request)
        many = [("Warning", f'299 - "{number} \x9b{request.path[:14]}"') for number in range(700)]
        many += [("Warning", "no warning at all")] * 700
        return Answer(answer.status, [*answer.headers, *many], answer.body)

    caplog.set_level(level, "pycoco")
    scripted.script = script
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        client.inspect(f"{scripted.host}/app:v1")
        client.inspect(f"{scripted.host}/app:v1")
        assert served.until(lambda: any("left out" in text for text in caplog.messages))
    assert 5 <= len(caplog.records) <= (100 if level == logging.WARNING else 200)
    assert not any("\x9b" in text for text in caplog.messages)


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO, logging.DEBUG])
def test_the_level_is_followed_while_a_client_is_open(
    scripted: ScriptedRegistry, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    with pycoco.Client(backend="go", tls_verify=False) as client:
        caplog.set_level(level, "pycoco")
        client.inspect(f"{scripted.host}/app:v1")
        with pytest.raises(pycoco.NotFoundError):
            client.inspect(f"{scripted.host}/missing:v1")
        seen = served.until(lambda: any(record.levelno == logging.DEBUG for record in caplog.records), 0.3)
    assert seen == (level == logging.DEBUG)


@pytest.mark.parametrize("where", ["auth file", "option", "helper", "redirect"])
def test_no_secret_is_in_a_line_or_an_error(
    backend: BackendName,
    where: str,
    scripted: ScriptedRegistry,
    caplog: pytest.LogCaptureFixture,
    empty_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    options: dict[str, object] = {}
    if where == "auth file":
        auth = base64.b64encode(b"user:hidden-password").decode()
        (empty_home / "auth.json").write_text(f'{{"auths": {{"{scripted.host}": {{"auth": "{auth}"}}}}}}')
        options["auth_file"] = empty_home / "auth.json"
    elif where == "option":
        options["creds"] = ("user", "hidden-password")
    elif where == "helper":
        program = empty_home / "docker-credential-broken"
        program.write_text("#!/bin/sh\necho 'the password is'\necho hidden-password\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{empty_home}:/usr/bin:/bin")
        (empty_home / "registries.conf").write_text('credential-helpers = ["broken"]\n')
        options["registries_conf"] = empty_home / "registries.conf"
    scripted.script = _asking_for_a_token(scripted, redirect=where == "redirect")
    with pycoco.Client(backend=backend, tls_verify=False, **options) as client:  # type: ignore[arg-type]
        with pytest.raises(pycoco.PycocoError) as raised:
            client.inspect(f"{scripted.host}/app:v1")
        client._session.close()
    said = "\n".join([*(record.getMessage() for record in caplog.records), str(raised.value), repr(raised.value)])
    assert not [secret for secret in SECRETS if secret in said], said


def _asking_for_a_token(registry: ScriptedRegistry, *, redirect: bool) -> Script:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(body=b'{"token": "hidden-token"}')
        if request.header("Authorization") != "Bearer hidden-token":
            challenge = f'Bearer realm="{registry.url}/token",service="test"'
            return Answer(401, headers=[("WWW-Authenticate", challenge)])
        if redirect and "/blobs/" in request.path:
            return Answer(307, headers=[("Location", f"{registry.url}/elsewhere?signature=hidden-signature")])
        return served.image(request) if redirect else Answer(404)

    return script


def test_nothing_goes_to_stderr_by_itself(backend: BackendName, scripted: ScriptedRegistry) -> None:
    scripted.script = _with_warning
    ended = child.run(
        """
        import sys
        import pycoco
        with pycoco.Client(backend=sys.argv[1], tls_verify=False) as client:
            client.inspect(sys.argv[2] + "/app:v1")
        """,
        backend,
        scripted.host,
    )
    assert (ended.status, ended.output, ended.errors) == (0, "", "")


def test_verbose_on_the_command_line_shows_them(backend: BackendName, scripted: ScriptedRegistry) -> None:
    scripted.script = _with_warning
    command = "import sys; from pycoco.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ("inspect", "--backend", backend, "--tls-verify=false", f"{scripted.host}/app:v1")
    assert child.run(command, *arguments).errors == ""
    shown = child.run(command, *arguments, "-v").errors
    if backend == "go":
        assert "pycoco: WARNING pycoco.go: " in shown
        assert "take care" in shown
    assert _debugged(shown) == {"pycoco.requests"}  # each request, in one line
    assert _debugged(child.run(command, *arguments, "-vv").errors) > {"pycoco.requests"}


def _debugged(shown: str) -> set[str]:
    return set(re.findall(r"^pycoco: DEBUG ([a-z.]+): ", shown, re.MULTILINE))


def test_a_handler_that_fails_harms_nobody_else(scripted: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise ZeroDivisionError

    scripted.script = _with_warning
    failing = Failing()
    logging.getLogger("pycoco.go").addHandler(failing)
    try:
        with pycoco.Client(backend="go", tls_verify=False, timeout=10) as client:
            for number in range(3):
                assert client.inspect(f"{scripted.host}/app:v{number}").digest == served.DIGEST
    finally:
        logging.getLogger("pycoco.go").removeHandler(failing)
