"""Where signatures are found: a lookaside on the web, the registry's extension, and nowhere unless a policy asks.

It is not for what they are worth (test_policy_signatures.py); files are the usual lookaside there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pycoco import BackendName, errors
from tests.end_to_end.policy.signed_image import DIGEST, MANIFEST, Signed, signed_image
from tests.support.scripted_registry import Answer, Route, Routes, ScriptedRegistry
from tests.support.signing.signatures import GPGKey, SigstoreKey, lookaside, payload_of


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GPGKey]:
    made = GPGKey(tmp_path_factory.mktemp("keys"), "signer")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def signed(empty_home: Path, key: GPGKey) -> Iterator[Signed]:
    with signed_image(empty_home) as opened:
        opened.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(key.public)})
        yield opened


def configure(signed: Signed, **namespace: Any) -> None:
    directory = signed.home / ".config/containers/registries.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tests.yaml").write_text(json.dumps({"default-docker": namespace}))


@pytest.fixture
def web() -> Iterator[tuple[ScriptedRegistry, dict[str, Route]]]:
    table: dict[str, Route] = {}
    with ScriptedRegistry(Routes(table)) as server:
        yield server, table


def place(number: int) -> str:
    return f"/sigs/app@{DIGEST.replace(':', '=')}/signature-{number}"


def test_a_lookaside_on_the_web(
    signed: Signed, key: GPGKey, backend: BackendName, web: tuple[ScriptedRegistry, dict[str, Route]]
) -> None:
    server, table = web
    configure(signed, lookaside=f"http://{server.host}/sigs")
    with pytest.raises(errors.PolicyRejectedError, match="no signature exists"):
        signed.inspect(backend)
    table[place(1)] = Answer(body=key.sign(MANIFEST, "another/name:v1"))
    table[place(2)] = Answer(body=key.sign(MANIFEST, signed.reference))
    assert signed.inspect(backend).policy
    asked = [line for line in server.lines if "signature-" in line]
    assert [line.rpartition("-")[2].split()[0] for line in asked] == ["1", "1", "2", "3"]
    assert not any("uthorization" in str(request.headers) for request in server.requests)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(503), errors.UnavailableError),
        (Answer(401), errors.UnauthorizedError),
        (Answer(body=b"<html>"), errors.PolicyRejectedError),
        (Answer(body=b"\x90" + bytes(4 * 1024 * 1024 + 1)), errors.PolicyRejectedError),
    ],
)
def test_a_lookaside_that_gives_none(
    signed: Signed,
    backend: BackendName,
    web: tuple[ScriptedRegistry, dict[str, Route]],
    answer: Answer,
    expected: type[Exception],
) -> None:
    server, table = web
    configure(signed, lookaside=f"http://{server.host}/sigs")
    table[place(1)] = answer
    with pytest.raises(errors.PycocoError) as caught:
        signed.inspect(backend)
    assert type(caught.value) is expected, caught.value


def extension(*signatures: dict[str, Any]) -> Answer:
    return Answer(body=json.dumps({"signatures": list(signatures)}).encode())


def test_the_registrys_extension_goes_before_a_lookaside(signed: Signed, key: GPGKey, backend: BackendName) -> None:
    configure(signed, lookaside=f"file://{signed.signatures}")
    lookaside(signed.signatures, "app", DIGEST, key.sign(MANIFEST, signed.reference))
    assert signed.inspect(backend).policy
    signed.table["/v2/"] = Answer(headers=[("X-Registry-Supports-Signatures", "1")])
    path = f"/extensions/v2/app/signatures/{DIGEST}"
    good = base64.b64encode(key.sign(MANIFEST, signed.reference)).decode()
    for listed, allowed in (
        ([], False),
        ([{"schemaVersion": 2, "type": "other", "content": good}], False),
        ([{"schemaVersion": 1, "type": "atomic", "content": good}], False),
        ([{"schemaVersion": 2, "type": "atomic", "content": "AAAA"}], False),
        (
            [
                {"schemaVersion": 2, "type": "atomic", "content": "AAAA"},
                {"schemaVersion": 2, "type": "atomic", "name": "x", "content": good},
            ],
            True,
        ),
    ):
        signed.table[path] = extension(*listed)
        if allowed:
            assert signed.inspect(backend).policy
        else:
            with pytest.raises(errors.PolicyRejectedError):
                signed.inspect(backend)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(404), errors.NotFoundError),
        (Answer(body=b"["), errors.PolicyRejectedError),
        (Answer(body=b'{"signatures": [{"schemaVersion": "2"}]}'), errors.PolicyRejectedError),
    ],
)
def test_an_extension_that_gives_none(
    signed: Signed, backend: BackendName, answer: Answer, expected: type[Exception]
) -> None:
    configure(signed)
    signed.table["/v2/"] = Answer(headers=[("X-Registry-Supports-Signatures", "1")])
    signed.table[f"/extensions/v2/app/signatures/{DIGEST}"] = answer
    with pytest.raises(errors.PycocoError) as caught:
        signed.inspect(backend)
    assert type(caught.value) is expected, caught.value


@pytest.mark.parametrize("policy", [None, {"type": "insecureAcceptAnything"}])
def test_no_signature_is_asked_for_where_no_policy_looks_at_one(
    signed: Signed, backend: BackendName, policy: dict[str, Any] | None, web: tuple[ScriptedRegistry, dict[str, Route]]
) -> None:
    server, _ = web
    configure(signed, **{"lookaside": f"http://{server.host}/sigs", "use-sigstore-attachments": True})
    signed.table["/v2/"] = Answer(headers=[("X-Registry-Supports-Signatures", "1")])
    if policy is None:
        signed.inspect(backend, policy=None)
    else:
        signed.policy(policy)
        signed.inspect(backend)
    assert not server.lines
    assert not any("signature" in line or ".sig" in line for line in signed.registry.lines)


def test_what_was_looked_at_is_handed_out_alike(signed: Signed, key: GPGKey, tmp_path: Path) -> None:
    import os

    from pycoco.backends.select import select
    from pycoco.configuration.settings import Settings
    from pycoco.documents.signatures import blob

    configure(signed, **{"lookaside": f"file://{signed.signatures}", "use-sigstore-attachments": True})
    message = key.sign(MANIFEST, signed.reference)
    lookaside(signed.signatures, "app", DIGEST, message)
    payload = payload_of(DIGEST, signed.reference) + b"\n<&>"
    signature = SigstoreKey(tmp_path, "s").sign(payload)
    signed.attach(DIGEST, payload, signature)
    settings = Settings(environ=dict(os.environ), policy=str(signed.home / "policy.json"), tls_verify=False)
    found = []
    for name in ("go", "python"):
        session = select(name).open(settings)
        found.append(session.fetch(signed.reference).result(30).signatures)
        assert session.fetch_signatures(signed.reference).result(30).signatures == found[-1]
        session.close()
    assert found[0] == found[1]
    assert found[0][0] == message
    assert blob.parse(found[0][1]) == blob.Sigstore(
        blob.SIGSTORE_MEDIA_TYPE, payload, {"dev.cosignproject.cosign/signature": signature}
    )


def test_skopeo_agrees_about_a_signature(signed: Signed, key: GPGKey, backend: BackendName) -> None:
    configure(signed, lookaside=f"file://{signed.signatures}")
    for name, allowed in ((signed.reference, True), (signed.reference + "1", False)):
        signature = key.sign(MANIFEST, name)
        lookaside(signed.signatures, "app", DIGEST, signature)
        assert key.is_verified_by_skopeo(MANIFEST, signed.reference, signature) == allowed
        if allowed:
            assert signed.inspect(backend).policy
        else:
            with pytest.raises(errors.PolicyRejectedError, match="is not accepted"):
                signed.inspect(backend)


def test_urls_of_an_attachment(
    signed: Signed, tmp_path: Path, backend: BackendName, web: tuple[ScriptedRegistry, dict[str, Route]]
) -> None:
    # containers/image asks them before the registry, without credentials; what comes must have the digest anyway.
    server, table = web
    configure(signed, **{"use-sigstore-attachments": True})
    trusted = SigstoreKey(tmp_path, "s")
    signed.policy({"type": "sigstoreSigned", "keyPath": str(trusted.public)})
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, trusted.sign(payload))
    tag = f"/v2/app/manifests/{DIGEST.replace(':', '-')}.sig"
    attached = signed.table[tag]
    assert isinstance(attached, Answer)
    document = json.loads(attached.body)
    document["layers"][0]["urls"] = [f"http://{server.host}/elsewhere"]
    signed.table[tag] = Answer(headers=attached.headers, body=json.dumps(document).encode())
    table["/elsewhere"] = Answer(body=payload)
    assert signed.inspect(backend).policy
    assert [line for line in server.lines if "elsewhere" in line] == (["GET /elsewhere"] if backend == "go" else [])
