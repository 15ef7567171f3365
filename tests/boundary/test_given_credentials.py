"""Credentials given as options go to the registry they are for and to no other, in both backends."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

import pycoco
from pycoco import BackendName, cli
from tests.boundary import served
from tests.boundary.test_command_line import run
from tests.support.scripted_registry import Answer, Request, Script, ScriptedRegistry

USER = ("user", "hidden-pass")
OTHER = ("other", "hidden-word")


def basic(pair: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(pair).encode()).decode()


def _wants_basic(request: Request) -> Answer:
    if request.header("Authorization") is None:
        return Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
    return served.image(request)


@pytest.fixture
def registries() -> Iterator[tuple[ScriptedRegistry, ScriptedRegistry]]:
    with ScriptedRegistry(_wants_basic) as first, ScriptedRegistry(_wants_basic) as second:
        yield first, second


def sent(registry: ScriptedRegistry) -> set[str]:
    """The values of Authorization that a registry got."""
    return {value for request in registry.requests for value in request.all("Authorization")}


BARE: list[dict[str, object]] = [{"creds": USER}, {"identity_token": "hidden-t0k"}, {"registry_token": "hidden-t0k"}]


@pytest.mark.parametrize("bare", BARE, ids=lambda bare: next(iter(bare)))
def test_what_is_given_for_one_registry_goes_to_one(
    backend: BackendName, bare: dict[str, object], registries: tuple[ScriptedRegistry, ScriptedRegistry]
) -> None:
    first, second = registries
    with pycoco.Client(backend=backend, tls_verify=False, **bare) as client:  # type: ignore[arg-type]
        client.explain(f"{second.host}/app:v1")  # asks nobody, and so counts for nothing
        for number in range(2):
            client.inspect(f"{first.host}/app:v{number}")
        results = dict(client.inspect_many([f"{first.host}/b:v1", f"{second.host}/b:v1", f"{first.host}/c:v1"]))
        for ask in (client.inspect, client.resolve, client.manifest, client.inspect_platforms, client.referrers):
            with pytest.raises(pycoco.ConfigurationError, match="credentials="):
                ask(f"{second.host}/app:v1")
        with pytest.raises(pycoco.ConfigurationError, match=first.host):
            list(client.tags(f"{second.host}/app"))
    assert [type(each).__name__ for each in results.values()].count("ConfigurationError") == 1
    assert isinstance(results[f"{second.host}/b:v1"], pycoco.ConfigurationError)
    assert second.requests == []


def test_each_registry_has_its_own(backend: BackendName, registries: tuple[ScriptedRegistry, ScriptedRegistry]) -> None:
    first, second = registries
    given = {first.host: USER, f"{second.host}/team": OTHER}
    with pycoco.Client(backend=backend, tls_verify=False, credentials=given) as client:
        references = [f"{first.host}/a:v1", f"{second.host}/team/b:v1", f"{second.host}/c:v1"]
        results = dict(client.inspect_many(references))
        explained = client.explain(f"{second.host}/team/b:v1")
    assert all(isinstance(each, pycoco.Image) for each in results.values()), results
    assert sent(first) == {basic(USER)}
    assert sent(second) == {basic(OTHER), basic(("", ""))}
    teams = {request.header("Authorization") for request in second.requests if "/team/" in request.path}
    assert teams == {basic(OTHER)}
    assert "given" in json.dumps(explained.to_dict())
    assert "hidden" not in json.dumps(explained.to_dict())


def test_none_are_sent_where_none_are_wanted(
    backend: BackendName, registries: tuple[ScriptedRegistry, ScriptedRegistry], empty_home: Path
) -> None:
    """("", "") counts before files, as skopeo's --no-creds, and is for every registry."""
    auth = {each.host: {"auth": base64.b64encode(":".join(USER).encode()).decode()} for each in registries}
    (empty_home / "auth.json").write_text(json.dumps({"auths": auth}))
    references = [f"{each.host}/app:v1" for each in registries]
    options = {"backend": backend, "tls_verify": False, "auth_file": empty_home / "auth.json"}
    with pycoco.Client(creds=("", ""), **options) as client:  # type: ignore[arg-type]
        assert all(isinstance(found, pycoco.Image) for _, found in client.inspect_many(references))
    assert [sent(each) for each in registries] == [{basic(("", ""))}] * 2
    with pycoco.Client(**options) as client:  # type: ignore[arg-type]
        client.inspect(references[0], creds=("", ""))
        assert sent(registries[0]) == {basic(("", ""))}
        client.inspect(references[0])
    assert basic(USER) in sent(registries[0])


def test_the_command_asks_without(registries: tuple[ScriptedRegistry, ScriptedRegistry], empty_home: Path) -> None:
    registry, _ = registries
    auth = base64.b64encode(":".join(USER).encode()).decode()
    (empty_home / "auth.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    reference = f"{registry.host}/app:v1"
    asked = [
        "digest",
        reference,
        "--tls-verify=false",
        "--auth-file",
        str(empty_home / "auth.json"),
        "--backend=python",
        "--no-creds",
    ]
    assert cli.main(asked) == 0
    assert sent(registry) == {basic(("", ""))}
    assert cli.main([*asked, "--creds", "a:b"]) == 2


def wanting_tokens(registry: ScriptedRegistry) -> Script:
    """The image, for those who bring any authorization; a token for whoever asks."""

    def script(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(body=b'{"token": "t0k"}')
        if request.header("Authorization") is None:
            return Answer(401, headers=[("WWW-Authenticate", f'Bearer realm="{registry.url}/token",service="s"')])
        return served.image(request)

    return script


def test_tokens(backend: BackendName, scripted: ScriptedRegistry) -> None:
    scripted.script = wanting_tokens(scripted)
    given = {
        f"{scripted.host}/a": pycoco.Token("hidden-identity"),
        f"{scripted.host}/b": pycoco.Token("hidden-bearer", "registry"),
    }
    with pycoco.Client(backend=backend, tls_verify=False, credentials=given) as client:
        client.inspect(f"{scripted.host}/a:v1")
        client.inspect(f"{scripted.host}/b:v1")
    forms = [request.form for request in scripted.requests if request.path == "/token"]
    assert [form["refresh_token"] for form in forms] == [["hidden-identity"]]
    assert sent(scripted) == {"Bearer t0k", "Bearer hidden-bearer"}
    assert "hidden" not in repr(given)


def test_of_a_pull_secret_counts_what_there_is_to_send(backend: BackendName, scripted: ScriptedRegistry) -> None:
    """An identity token beside a user without a password, as Azure has it; an entry without anything is passed over."""

    scripted.script = wanting_tokens(scripted)
    azure = {"auth": basic(("00000000-0000-0000-0000-000000000000", "")).split()[1], "identitytoken": "hidden-identity"}
    auths = {f"{scripted.host}/empty": {"auth": None}, scripted.host: azure, f"{scripted.host}/b": {"username": "u"}}
    keyring = pycoco.credentials.from_dockerconfigjson(json.dumps({"auths": auths}).encode())
    with pycoco.Client(backend=backend, tls_verify=False, credentials=keyring) as client:
        client.inspect(f"{scripted.host}/empty/a:v1")
        client.inspect(f"{scripted.host}/b:v1")
    asked = [request for request in scripted.requests if request.path == "/token"]
    assert [request.form.get("refresh_token") for request in asked] == [["hidden-identity"], None]
    assert asked[1].query["account"] == ["u"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_one_call_may_have_its_own(
    backend: BackendName, asynchronous: bool, registries: tuple[ScriptedRegistry, ScriptedRegistry], tmp_path: Path
) -> None:
    first, second = registries
    auth = {"auths": {second.host: {"auth": basic(OTHER).removeprefix("Basic ")}}}
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    file = tmp_path / "auth.json"

    async def inspect() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False, creds=USER) as client:
            await client.inspect(f"{second.host}/a:v1", creds=OTHER)
            await client.inspect(f"{second.host}/b:v1", auth_file=file)
            await client.inspect(f"{first.host}/a:v1")

    if asynchronous:
        asyncio.run(inspect())
    else:
        with pycoco.Client(backend=backend, tls_verify=False, creds=USER) as client:
            client.inspect(f"{second.host}/a:v1", creds=OTHER)
            client.inspect(f"{second.host}/b:v1", auth_file=file)
            client.inspect(f"{first.host}/a:v1")
            with pytest.raises(pycoco.ConfigurationError, match="auth_file"):
                client.inspect(f"{first.host}/a:v1", auth_file=tmp_path / "missing.json")
    assert sent(first) == {basic(USER)}
    assert sent(second) == {basic(OTHER)}


def test_the_command_line_is_no_exception(
    backend: BackendName, registries: tuple[ScriptedRegistry, ScriptedRegistry], tmp_path: Path
) -> None:
    first, second = registries
    (tmp_path / "list").write_text(f"{first.host}/a:v1\n{second.host}/a:v1\n")
    _, read, _ = run(backend, "--from-file", str(tmp_path / "list"), "--creds", ":".join(USER), "--concurrency", "1")
    lines = {line["requested"]: line for line in read}
    assert "error" not in lines[f"{first.host}/a:v1"]
    assert lines[f"{second.host}/a:v1"]["error"] == "configuration"
    assert second.requests == []


def test_a_client_does_not_pickle(backend: BackendName) -> None:
    with pycoco.Client(backend=backend, creds=USER) as client:
        for keep in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="does not pickle"):
                keep(client)


def test_no_secret_is_among_the_variables_of_an_errors_frames(
    backend: BackendName, scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    scripted.script = lambda request: Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
    errors = []
    for attempt in (
        lambda: pycoco.inspect(f"{scripted.host}/a:v1", backend=backend, tls_verify=False, creds=USER),
        lambda: pycoco.inspect(
            f"{scripted.host}/a:v1", backend=backend, tls_verify=False, credentials={scripted.host: USER}
        ),
        lambda: _with_a_call_of_its_own(backend, scripted.host),
        lambda: pycoco.inspect("a", creds=USER, platform="wrong"),
        lambda: pycoco.inspect("a", credentials={"q.io": USER}, retries=-1),
        lambda: pycoco.inspect("a", credentials={"q.io": USER}, creds=USER),
    ):
        with pytest.raises(pycoco.PycocoError) as raised:
            attempt()
        errors.append(raised.value)
    for error in errors:
        assert not [where for where, text in variables(error) if "hidden" in text]


def _with_a_call_of_its_own(backend: BackendName, host: str) -> None:
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        client.inspect(f"{host}/a:v1", creds=USER)


def variables(error: BaseException) -> Iterator[tuple[str, str]]:
    """The variables, as a crash reporter shows them, of all frames of pycoco's that an error has kept."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        pending += [each.__cause__, each.__context__]
        frames: TracebackType | None = each.__traceback__
        for frame, line in traceback.walk_tb(frames):
            if "/tests/" not in frame.f_code.co_filename:
                for name, value in frame.f_locals.items():
                    yield f"{frame.f_code.co_filename}:{line} {name}", _shown(value)


def _shown(value: object) -> str:
    held = getattr(value, "__dict__", {}) if not isinstance(value, type) else {}
    return " ".join([repr(value), *(repr(each) for each in list(held.values()))])
