"""Policies, and images with signatures that meet them, nearly meet them, or have nothing to do with them.

It is not for what a policy's grammar allows (tests/unit/configuration/policy): most policies here are well formed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from pycoco.documents import digest as digests
from tests.support.signing import signers
from tests.support.signing.signers import EMAIL, HOSTNAME, ISSUER, Certified, SigningKey

MANIFESTS = tuple(
    json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "n": number}).encode()
    for number in (1, 2)
)
DIGESTS = tuple(digests.of(manifest) for manifest in MANIFESTS)

REFERENCES = (
    "q.io/ns/app:v1",
    "q.io/ns/app:v2",
    f"q.io/ns/app@{DIGESTS[0]}",
    "q.io:5000/ns/app:v1",
    "mirror.q.io/ns/app:v1",
    "docker://busybox",
    "dir:/",
    "oci:/:v1",
)
SIGNED_NAMES = (
    "q.io/ns/app:v1",
    "q.io/ns/app:v1",
    "q.io/ns/app:v1",
    "q.io/ns/app",
    "q.io/ns/app:v2",
    "q.io/ns/application:v1",
    "q.io/ns/app:v10",
    f"q.io/ns/app@{DIGESTS[0]}",
    f"q.io/ns/app:v1@{DIGESTS[0]}",
    "signed.io/ns/app:v1",
    "q.io:5000/ns/app:v1",
    "docker.io/library/busybox:latest",
    "busybox",
    "busybox:latest",
    "",
    "UPPER",
    "a" * 64,
)
SCOPES = (
    "q.io",
    "q.io/ns",
    "q.io/ns/app",
    "q.io/ns/app:v1",
    f"q.io/ns/app@{DIGESTS[0]}",
    "*.io",
    "*.q.io",
    "q.io:5000",
    "docker.io",
    "docker.io/library/busybox:latest",
    "",
    "q.i",
    "q.io/n",
)
IDENTITIES: tuple[dict[str, Any] | None, ...] = (
    None,
    {"type": "matchRepoDigestOrExact"},
    {"type": "matchExact"},
    {"type": "matchRepository"},
    {"type": "exactReference", "dockerReference": "q.io/ns/app:v1"},
    {"type": "exactRepository", "dockerRepository": "q.io/ns/app"},
    {"type": "remapIdentity", "prefix": "q.io", "signedPrefix": "signed.io"},
    {"type": "remapIdentity", "prefix": "q.io/ns", "signedPrefix": "signed.io/ns"},
    {"type": "remapIdentity", "prefix": "q.io/n", "signedPrefix": "signed.io/n"},
    {"type": "remapIdentity", "prefix": "q.io", "signedPrefix": "q.io:5000"},
)


@dataclass(frozen=True)
class Judged:
    """A policy, and the image that it is to judge."""

    policy: bytes
    reference: str
    manifest: bytes
    signatures: tuple[bytes, ...]


def judged() -> st.SearchStrategy[Judged]:
    """Cases for evaluate_policy."""
    return st.one_of(_alike(), _mixed(), _certified(), _said())


@st.composite
def _alike(draw: st.DrawFn) -> Judged:
    """One requirement, and a signature of its kind: nearly everything is right."""
    requirement = draw(_REQUIREMENTS)
    image = draw(st.sampled_from(MANIFESTS[:1] * 3 + MANIFESTS[1:]))
    kind = _simple_signature if requirement["type"] == "signedBy" else _sigstore_signature
    signatures = draw(st.lists(kind(), min_size=1, max_size=3))
    policy = {"default": [requirement]}
    return Judged(_encoded(policy), draw(st.sampled_from(REFERENCES[:3])), image, tuple(signatures))


@st.composite
def _certified(draw: st.DrawFn) -> Judged:
    """A requirement of certificates, rightly set up, and one signature by somebody with some certificate."""
    chain, log = signers.authority(), signers.logs()[0]
    fulcio = draw(st.booleans())
    certified = draw(st.sampled_from([each for each in chain.certified if not fulcio or "pki" not in each.name]))
    content = json.dumps(_payload(_SIGSTORE_KIND)).encode()
    signature = certified.key.sign(content)
    logged = signers.entry(certified.leaf, signature, content)
    if draw(st.integers(0, 3)) == 0:
        draw(st.sampled_from(ENTRIES))(logged)
    annotations = {
        "dev.cosignproject.cosign/signature": base64.b64encode(signature).decode(),
        "dev.sigstore.cosign/certificate": certified.leaf.decode(),
        "dev.sigstore.cosign/chain": certified.chain.decode(),
        "dev.sigstore.cosign/bundle": signers.promise(log, logged).decode(),
    }
    requirement: dict[str, Any] = {"type": "sigstoreSigned"}
    if fulcio:
        requirement["fulcio"] = {"caData": _base64(chain.root), "oidcIssuer": ISSUER, "subjectEmail": EMAIL}
        requirement["rekorPublicKeyData"] = _base64(log.public)
    else:
        subject = draw(st.sampled_from(({"subjectEmail": EMAIL}, {"subjectHostname": HOSTNAME})))
        requirement["pki"] = {"caRootsData": _base64(chain.root), **subject}
    policy = {"default": [requirement]}
    return Judged(_encoded(policy), REFERENCES[0], MANIFESTS[0], (signers.attachment(content, annotations),))


@st.composite
def _said(draw: st.DrawFn) -> Judged:
    """A key that counts, and one signature by it: what it says, and which names count, is all that varies."""
    key = signers.sigstore_keys()[0]
    content = draw(_content(_SIGSTORE_KIND))
    annotations = {"dev.cosignproject.cosign/signature": base64.b64encode(key.sign(content)).decode()}
    requirement = _with_identity(draw, {"type": "sigstoreSigned", "keyData": _base64(key.public)})
    reference = draw(st.sampled_from(REFERENCES))
    return Judged(
        _encoded({"default": [requirement]}), reference, MANIFESTS[0], (signers.attachment(content, annotations),)
    )


@st.composite
def _mixed(draw: st.DrawFn) -> Judged:
    """Scopes and transports, several requirements, signatures of several kinds."""
    requirements = st.lists(st.one_of(_REQUIREMENTS, _SIMPLE), min_size=1, max_size=3)
    policy: dict[str, Any] = {"default": draw(requirements)}
    if draw(st.booleans()):
        transports = st.sampled_from(("docker", "docker", "docker", "dir", "oci", "atomic"))
        policy["transports"] = {
            transport: {
                scope if transport in ("docker", "atomic") else "": draw(requirements)
                for scope in draw(st.lists(st.sampled_from(SCOPES), unique=True, max_size=3))
            }
            for transport in draw(st.lists(transports, unique=True, max_size=2))
        }
    signatures = draw(st.lists(st.one_of(_simple_signature(), _sigstore_signature(), _broken), max_size=3))
    text = _encoded(policy)
    if draw(st.integers(0, 30)) == 0:
        text = draw(_spoilt(text))
    return Judged(text, draw(st.sampled_from(REFERENCES)), draw(st.sampled_from(MANIFESTS)), tuple(signatures))


_SIMPLE = st.sampled_from(
    (
        {"type": "insecureAcceptAnything"},
        {"type": "insecureAcceptAnything"},
        {"type": "reject"},
        {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}},
    )
)


@st.composite
def _signed_by(draw: st.DrawFn) -> dict[str, Any]:
    keys = signers.openpgp_keys(_CONTENTS)
    chosen = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique_by=lambda key: key.name))
    requirement: dict[str, Any] = {
        "type": "signedBy",
        "keyType": draw(st.sampled_from(("GPGKeys",) * 15 + ("signedByGPGKeys",))),
        "keyData": _base64(b"".join(key.public for key in chosen)),
    }
    if draw(st.integers(0, 20)) == 0:
        requirement["keyData"] = _base64(draw(st.sampled_from((b"", b"garbage", chosen[0].public[:40]))))
    return _with_identity(draw, requirement)


@st.composite
def _sigstore_signed(draw: st.DrawFn) -> dict[str, Any]:
    requirement: dict[str, Any] = {"type": "sigstoreSigned"}
    chain, logs = signers.authority(), [log.public for log in signers.logs()]
    rekor = draw(st.sampled_from(([], logs[:1], logs[:1], logs, logs[1:])))
    source = draw(st.sampled_from(("keys", "keys", "fulcio", "pki")))
    if source == "keys":
        keys = draw(
            st.lists(st.sampled_from(signers.sigstore_keys()), min_size=1, max_size=3, unique_by=lambda k: k.name)
        )
        requirement["keyDatas"] = [_base64(key.public) for key in keys]
        if draw(st.integers(0, 25)) == 0:
            requirement["keyDatas"].append(_base64(draw(st.sampled_from((b"", b"x", chain.root, logs[0][:60])))))
    elif source == "fulcio":
        requirement["fulcio"] = {
            "caData": _base64(
                draw(st.sampled_from((chain.root,) * 6 + (chain.other_root, b"", chain.other_root + chain.root)))
            ),
            "oidcIssuer": draw(st.sampled_from((ISSUER,) * 8 + (ISSUER + "/x",))),
            "subjectEmail": draw(st.sampled_from((EMAIL,) * 8 + ("x" + EMAIL, EMAIL.upper()))),
        }
        rekor = rekor or logs[:1]
    else:
        pki = {"caRootsData": _base64(draw(st.sampled_from((chain.root,) * 6 + (chain.other_root, b"x"))))}
        if draw(st.booleans()):
            pki["caIntermediatesData"] = _base64(draw(st.sampled_from((chain.intermediate,) * 4 + (b"", b"x"))))
        subject = draw(st.integers(0, 3))
        if subject != 1:
            pki["subjectEmail"] = draw(st.sampled_from((EMAIL, EMAIL, EMAIL, "x" + EMAIL)))
        if subject in (1, 2):
            pki["subjectHostname"] = draw(
                st.sampled_from(
                    (HOSTNAME, HOSTNAME.upper(), HOSTNAME + ".", "x." + HOSTNAME, "127.0.0.1", "*.pycoco.invalid")
                )
            )
        requirement["pki"], rekor = pki, []
    if rekor:
        requirement["rekorPublicKeyDatas"] = [_base64(key) for key in rekor]
    return _with_identity(draw, requirement)


_REQUIREMENTS = st.one_of(_signed_by(), _sigstore_signed(), _sigstore_signed())


def _with_identity(draw: st.DrawFn, requirement: dict[str, Any]) -> dict[str, Any]:
    identity = draw(st.sampled_from(IDENTITIES))
    return requirement if identity is None else {**requirement, "signedIdentity": identity}


_SIMPLE_KIND, _SIGSTORE_KIND = "atomic container signature", "cosign container image signature"


def _payload(kind: str, digest: str = DIGESTS[0], reference: str = SIGNED_NAMES[0]) -> dict[str, Any]:
    critical = {
        "type": kind,
        "image": {"docker-manifest-digest": digest},
        "identity": {"docker-reference": reference},
    }
    return {"critical": critical, "optional": {"creator": "pycoco", "timestamp": 1700000000}}


def payload_of(kind: str, reference: str = SIGNED_NAMES[0]) -> bytes:
    """What is signed where everything is right but, perhaps, the name."""
    return json.dumps(_payload(kind, DIGESTS[0], reference)).encode()


_CONTENTS = (json.dumps(_payload(_SIMPLE_KIND)).encode(),)


@st.composite
def _content(draw: st.DrawFn, kind: str) -> bytes:
    """A payload: most are right, some about another image or name, some not as strict readers want them."""
    what = draw(st.integers(0, 11))
    if what < 5:
        return json.dumps(_payload(kind)).encode()
    digest = draw(st.sampled_from((*DIGESTS, DIGESTS[0])))
    payload = _payload(kind, digest, draw(st.sampled_from(SIGNED_NAMES)))
    if what < 9:
        return json.dumps(payload).encode()
    strange: bytes = draw(st.sampled_from(STRANGE))(payload)
    return strange


def _changed(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], bytes]:
    def apply(payload: dict[str, Any]) -> bytes:
        change(payload)
        return json.dumps(payload).encode()

    return apply


def _replaced(old: str, new: str) -> Callable[[dict[str, Any]], bytes]:
    return lambda payload: json.dumps(payload).replace(old, new, 1).encode("utf-8", "surrogateescape")


STRANGE: tuple[Callable[[dict[str, Any]], bytes], ...] = (
    _changed(lambda payload: payload.update(optional=None)),
    _changed(lambda payload: payload.update(optional={})),
    _changed(lambda payload: payload.update(optional=[])),
    _changed(lambda payload: payload.update(optional={"timestamp": 1.5})),
    _changed(lambda payload: payload.update(optional={"timestamp": "1"})),
    _changed(lambda payload: payload.update(optional={"timestamp": None, "creator": None, "x": {"y": [1]}})),
    _changed(lambda payload: payload.update(optional={"creator": 1})),
    _changed(lambda payload: payload.update(more=1)),
    _changed(lambda payload: payload.pop("optional")),
    _changed(lambda payload: payload["critical"].pop("image")),
    _changed(lambda payload: payload["critical"].update(more=1)),
    _changed(lambda payload: payload["critical"].update(type="another")),
    _changed(lambda payload: payload["critical"].update(type=None)),
    _changed(lambda payload: payload["critical"]["identity"].update({"docker-reference": None})),
    _changed(lambda payload: payload["critical"]["image"].update({"docker-manifest-digest": None})),
    _changed(lambda payload: payload["critical"]["image"].update({"docker-manifest-digest": "sha256:abc"})),
    _changed(lambda payload: payload["critical"]["image"].update({"docker-manifest-digest": "md5:" + "a" * 32})),
    _changed(lambda payload: payload["critical"]["image"].update({"docker-manifest-digest": DIGESTS[0].upper()})),
    _changed(lambda payload: payload["critical"]["image"].update({"docker-manifest-digest": "sha512:" + "a" * 128})),
    _replaced('"critical"', '"critical": {}, "critical"'),
    _replaced('"critical"', '"Critical"'),
    _replaced('"type"', '"type": "x", "type"'),
    _replaced('"docker-reference"', '"docker-reference": "q.io/ns/app:v1", "docker-reference"'),
    _replaced("1700000000", "1e400"),
    _replaced("1700000000", "1e30"),
    _replaced("1700000000", "17e8"),
    _replaced("1700000000", "-0.0"),
    _replaced('"pycoco"', '"\\ud800"'),
    _replaced('"pycoco"', '"\udcff"'),
    _replaced("}", "},"),
    lambda payload: b"",
    lambda payload: b"null",
    lambda payload: json.dumps(payload).encode() + b" {}",
    lambda payload: b"\xef\xbb\xbf" + json.dumps(payload).encode(),
    lambda payload: b"\n\t " + json.dumps(payload, indent=1).encode() + b"\r\n",
)


@st.composite
def _simple_signature(draw: st.DrawFn) -> bytes:
    key = draw(st.sampled_from(signers.openpgp_keys(_CONTENTS)))
    message = key.sign(draw(_content(_SIMPLE_KIND)))
    if draw(st.integers(0, 9)) == 0:
        message = draw(_damaged(message))
    return b"\0simple-signing\n" + message if draw(st.integers(0, 9)) == 0 else message


@st.composite
def _sigstore_signature(draw: st.DrawFn) -> bytes:
    """Made with a key or by somebody with a certificate, with a log's promise or without; part of it may be amiss."""
    content = draw(_content(_SIGSTORE_KIND))
    annotations: dict[str, str] = {}
    certified: Certified | None = None
    key: SigningKey
    if draw(st.booleans()):
        certified = draw(st.sampled_from(signers.authority().certified))
        key = certified.key
        annotations["dev.sigstore.cosign/certificate"] = draw(
            st.sampled_from((certified.leaf,) * 12 + (certified.leaf * 2, b"", b"x", b" " + certified.leaf + b"\n"))
        ).decode()
        chain = draw(st.sampled_from((certified.chain,) * 8 + (b"", b"x", signers.authority().other_root)))
        if chain or draw(st.booleans()):
            annotations["dev.sigstore.cosign/chain"] = chain.decode()
        named = certified.leaf
    else:
        key = draw(st.sampled_from(signers.sigstore_keys()))
        named = key.public
    signature = key.sign(content)
    if draw(st.booleans()) or (certified is not None and certified.name.startswith(("fulcio", "expired", "not valid"))):
        annotations["dev.sigstore.cosign/bundle"] = draw(_promise(named, signature, content)).decode("utf-8", "replace")
    encoded = base64.b64encode(signature).decode()
    amiss = draw(st.integers(0, 19))
    if amiss == 0:
        encoded = draw(
            st.sampled_from(("", "%", encoded[:-4], encoded + "\n", encoded[:8] + "\r\n" + encoded[8:], "AAAA"))
        )
    elif amiss == 1:
        content = draw(_damaged(content))
    elif amiss == 2:
        encoded = base64.b64encode(draw(_damaged(signature))).decode()
    elif amiss == 3:
        encoded = base64.b64encode(signers.sigstore_keys()[0].sign(content)).decode()
    if amiss != 4:
        annotations["dev.cosignproject.cosign/signature"] = encoded
    kind = "application/vnd.dev.cosign.simplesigning.v1+json" if amiss != 5 else "text/plain"
    return signers.attachment(content, annotations, kind)


@st.composite
def _promise(draw: st.DrawFn, named: bytes, signature: bytes, content: bytes) -> bytes:
    """A log's promise: about this, about something else, or in a form that it should not have."""
    log = signers.logs()[draw(st.sampled_from((0,) * 8 + (1,)))]
    what = draw(st.integers(0, 15))
    if what == 0:
        named = draw(st.sampled_from((signers.sigstore_keys()[1].public, named + b"x", b"x", named * 2)))
    elif what == 1:
        signature = draw(_damaged(signature))
    elif what == 2:
        content = content + b" "
    logged = signers.entry(named, signature, content)
    if what == 3:
        draw(st.sampled_from(ENTRIES))(logged)
    when = signers.LOGGED
    promised = signers.promise(log, logged, when)
    if what == 4:
        return draw(_damaged(promised))
    if what == 5:
        text = promised.decode()
        return draw(
            st.sampled_from(
                (
                    text.replace('"Payload"', '"payload"'),
                    text.replace('"logIndex": 1', '"logIndex": 1.0'),
                    text.replace('"logIndex": 1', '"logIndex": 10e-1'),
                    text.replace('"logIndex": 1', '"logIndex": 1, "more": 2'),
                    text.replace('"logIndex": 1', '"logIndex": 1, "logIndex": 1'),
                    text.replace('"c0ffee"', '"\\u00630ffee"'),
                    text.replace('"c0ffee"', "1"),
                    text + "x",
                    "null",
                    json.dumps(json.loads(text), indent=2, sort_keys=True),
                )
            )
        ).encode()
    return promised


ENTRIES: tuple[Callable[[dict[str, Any]], object], ...] = (
    lambda entry: entry.update(kind="intoto"),
    lambda entry: entry.update(KIND="hashedrekord"),
    lambda entry: entry.update(kind=None),
    lambda entry: entry.update(apiVersion="0.0.2"),
    lambda entry: entry.pop("apiVersion"),
    lambda entry: entry.pop("spec"),
    lambda entry: entry.update(spec=None),
    lambda entry: entry.update(more=1),
    lambda entry: entry["spec"].pop("data"),
    lambda entry: entry["spec"].update(Data=entry["spec"].pop("data")),
    lambda entry: entry["spec"]["data"].update(hash=None),
    lambda entry: entry["spec"]["data"]["hash"].update(algorithm="sha512"),
    lambda entry: entry["spec"]["data"]["hash"].update(value="zz"),
    lambda entry: entry["spec"]["data"]["hash"].update(value=entry["spec"]["data"]["hash"]["value"].upper()),
    lambda entry: entry["spec"]["signature"].update(content=None),
    lambda entry: entry["spec"]["signature"].update(content=[1, 2]),
    lambda entry: entry["spec"]["signature"].update(publicKey={}),
    lambda entry: entry["spec"].update(signature=1),
)


@st.composite
def _damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """One octet changed, or some cut off or added. What is drawn does not depend on how long a signature came out."""
    place = draw(st.integers(0, 4095)) * len(content) // 4096
    how = draw(st.integers(0, 3))
    if not content:
        return b"x"
    if how == 0:
        return content[:place] + bytes([content[place] ^ (1 << (place % 8))]) + content[place + 1 :]
    if how == 1:
        return content[:place]
    return content + content[:3] if how == 2 else content[:place] + content[place + 1 :]


_broken = st.sampled_from(
    (
        b"",
        b"x",
        b"-----BEGIN PGP MESSAGE-----",
        b"\0",
        b"\0unknown\n{}",
        b"\0sim\xffple\n{}",
        b"\0sigstore-json\n",
        b"\0sigstore-json\n{}",
        b"\0sigstore-json\nnull",
        b'\0sigstore-json\n{"mimeType": 1}',
        b'\0sigstore-json\n{"MIMETYPE": "application/vnd.dev.cosign.simplesigning.v1+json", "payload": null}',
        b'\0sigstore-json\n{"annotations": {"a": null, "a": "b"}, "annotations": null}',
        b"\0simple-signing\n",
        b"\x90\x0d\x03",
        b"\xa3\x01",
        b"\xc4\x00",
    )
)


@st.composite
def _spoilt(draw: st.DrawFn, policy: bytes) -> bytes:
    return draw(
        st.sampled_from(
            (
                policy.replace(b'"default"', b'"Default"', 1),
                policy.replace(b'"type"', b'"type": "reject", "type"', 1),
                policy.replace(b"signedBy", b"signedby", 1),
                policy[:-1],
                policy + b" x",
                b"null",
            )
        )
    )


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
