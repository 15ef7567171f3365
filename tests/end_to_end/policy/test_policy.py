"""policy.json where no signature has a say: both backends give the same verdict, in the same words.

It is not for signatures (test_policy_signatures.py), nor for policy.json's grammar (tests/unit/configuration/policy).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
import pycoco.layout
from pycoco import BackendName, errors
from tests.end_to_end.policy.signed_image import ANYTHING, CONFIG, DIGEST, MANIFEST, Signed, signed_image
from tests.parity.fetching import sha256
from tests.support.upstream import module_directory

UPSTREAM = module_directory() / "signature/fixtures/policy.json"  # found while HOME is still the real one


@pytest.fixture
def signed(empty_home: Path) -> Iterator[Signed]:
    with signed_image(empty_home) as opened:
        yield opened


def test_without_a_policy_none_is_checked(signed: Signed, backend: BackendName) -> None:
    assert signed.inspect(backend, policy=None).policy == ""


def test_reject(signed: Signed, backend: BackendName) -> None:
    path = signed.policy({"type": "reject"})
    with pytest.raises(errors.PolicyRejectedError) as caught:
        signed.inspect(backend)
    assert isinstance(caught.value, PermissionError)
    assert f"{path}: docker, scope {signed.registry.host}: reject" in str(caught.value)
    assert not any("/blobs/" in line for line in signed.registry.lines)


@pytest.mark.parametrize("reference", ["app:v1", "app:index", f"app@{DIGEST}"])
def test_accepted_in_the_same_words(signed: Signed, backend: BackendName, reference: str) -> None:
    path = signed.policy(*ANYTHING)
    image = signed.inspect(backend, f"{signed.registry.host}/{reference}")
    assert image.policy == f"{path}: docker, scope {signed.registry.host}: insecureAcceptAnything"


def test_every_requirement_must_be_met(signed: Signed, backend: BackendName) -> None:
    signed.policy(*ANYTHING, {"type": "reject"})
    with pytest.raises(errors.PolicyRejectedError):
        signed.inspect(backend)


SCOPES = ["{host}/app:v1", "{host}/app", "{host}", "*.pycoco.invalid", "*.invalid", ""]


@pytest.mark.parametrize("number", range(len(SCOPES)))
def test_the_narrowest_scope_counts(signed: Signed, backend: BackendName, number: int) -> None:
    # registries.conf leads a made-up host, which has wildcards, to the registry.
    host = "registry.pycoco.invalid"
    conf = signed.home / "registries.conf"
    conf.write_text(f'[[registry]]\nprefix = "{host}"\nlocation = "{signed.registry.host}"\n')
    scopes = {scope.format(host=host): ANYTHING for scope in SCOPES[number:]}
    scopes["*.other"] = scopes[f"{host}/ap"] = [{"type": "reject"}]
    path = signed.home / "policy.json"
    path.write_text(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": scopes}}))
    image = signed.inspect(backend, f"{host}/app:v1", registries_conf=conf)
    section = f"scope {SCOPES[number].format(host=host)}" if SCOPES[number] else "default"
    assert image.policy == f"{path}: docker, {section}: insecureAcceptAnything"


def test_the_default(signed: Signed, backend: BackendName) -> None:
    path = signed.home / "policy.json"
    path.write_text(json.dumps({"default": ANYTHING}))
    assert signed.inspect(backend).policy == f"{path}: default: insecureAcceptAnything"


def test_the_policy_that_the_search_rule_finds(
    signed: Signed, backend: BackendName, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = signed.home / ".config/containers/policy.json"
    own.parent.mkdir(parents=True)
    own.write_text(json.dumps({"default": ANYTHING}))
    assert signed.inspect(backend, policy=True).policy == f"{own}: default: insecureAcceptAnything"
    other = signed.home / "other.json"
    other.write_text(json.dumps({"default": [{"type": "reject"}]}))
    monkeypatch.setenv("CONTAINERS_POLICY_JSON", str(other))
    with pytest.raises(errors.PolicyRejectedError):
        signed.inspect(backend, policy=True)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"default": []}', '{"default": [{"type": "maybe"}]}', "[]", '{"default": 1}']
)
def test_a_malformed_policy(signed: Signed, backend: BackendName, text: str) -> None:
    path = signed.home / "policy.json"
    path.write_text(text)
    with pytest.raises(errors.ConfigurationError) as caught:
        signed.inspect(backend)
    assert caught.value.file == str(path)


def test_a_missing_policy(signed: Signed, backend: BackendName, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = signed.home / "missing.json"
    with pytest.raises(errors.ConfigurationError, match="missing"):
        signed.inspect(backend, policy=missing)
    monkeypatch.setenv("CONTAINERS_POLICY_JSON", str(missing))
    with pytest.raises(errors.ConfigurationError, match="missing"):
        signed.inspect(backend, policy=True)


def test_upstreams_example_is_read_alike(signed: Signed) -> None:
    scopes = [scope for scope in json.loads(UPSTREAM.read_text())["transports"]["docker"] if scope]
    conf = signed.home / "registries.conf"
    seen = set()
    for scope in scopes:
        name = scope.replace("*", "x").rpartition("@")[0] or scope.replace("*", "x")
        name = name if "/" in name else f"{name}/app"
        repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
        conf.write_text(f'[[registry]]\nprefix = "{repository}"\nlocation = "{signed.registry.host}/app"\n')
        verdicts = []
        for backend in ("go", "python"):
            try:
                verdicts.append(
                    signed.inspect(backend, f"docker://{repository}:v1", policy=UPSTREAM, registries_conf=conf).policy
                )
            except errors.PycocoError as error:
                verdicts.append(type(error).__name__)
        if verdicts[1] != "BackendUnavailableError":  # which means that it depends on signatures
            assert verdicts[0] == verdicts[1], scope
            seen.add(verdicts[1])
        else:
            assert verdicts[0] in ("PolicyRejectedError", "ConfigurationError"), scope
    assert any("insecureAcceptAnything" in verdict for verdict in seen)


@pytest.mark.parametrize("transport", ["oci", "dir"])
def test_a_local_layout(signed: Signed, backend: BackendName, transport: str) -> None:
    signed.policy(*ANYTHING)
    directory = signed.home / "images" / "app"
    if transport == "oci":
        pycoco.layout.save(signed.inspect("python"), directory)
    else:
        directory.mkdir(parents=True)
        (directory / "version").write_text("Directory Transport Version: 1.1\n")
        (directory / "manifest.json").write_bytes(MANIFEST)
        (directory / sha256(CONFIG).partition(":")[2]).write_bytes(CONFIG)
    path = signed.home / "policy.json"
    for scopes, words in (
        ({str(directory): ANYTHING}, f"{transport}, scope {directory}: insecureAcceptAnything"),
        ({str(directory.parent): ANYTHING}, f"{transport}, scope {directory.parent}: insecureAcceptAnything"),
        ({"": ANYTHING}, f"{transport}, default: insecureAcceptAnything"),
        ({f"{directory}/other": ANYTHING}, None),
    ):
        path.write_text(json.dumps({"default": [{"type": "reject"}], "transports": {transport: scopes}}))
        if words is None:
            with pytest.raises(errors.PolicyRejectedError, match="default: reject"):
                signed.inspect(backend, f"{transport}:{directory}")
        else:
            assert signed.inspect(backend, f"{transport}:{directory}").policy == f"{path}: {words}"


def test_a_broken_registries_d_matters_where_signatures_could(signed: Signed) -> None:
    # docker_image_src.go newImageSource reads it for every image; the Python backend, which verifies none, never.
    directory = signed.home / ".config/containers/registries.d"
    directory.mkdir(parents=True)
    (directory / "broken.yaml").write_text("docker: [")
    with pytest.raises(errors.ConfigurationError):
        signed.inspect("go", policy=None)
    assert signed.inspect("python", policy=None).digest == DIGEST
