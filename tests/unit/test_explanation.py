"""Explanations: every file and entry that has a say is named, alike for both backends, and no secret is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pycoco.backends.select import select
from pycoco.cli import main
from pycoco.cli.explain import text_of
from pycoco.configuration.settings import Settings
from pycoco.documents.signatures import public_keys
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import ConfigurationError, InvalidReferenceError, ShortNameError
from pycoco.explanation import Explanation, LeftOutMirror, explain
from tests.parity.fetching import BACKENDS, opened, settings
from tests.support.certificates import CertificateAuthority, write_certs_d
from tests.support.signing import signers

SECRET = "correct-horse"
DIGEST = "@sha256:" + "0" * 64

CONF = """\
unqualified-search-registries = ["registry.acme.internal", "docker.io"]

[aliases]
"tool" = "q.io/acme/tool"

[[registry]]
location = "other.io"

[[registry]]
prefix = "registry.acme.internal"
location = "registry.acme.internal"

[[registry.mirror]]
location = "mirror.acme.internal/acme"
insecure = true

[[registry.mirror]]
location = "digests.acme.internal"
pull-from-mirror = "digest-only"

[[registry.mirror]]
location = "tags.acme.internal"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "blocked.io"
location = "blocked.io"
blocked = true
mirror-by-digest-only = true

[[registry.mirror]]
location = "mirror.acme.internal/blocked"
namespace-proxy = "blocked.io"
"""

Explain = Callable[..., Explanation]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user who has configured everything."""
    own = tmp_path / ".config" / "containers"
    own.mkdir(parents=True)
    (own / "registries.conf").write_text(CONF)
    auths = {
        "mirror.acme.internal/acme": {"auth": base64.b64encode(f"anna:{SECRET}".encode()).decode()},
        "other.io": {"auth": "%%%"},
    }
    (tmp_path / "run" / "containers").mkdir(parents=True)
    (tmp_path / "run" / "containers" / "auth.json").write_text(json.dumps({"auths": auths}))
    (own / "policy.json").write_text(
        json.dumps(
            {
                "default": [{"type": "reject"}],
                "transports": {"docker": {"registry.acme.internal": [{"type": "insecureAcceptAnything"}]}},
            }
        )
    )
    return tmp_path


@pytest.fixture
def explained(home: Path) -> Explain:
    """Explain with both backends, which must agree."""

    def ask(reference: str, platform: RequestedPlatform | None = None, **options: Any) -> Explanation:
        given = {"registries_conf": None, "short_names": "permissive", "tls_verify": None, **options}
        chosen = settings(home, **given)
        found = []
        for backend in BACKENDS:
            with opened(backend, chosen) as session:
                found.append(explain(session, chosen, reference, platform))
        assert found[0] == found[1]
        assert SECRET not in repr(found[0])
        assert SECRET not in text_of(found[0])
        return found[0]

    return ask


def test_a_short_name(explained: Explain, home: Path) -> None:
    conf = str(home / ".config/containers/registries.conf")
    explanation = explained("secret:1.4")
    assert explanation.reference == "secret:1.4"
    assert [(each.reference, each.origin, each.file) for each in explanation.candidates] == [
        ("registry.acme.internal/secret:1.4", "unqualified-search", conf),
        ("docker.io/library/secret:1.4", "unqualified-search", conf),
    ]
    first, second = explanation.candidates
    assert (first.registry_prefix, first.registry_file) == ("registry.acme.internal", conf)
    assert first.registry_line == CONF.splitlines().index('prefix = "registry.acme.internal"')  # of its header
    assert (second.registry_prefix, second.registry_file, second.registry_line) == ("", "", None)


def test_an_alias_and_its_file(explained: Explain, home: Path) -> None:
    (candidate,) = explained("tool").candidates
    assert (candidate.reference, candidate.origin) == ("q.io/acme/tool:latest", "alias")
    assert candidate.file == str(home / ".config/containers/registries.conf")
    own = home / ".cache/containers/short-name-aliases.conf"
    own.parent.mkdir(parents=True)
    own.write_text('[aliases]\n"tool" = "mine.io/tool"\n')
    (candidate,) = explained("tool").candidates
    assert (candidate.reference, candidate.file) == ("mine.io/tool:latest", str(own))


def test_sources_and_the_mirrors_left_out(explained: Explain) -> None:
    (candidate,) = explained("registry.acme.internal/app:1").candidates
    assert [(each.reference, each.mirror, each.insecure) for each in candidate.sources] == [
        ("mirror.acme.internal/acme/app:1", True, True),
        ("tags.acme.internal/app:1", True, False),
        ("registry.acme.internal/app:1", False, False),
    ]
    reason = "only for references by digest (pull-from-mirror)"
    assert candidate.left_out == (LeftOutMirror("digests.acme.internal", reason),)
    (candidate,) = explained(f"registry.acme.internal/app{DIGEST}").candidates
    reason = "only for references by tag (pull-from-mirror)"
    assert candidate.left_out == (LeftOutMirror("tags.acme.internal", reason),)
    assert len(candidate.sources) == 3


def test_blocked_and_by_digest_only(explained: Explain) -> None:
    (candidate,) = explained("blocked.io/app:1").candidates
    assert [(each.reference, each.blocked) for each in candidate.sources] == [("blocked.io/app:1", True)]
    reason = "only for references by digest (mirror-by-digest-only)"
    assert candidate.left_out == (LeftOutMirror("mirror.acme.internal/blocked", reason),)
    (candidate,) = explained(f"blocked.io/app{DIGEST}").candidates
    assert candidate.left_out == ()
    assert candidate.sources[0].namespace_proxy == "blocked.io"


def test_where_credentials_come_from(explained: Explain, home: Path) -> None:
    (candidate,) = explained("registry.acme.internal/app").candidates
    auth_file = str(home / "run/containers/auth.json")
    assert [(each.credentials, each.credentials_key) for each in candidate.sources] == [
        (auth_file, "mirror.acme.internal/acme"),
        ("", ""),
        ("", ""),
    ]
    (candidate,) = explained("registry.acme.internal/app", creds=("anna", SECRET)).candidates
    assert [each.credentials for each in candidate.sources] == [auth_file, "", "given"]


def test_a_file_that_only_skopeo_s_variable_names_is_said_to_be_so(explained: Explain, home: Path) -> None:
    """CRI-O does not read REGISTRY_AUTH_FILE, and would not find these."""
    file = home / "elsewhere.json"
    file.write_text(json.dumps({"auths": {"q.io": {"auth": base64.b64encode(b"u:p").decode()}}}))
    environ = {"REGISTRY_AUTH_FILE": str(file)}
    (source,) = explained("q.io/app", auth_file=str(file), environ=environ).candidates[0].sources
    assert source.credentials == f"{file} (REGISTRY_AUTH_FILE)"
    (source,) = explained("q.io/app", auth_file=str(file)).candidates[0].sources
    assert source.credentials == str(file)


def test_credentials_that_cannot_be_read_are_a_problem_of_their_source(explained: Explain, home: Path) -> None:
    (source,) = explained("other.io/app").candidates[0].sources
    assert source.credentials == ""
    assert "auth.json" in source.problems[0]
    (home / "run/containers/auth.json").write_text("{")
    explanation = explained("registry.acme.internal/app")
    assert all("auth.json" in source.problems[0] for source in explanation.candidates[0].sources)
    assert "problem" in text_of(explanation)


def test_certificates(explained: Explain, home: Path, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, "explained")
    certs_d = home / ".config/containers/certs.d"
    directory = write_certs_d(certs_d, "q.io", authority=authority.certificate, client=authority.issue("client"))
    (source,) = explained("q.io/app").candidates[0].sources
    assert source.certificates == str(directory)
    assert source.certificate_files == ("ca.crt", "client.cert", "client.key")
    assert source.problems == ()
    (directory / "client.cert").unlink()
    (source,) = explained("q.io/app").candidates[0].sources
    assert "client.key" in source.problems[0]
    (source,) = explained("r.io/app").candidates[0].sources
    assert (source.certificates, source.certificate_files) == ("", ())


def test_tls_verify_overrides(explained: Explain) -> None:
    for verify in (True, False):
        sources = explained("registry.acme.internal/app", tls_verify=verify).candidates[0].sources
        assert {each.insecure for each in sources} == {not verify}


def test_the_policys_scope_for_each_candidate(explained: Explain, home: Path) -> None:
    explanation = explained("secret")
    policy = home / ".config/containers/policy.json"
    assert [each.policy for each in explanation.candidates] == [
        f"{policy}: docker, scope registry.acme.internal: insecureAcceptAnything",
        f"{policy}: default: reject",
    ]
    assert explanation.policy == explanation.candidates[0].policy
    assert not explanation.policy_checked
    assert explained("secret", policy="").policy_checked
    policy.write_text("{")
    assert explained("secret").policy.startswith("none: ")


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        (RequestedPlatform("linux", "arm64"), ("linux/arm64", "linux/arm64/v8")),
        (RequestedPlatform("linux", "arm64", "v8"), ("linux/arm64/v8", "linux/arm64")),
        (RequestedPlatform("linux", "amd64"), ("linux/amd64",)),
    ],
)
def test_platforms(explained: Explain, platform: RequestedPlatform, expected: tuple[str, ...]) -> None:
    assert explained("q.io/app", platform).platforms == expected


def test_a_local_layout(explained: Explain) -> None:
    explanation = explained("oci:/images:app")
    assert explanation.candidates == ()
    assert explanation.registries_files == ()
    assert "this machine's files" in text_of(explanation)


@pytest.mark.parametrize(
    ("reference", "conf", "error"),
    [
        ("a b", CONF, InvalidReferenceError),
        ("x", "", ShortNameError),
        ("q.io/x", "no TOML", ConfigurationError),
    ],
)
def test_what_cannot_be_explained(
    explained: Explain, home: Path, reference: str, conf: str, error: type[Exception]
) -> None:
    (home / ".config/containers/registries.conf").write_text(conf)
    with pytest.raises(error):
        explained(reference)


def test_the_json_object(explained: Explain) -> None:
    found = json.loads(json.dumps(explained("secret:1.4").to_dict()))
    policy = ["policy", "requirements", "policy_checked"]
    assert list(found) == ["reference", "registries_files", "candidates", *policy, "platforms"]
    assert found["candidates"][0]["sources"][0]["reference"] == "mirror.acme.internal/acme/secret:1.4"


def test_the_text(explained: Explain, home: Path) -> None:
    text = text_of(explained("secret:1.4", RequestedPlatform("linux", "arm64", "v8"))).replace(str(home), "~")
    # Debian's own drop-ins may be read as well.
    lines = [line for line in text.splitlines() if "/etc/" not in line and "/usr/" not in line]
    conf = "~/.config/containers/registries.conf"
    policy = "~/.config/containers/policy.json: "
    assert lines == [
        "secret:1.4",
        f"  short name    1. registry.acme.internal/secret:1.4   unqualified-search, {conf}",
        f"                2. docker.io/library/secret:1.4        unqualified-search, {conf}",
        f"  for 1         [[registry]] prefix registry.acme.internal, {conf}:9",
        "  tried         1. mirror.acme.internal/acme/secret:1.4   mirror, insecure",
        "                2. tags.acme.internal/secret:1.4          mirror",
        "                3. registry.acme.internal/secret:1.4",
        "  left out      digests.acme.internal: only for references by digest (pull-from-mirror)",
        "  credentials   mirror.acme.internal: ~/run/containers/auth.json, key mirror.acme.internal/acme",
        "                tags.acme.internal: none",
        "                registry.acme.internal: none",
        "  certificates  mirror.acme.internal: the system's",
        "                tags.acme.internal: the system's",
        "                registry.acme.internal: the system's",
        "  for 2         no [[registry]] entry applies",
        "  tried         1. docker.io/library/secret:1.4",
        "  credentials   docker.io: none",
        "  certificates  docker.io: the system's",
        f"  read          {conf}",
        f"  policy        for 1: {policy}docker, scope registry.acme.internal: insecureAcceptAnything"
        "  (not checked without --policy)",
        f"                for 2: {policy}default: reject  (not checked without --policy)",
        "  platform      linux/arm64/v8, then linux/arm64",
    ]


@pytest.mark.parametrize("backend", ["go", "python"])
def test_the_command(
    home: Path, backend: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CONFIG_HOME", "DOCKER_CONFIG", "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_POLICY_JSON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    common = ["explain", "--backend", backend, "--platform", "linux/arm64"]
    assert main([*common, "registry.acme.internal/app:1"]) == 0
    text = capsys.readouterr()
    assert text.err == ""
    assert text.out.startswith("registry.acme.internal/app:1\n")
    assert "1. mirror.acme.internal/acme/app:1" in text.out
    assert SECRET not in text.out
    assert main([*common, "--json", "--policy", str(home / "none.json"), "registry.acme.internal/app:1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["policy"].startswith("none: ")
    assert found["policy_checked"] is True
    assert main([*common, "secret"]) == 3
    failed = capsys.readouterr()
    assert failed.out == ""
    assert failed.err.count("\n") == 1


def test_what_a_policy_asks_of_signatures_is_told(tmp_path: Path) -> None:
    key = signers.sigstore_keys()[0]
    (tmp_path / "key.pub").write_bytes(key.public)
    (tmp_path / "ca.pem").write_bytes(signers.authority().root)
    identity = {"type": "remapIdentity", "prefix": "q.io", "signedPrefix": "s.io"}
    requirements = [
        {"type": "sigstoreSigned", "keyPath": str(tmp_path / "key.pub"), "signedIdentity": identity},
        {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/none.gpg"},
        {"type": "sigstoreSigned", "pki": {"caRootsPath": str(tmp_path / "ca.pem"), "subjectEmail": "a@b"}},
    ]
    (tmp_path / "policy.json").write_text(json.dumps({"default": requirements}))
    (tmp_path / ".config/containers/registries.d").mkdir(parents=True)
    conf = "default-docker:\n  lookaside: https://u:secret@sigs.test/x?y=z\n  use-sigstore-attachments: true\n"
    (tmp_path / ".config/containers/registries.d/a.yaml").write_text(conf)
    settings = Settings(policy=str(tmp_path / "policy.json"), environ={"HOME": str(tmp_path)})
    session = select("python").open(settings)
    explained = explain(session, settings, "q.io/ns/app:v1")
    session.close()
    fingerprint = public_keys.fingerprint(public_keys.parse(key.public))
    assert explained.requirements == (
        f"sigstoreSigned, key {tmp_path}/key.pub (SHA256:{fingerprint}), name: remapIdentity q.io to s.io",
        "signedBy, key /none.gpg (cannot be used: open /none.gpg: no such file or directory), "
        "name: matchRepoDigestOrExact",
        f"sigstoreSigned, authority {tmp_path}/ca.pem, a@b, name: matchRepoDigestOrExact",
    )
    (place,) = explained.candidates[0].signatures
    assert place == (
        "q.io: its extension if it has one, else https://sigs.test/x/ns/app@…, and attachments beside the image"
    )
