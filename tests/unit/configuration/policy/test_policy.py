"""What policy.json says of an image: finding and parsing the file, the scope that applies, and the answer."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pycoco.configuration import configuration_files
from pycoco.configuration.policy import evaluate, policy
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.documents.signatures import blob
from pycoco.errors import BackendUnavailableError, ConfigurationError, LayoutError, PolicyRejectedError
from tests.support.upstream import module_directory

ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]
SIGNED = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/keys/pubring.gpg"}
SIGSTORE = {"type": "sigstoreSigned", "keyPath": "/keys/cosign.pub"}
BASE_LAYER = {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}
DIGEST = "sha256:" + "a" * 64


def docker(name: str, tag: str = "latest", digest: str = "") -> ParsedReference:
    domain, _, path = name.partition("/")
    tag = "" if digest else tag
    return ParsedReference("docker", f"{name}@{digest}" if digest else f"{name}:{tag}", domain, path, tag, digest)


def local(transport: str, path: Path | str) -> ParsedReference:
    return ParsedReference(transport, f"{transport}:{path}", path=str(path))


def judge(settings: Settings, reference: ParsedReference, signatures: tuple[bytes, ...] = ()) -> str:
    return evaluate.evaluate(policy.applicable(settings, reference), reference, b"{}", signatures)


def with_policy(tmp_path: Path, content: Any) -> Settings:
    path = tmp_path / "policy.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return Settings(policy=str(path), environ={"HOME": str(tmp_path)})


def scoped(*scopes: str, transport: str = "docker") -> dict[str, Any]:
    return {"default": REJECT, "transports": {transport: dict.fromkeys(scopes, ACCEPT)}}


class TestFile:
    @pytest.fixture(autouse=True)
    def system(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(configuration_files, "ADMINISTRATOR_DIRECTORY", str(tmp_path / "etc"))
        monkeypatch.setattr(configuration_files, "VENDOR_DIRECTORY", str(tmp_path / "usr"))

    def test_search_order(self, tmp_path: Path) -> None:
        settings = Settings(policy="", environ={"HOME": str(tmp_path)})
        for directory in ("usr", "etc", ".config/containers"):
            (tmp_path / directory).mkdir(parents=True)
            (tmp_path / directory / "policy.json").write_text(json.dumps({"default": ACCEPT}))
            assert policy.applicable(settings, docker("q.io/x")).file == str(tmp_path / directory / "policy.json")

    def test_the_variable_goes_before_the_search_and_the_option_before_both(self, tmp_path: Path) -> None:
        (tmp_path / "named.json").write_text(json.dumps({"default": ACCEPT}))
        environ = {"HOME": str(tmp_path), "CONTAINERS_POLICY_JSON": str(tmp_path / "named.json")}
        found = policy.applicable(Settings(policy="", environ=environ), docker("q.io/x"))
        assert found.file == str(tmp_path / "named.json")
        explicit = with_policy(tmp_path, {"default": REJECT})
        found = policy.applicable(Settings(policy=explicit.policy, environ=environ), docker("q.io/x"))
        assert found.file == explicit.policy

    def test_no_policy_at_all_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"there is no policy\.json"):
            judge(Settings(policy="", environ={"HOME": str(tmp_path)}), docker("q.io/x"))

    def test_a_missing_file_is_an_error(self, tmp_path: Path) -> None:
        path = str(tmp_path / "absent.json")
        with pytest.raises(ConfigurationError, match=r"absent\.json") as caught:
            judge(Settings(policy=path), docker("q.io/x"))
        assert caught.value.file == path
        environ = {"HOME": str(tmp_path), "CONTAINERS_POLICY_JSON": path}
        with pytest.raises(ConfigurationError, match=r"absent\.json"):
            judge(Settings(policy="", environ=environ), docker("q.io/x"))

    def test_the_file_is_read_every_time(self, tmp_path: Path) -> None:
        settings = with_policy(tmp_path, {"default": ACCEPT})
        assert judge(settings, docker("q.io/x"))
        with_policy(tmp_path, {"default": REJECT})
        with pytest.raises(PolicyRejectedError):
            judge(settings, docker("q.io/x"))


ANSWERS: list[tuple[list[dict[str, Any]], type[Exception] | None]] = [
    (ACCEPT, None),
    (ACCEPT * 2, None),
    (REJECT, PolicyRejectedError),
    (ACCEPT + REJECT, PolicyRejectedError),
    (REJECT + ACCEPT, PolicyRejectedError),
    ([SIGNED], PolicyRejectedError),
    ([SIGSTORE], PolicyRejectedError),
    ([*ACCEPT, SIGNED], PolicyRejectedError),
    ([SIGNED, *ACCEPT], PolicyRejectedError),
    ([SIGNED, *REJECT], PolicyRejectedError),
    ([*REJECT, SIGNED], PolicyRejectedError),
    ([BASE_LAYER], PolicyRejectedError),
    ([SIGSTORE, BASE_LAYER], PolicyRejectedError),
]


class TestAnswer:
    @pytest.mark.parametrize(("requirements", "error"), ANSWERS)
    def test_requirements_in_order(
        self, tmp_path: Path, requirements: list[dict[str, Any]], error: type[Exception] | None
    ) -> None:
        settings = with_policy(tmp_path, {"default": requirements})
        if error is None:
            assert judge(settings, docker("q.io/x"))
        else:
            with pytest.raises(error, match="is not allowed by"):
                judge(settings, docker("q.io/x"))

    def test_without_the_extra_the_error_names_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded = [f"pycoco.configuration.policy.{name}" for name in ("signed_by", "sigstore_signed")]
        for name in loaded:  # so that nothing which is loaded below, without them, stays after the test
            importlib.import_module(name)
        for package in ("pysequoia", "cryptography"):
            monkeypatch.setitem(sys.modules, package, None)
        loaded += [name for name in sys.modules if name.startswith("pycoco.documents.signatures.")]
        for name in loaded:  # A package keeps its modules as attributes also: both are put back after the test.
            parent, _, attribute = name.rpartition(".")
            monkeypatch.delitem(sys.modules, name, raising=False)
            monkeypatch.delattr(sys.modules[parent], attribute, raising=False)
        stored = b"\0sigstore-json\n" + json.dumps({"mimeType": blob.SIGSTORE_MEDIA_TYPE, "payload": ""}).encode()
        for requirement, signature in ((SIGNED, b"\x90"), (SIGSTORE, stored)):
            settings = with_policy(tmp_path, {"default": REJECT, "transports": {"docker": {"q.io": [requirement]}}})
            with pytest.raises(
                BackendUnavailableError, match=r"docker, scope q\.io: .*pip install .pycoco-oci\[policy\]"
            ):
                judge(settings, docker("q.io/x"), (signature,))

    def test_a_key_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"/keys/pubring\.gpg: no such file") as caught:
            judge(with_policy(tmp_path, {"default": [SIGNED]}), docker("q.io/x"), (b"\x90",))
        assert caught.value.file == "/keys/pubring.gpg"

    def test_signatures_are_asked_for_only_where_a_requirement_looks_at_them(self, tmp_path: Path) -> None:
        for requirements, needed in (
            (ACCEPT, False),
            (REJECT, False),
            ([*REJECT, SIGNED], False),
            ([BASE_LAYER, SIGNED], False),
            ([SIGNED], True),
            ([*ACCEPT, SIGSTORE], True),
            ([SIGNED, *REJECT], True),
        ):
            applied = policy.applicable(with_policy(tmp_path, {"default": requirements}), docker("q.io/x"))
            assert evaluate.needs_signatures(applied) == needed

    def test_what_is_said_of_it(self, tmp_path: Path) -> None:
        transports = {"docker": {"q.io": [*ACCEPT, SIGNED], "": ACCEPT}}
        settings = with_policy(tmp_path, {"default": ACCEPT, "transports": transports})
        lines = [
            str(policy.applicable(settings, reference))
            for reference in (docker("q.io/x"), docker("r.io/x"), ParsedReference("oci", "oci:/tmp", path="/tmp"))
        ]
        assert lines == [
            f"{settings.policy}: docker, scope q.io: insecureAcceptAnything, signedBy",
            f"{settings.policy}: docker, default: insecureAcceptAnything",
            f"{settings.policy}: default: insecureAcceptAnything",
        ]
        assert judge(settings, docker("r.io/x")) == lines[1]


DOCKER_SCOPES = [
    # a docker reference, and its scopes from the narrowest to the widest
    (
        docker("docker.io/library/busybox"),
        ["docker.io/library/busybox:latest", "docker.io/library/busybox", "docker.io/library", "docker.io", "*.io", ""],
    ),
    (
        docker("a.b.test:5000/ns/x", digest=DIGEST),
        [
            f"a.b.test:5000/ns/x@{DIGEST}",
            "a.b.test:5000/ns/x",
            "a.b.test:5000/ns",
            "a.b.test:5000",
            "*.b.test",
            "*.test",
        ],
    ),
    (docker("localhost/x", "v1"), ["localhost/x:v1", "localhost/x", "localhost", ""]),
]

NOT_SCOPES = [
    (docker("docker.io/library/busybox"), "busybox"),
    (docker("docker.io/library/busybox"), "library/busybox"),
    (docker("docker.io/library/busybox"), "docker.io/lib"),
    (docker("docker.io/library/busybox"), "*.docker.io"),
    (docker("docker.io/library/busybox"), "docker.io/library/busybox:other"),
    (docker("docker.io/library/busybox", digest=DIGEST), "docker.io/library/busybox:latest"),
    (docker("a.test:5000/x"), "a.test"),
    (docker("a.test:5000/x"), "*.test:5000"),
    (docker("a.test/x"), "a.test:443"),
    (docker("a.test/x"), "*"),
]


class TestScopes:
    @pytest.mark.parametrize(("reference", "scopes"), DOCKER_SCOPES)
    def test_docker(self, tmp_path: Path, reference: ParsedReference, scopes: list[str]) -> None:
        for index, scope in enumerate(scopes):
            found = policy.applicable(with_policy(tmp_path, scoped(*scopes[index:])), reference)
            assert (found.transport, found.scope) == ("docker", scope)

    @pytest.mark.parametrize(("reference", "scope"), NOT_SCOPES)
    def test_not_docker(self, tmp_path: Path, reference: ParsedReference, scope: str) -> None:
        found = policy.applicable(with_policy(tmp_path, scoped(scope)), reference)
        assert (found.transport, found.kinds) == ("", ("reject",))

    @pytest.mark.parametrize("transport", ["oci", "dir", "oci-archive"])
    def test_paths(self, tmp_path: Path, transport: str) -> None:
        layout = tmp_path.resolve() / "layouts" / "one"
        layout.mkdir(parents=True)
        scopes = [str(layout), *(str(parent) for parent in layout.parents if parent != Path("/")), ""]
        for index, scope in enumerate(scopes):
            settings = with_policy(tmp_path, scoped(*scopes[index:], transport=transport))
            assert policy.applicable(settings, local(transport, layout)).scope == scope

    def test_paths_are_resolved(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = tmp_path.resolve() / "real"
        real.mkdir()
        (tmp_path / "link").symlink_to(real)
        monkeypatch.chdir(tmp_path)
        settings = with_policy(tmp_path, scoped(str(real), str(real / "new"), transport="oci"))
        for path, scope in (
            ("link", real),
            ("./real/../link/.", real),
            ("real/new", real / "new"),
            ("link/new", real / "new"),
        ):
            assert policy.applicable(settings, local("oci", path)).scope == str(scope)

    @pytest.mark.parametrize("path", ["absent/layout", "dangling"])
    def test_paths_that_do_not_exist(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "dangling").symlink_to("nowhere")
        settings = with_policy(tmp_path, scoped("/a", transport="oci"))
        with pytest.raises(LayoutError):
            policy.applicable(settings, local("oci", tmp_path / path))

    def test_docker_archives_have_only_the_default(self, tmp_path: Path) -> None:
        reference = local("docker-archive", "/a/b.tar")
        found = policy.applicable(with_policy(tmp_path, scoped("", transport="docker-archive")), reference)
        assert (found.transport, found.kinds) == ("docker-archive", ("insecureAcceptAnything",))
        with pytest.raises(ConfigurationError, match="is not a scope of docker-archive"):
            policy.applicable(with_policy(tmp_path, scoped("/a", transport="docker-archive")), reference)


def default(*requirements: Any) -> dict[str, Any]:
    return {"default": list(requirements)}


def signed_by(**fields: Any) -> dict[str, Any]:
    return default({"type": "signedBy", "keyType": "GPGKeys", **fields})


def identity(**fields: Any) -> dict[str, Any]:
    return default({**SIGNED, "signedIdentity": fields})


def sigstore(**fields: Any) -> dict[str, Any]:
    return default({"type": "sigstoreSigned", **fields})


FULCIO = {"caPath": "/ca", "oidcIssuer": "https://issuer", "subjectEmail": "a@b"}
PKI = {"caRootsPath": "/ca", "subjectEmail": "a@b"}

WELL_FORMED: list[Any] = [
    default(*ACCEPT),
    {**default(*ACCEPT), "transports": {}},
    {**default(*ACCEPT), "transports": {"docker": {}, "": {}, "atomic": {"any thing": REJECT}}},
    scoped("/a/b", "", transport="oci"),
    *(signed_by(keyPath="/k", keyType=kind) for kind in ("signedByGPGKeys", "X509Certificates", "signedByX509CAs")),
    signed_by(keyPaths=["/k", "/l"]),
    signed_by(keyPaths=[]),
    signed_by(keyPaths=[None]),
    signed_by(keyData="aGk="),
    signed_by(keyData="aG\nk="),
    signed_by(keyData=""),
    signed_by(keyData=[104, 105]),
    *(identity(type=kind) for kind in ("matchExact", "matchRepoDigestOrExact", "matchRepository")),
    identity(type="exactReference", dockerReference="busybox:1"),
    identity(type="exactReference", dockerReference=f"q.io/x@{DIGEST}"),
    identity(type="exactRepository", dockerRepository="busybox"),
    identity(type="remapIdentity", prefix="q.io", signedPrefix="r.io:5000/ns"),
    default(BASE_LAYER),
    sigstore(keyPath="/k"),
    sigstore(keyPaths=["/k"]),
    sigstore(keyData="aGk="),
    sigstore(keyDatas=["aGk=", "aGk="]),
    sigstore(keyPath="", keyData="aGk="),
    sigstore(keyPath="/k", keyData=None),
    sigstore(keyPath="/k", rekorPublicKeyPath="/r"),
    sigstore(fulcio=FULCIO, rekorPublicKeyDatas=["aGk="]),
    sigstore(pki=PKI),
    sigstore(pki={"caRootsData": "aGk=", "caIntermediatesPath": "/i", "subjectHostname": "h"}),
    sigstore(keyPath="/k", signedIdentity={"type": "matchRepository"}),
]

MALFORMED: list[Any] = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"default": [{"type": "reject"}]} {}',
    b'{"default": [{"type": "reject"}], "default": [{"type": "reject"}]}',
    b'{"default": [{"type": "reject", "type": "reject"}]}',
    b'{"default": [{"type": "reject"}], "transports": {"docker": {}, "docker": {}}}',
    b'{"default": [{"type": "reject"}], "transports": {"": {"a": [{"type": "reject"}], "a": [{"type": "reject"}]}}}',
    b"{'default': [{'type': 'reject'}]}",
    b'{"default": NaN}',
    {"transports": {}},
    {"Default": ACCEPT},
    {**default(*ACCEPT), "comment": "x"},
    {**default(*ACCEPT), "transports": None},
    {**default(*ACCEPT), "transports": {"docker": None}},
    {**default(*ACCEPT), "transports": {"docker": {"": []}}},
    {"default": None},
    {"default": []},
    {"default": {}},
    default(None),
    default({}),
    default({"type": None}),
    default({"type": "acceptAnything"}),
    default({"Type": "reject"}),
    default({"type": "reject", "keyPath": "/k"}),
    default({"type": "insecureAcceptAnything", "comment": ""}),
    *(scoped(scope, transport="oci") for scope in ("/", "a", "/a/", "/a//b", "/a/./b", "/a/../b", "//a")),
    scoped("a", transport="dir"),
    signed_by(),
    signed_by(keyPath=""),
    signed_by(keyPath=None),
    signed_by(keyPath=1),
    signed_by(keyPath="/k", keyPaths=["/k"]),
    signed_by(keyPath="/k", keyData=None),
    signed_by(keyPaths=None),
    signed_by(keyPaths="/k"),
    signed_by(keyPaths=[1]),
    signed_by(keyData=None),
    signed_by(keyData="aGk"),
    signed_by(keyData=[256]),
    signed_by(keyData=[1.0]),
    signed_by(keyPath="/k", keyType="PGP"),
    signed_by(keyPath="/k", keyType=None),
    signed_by(keyPath="/k", bogus=1),
    default({"type": "signedBy", "keyPath": "/k"}),
    signed_by(keyPath="/k", signedIdentity=None),
    identity(),
    identity(type="matchAnything"),
    identity(type="matchExact", dockerReference="busybox:1"),
    identity(type="exactReference"),
    identity(type="exactReference", dockerReference="busybox"),
    identity(type="exactReference", dockerReference="Busybox:1"),
    identity(type="exactRepository", dockerRepository=""),
    identity(type="exactRepository", dockerRepository=None),
    identity(type="remapIdentity", prefix="q.io"),
    identity(type="remapIdentity", prefix="q.io", signedPrefix=""),
    identity(type="remapIdentity", prefix="q.io/", signedPrefix="r.io"),
    identity(type="remapIdentity", prefix="q.io", signedPrefix="r.io/X"),
    default({"type": "signedBaseLayer"}),
    default({**BASE_LAYER, "bogus": 1}),
    sigstore(),
    sigstore(keyPath=""),
    sigstore(keyPaths=[]),
    sigstore(keyPaths=None),
    sigstore(keyDatas=[]),
    sigstore(keyPath="/k", keyData="aGk="),
    sigstore(keyPath="/k", fulcio=FULCIO, rekorPublicKeyPath="/r"),
    sigstore(keyPath="/k", rekorPublicKeyPath="/r", rekorPublicKeyData="aGk="),
    sigstore(keyPath="/k", bogus=1),
    sigstore(fulcio=FULCIO),
    sigstore(fulcio=None, rekorPublicKeyPath="/r"),
    *(
        sigstore(fulcio={**FULCIO, **change}, rekorPublicKeyPath="/r")
        for change in ({"caPath": ""}, {"caData": "aGk="})
    ),
    *(sigstore(fulcio={**FULCIO, name: ""}, rekorPublicKeyPath="/r") for name in ("oidcIssuer", "subjectEmail")),
    sigstore(fulcio={**FULCIO, "bogus": 1}, rekorPublicKeyPath="/r"),
    sigstore(pki=PKI, rekorPublicKeyPath="/r"),
    sigstore(pki={**PKI, "caRootsData": "aGk="}),
    sigstore(pki={**PKI, "caIntermediatesPath": "/i", "caIntermediatesData": "aGk="}),
    sigstore(pki={**PKI, "subjectEmail": ""}),
    sigstore(pki={"subjectEmail": "a@b"}),
]


class TestFormat:
    @pytest.mark.parametrize("content", WELL_FORMED)
    def test_well_formed(self, tmp_path: Path, content: Any) -> None:
        assert policy.applicable(with_policy(tmp_path, content), docker("q.io/x")).kinds

    @pytest.mark.parametrize("content", MALFORMED)
    def test_malformed(self, tmp_path: Path, content: Any) -> None:
        settings = with_policy(tmp_path, content)
        with pytest.raises(ConfigurationError) as caught:
            policy.applicable(settings, docker("q.io/x"))
        assert caught.value.file == settings.policy
        assert str(settings.policy) in str(caught.value)

    def test_a_malformed_part_that_does_not_apply_is_an_error_too(self, tmp_path: Path) -> None:
        content = {"default": ACCEPT, "transports": {"docker": {"r.io": [{"type": "signedBy"}]}}}
        with pytest.raises(ConfigurationError, match="keyType"):
            judge(with_policy(tmp_path, content), docker("q.io/x"))

    def test_the_line_of_a_syntax_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="line 3") as caught:
            policy.applicable(with_policy(tmp_path, b'{\n"default":\n]\n}'), docker("q.io/x"))
        assert caught.value.line == 3


UPSTREAM = [
    # a reference, the scope of signature/fixtures/policy.json that applies, its kinds
    (docker("example.com/playground"), "example.com/playground", ["insecureAcceptAnything"]),
    (docker("example.com/production/x"), "example.com/production", ["signedBy"]),
    (docker("example.com/hardened"), "example.com/hardened", ["signedBy", "signedBy", "signedBaseLayer"]),
    (docker("registry.access.redhat.com/ubi9"), "registry.access.redhat.com", ["signedBy"]),
    (docker("x.access.redhat.com/ubi9"), "*.access.redhat.com", ["signedBy"]),
    (docker("other.redhat.com:5000/ubi9"), "*.redhat.com", ["signedBy"]),
    (docker("example.com/sigstore/key-path-example"), "example.com/sigstore/key-path-example", ["sigstoreSigned"]),
    (docker("example.com/other"), "*.com", ["signedBy"]),
    (docker("quay.io/x"), "", ["reject"]),
    (local("dir", "/tmp"), "", ["insecureAcceptAnything"]),
]


@pytest.mark.parametrize(("reference", "scope", "kinds"), UPSTREAM)
def test_upstream_fixture(reference: ParsedReference, scope: str, kinds: list[str]) -> None:
    settings = Settings(policy=str(module_directory() / "signature/fixtures/policy.json"))
    found = policy.applicable(settings, reference)
    assert (found.scope, list(found.kinds)) == (scope, kinds)
