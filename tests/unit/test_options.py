"""Options: what is accepted, what is refused and how the refusal names the option."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName, Client, ConfigurationError
from pycoco.documents.values import RequestedPlatform
from pycoco.options import Options, requested_platform, settings_of
from pycoco.waiting import checked_timeout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/arm64", RequestedPlatform("linux", "arm64")),
        ("linux/arm/v7", RequestedPlatform("linux", "arm", "v7")),
    ],
)
def test_a_platform_is_two_or_three_names(text: str, expected: RequestedPlatform) -> None:
    assert requested_platform(text) == expected


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux//v7"])
def test_other_platforms_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="platform"):
        requested_platform(text)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_is_positive_and_finite(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        checked_timeout(timeout)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (Options(short_names="ask"), "short_names"),  # type: ignore[typeddict-item]
        (Options(registries_conf=""), "registries_conf"),
        (Options(auth_file=""), "auth_file"),
        (Options(policy=""), "policy"),
        (Options(creds=("", "password")), "creds"),
        (Options(creds="user:password"), "creds"),  # type: ignore[typeddict-item]
        (Options(platform="amd64"), "platform"),
    ],
)
def test_what_is_refused_is_named(options: Options, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        settings_of(options, {})
    assert "password" not in str(caught.value) or "user and password" in str(caught.value)


def test_paths_may_be_path_objects_and_policy_a_boolean(tmp_path: Path) -> None:
    (tmp_path / "auth.json").touch()
    settings = settings_of(Options(auth_file=tmp_path / "auth.json", policy=True), {"HOME": "/h"})
    assert settings.auth_file == str(tmp_path / "auth.json")
    assert settings.policy == ""
    assert settings.environ == {"HOME": "/h"}
    assert settings_of(Options(policy=False), {}).policy is None


def test_secrets_are_not_in_any_repr() -> None:
    settings = settings_of(
        Options(creds=("user", "pa55"), identity_token="id3ntity", registry_token="t0ken"), {"SECRET": "envir0n"}
    )
    for secret in ("pa55", "id3ntity", "t0ken", "envir0n"):
        assert secret not in repr(settings)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="backend is 'rust'"):
        Client(backend="rust")  # type: ignore[arg-type]


def test_the_variable_overrides_auto_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCOCO_BACKEND", "python")
    with Client() as client:
        assert client.backend == "python"
    monkeypatch.setenv("PYCOCO_BACKEND", "rust")
    with Client(backend="python") as client:
        assert client.backend == "python"
    with pytest.raises(ConfigurationError, match="PYCOCO_BACKEND"):
        Client()


def test_registry_auth_file_is_the_default_of_auth_file_as_in_skopeo_and_podman(tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.touch()
    environ = {"REGISTRY_AUTH_FILE": "/run/auth.json"}
    assert settings_of(Options(), environ).auth_file == "/run/auth.json"
    assert settings_of(Options(auth_file=given), environ).auth_file == str(given)
    assert settings_of(Options(), {"REGISTRY_AUTH_FILE": ""}).auth_file is None


WRONG: list[tuple[str, object]] = [
    ("tls_verify", "false"),
    ("tls_verify", 0),
    ("schema1", "no"),
    ("retries", 1.5),
    ("retries", True),
    ("retries", -1),
    ("nested_indexes", "1"),
    ("timeout", "5"),
    ("timeout", True),
    ("policy", 0),
    ("policy", 1),
    ("policy", b"/p"),
    ("short_names", None),
    ("short_names", True),
    ("creds", ("user", "\ud800")),
    ("creds", ["user"]),
    ("creds", ("user", b"password")),
    ("creds", {"user": "password"}),
    ("identity_token", 7),
    ("identity_token", "a\nb"),
    ("registry_token", b"token"),
    ("registry_token", "\udc00"),
    ("store", 1),
    ("store", "a\0b"),
    ("platform", 7),
    ("platform", "linux/\ud800"),
    ("platform", ("linux", "amd64")),
    ("credentials", [("quay.io", ("u", "p"))]),
    ("credentials", {"quay.io": "u:p"}),
    ("credentials", {"quay.io": None}),
    ("credentials", {"quay.io": ("u", "\ud800")}),
    ("credentials", {"": ("u", "p")}),
    ("credentials", {"quay.io/a@sha256": ("u", "p")}),
    ("credentials", {7: ("u", "p")}),
    ("credentials", {"quay.io": pycoco.Token("t", "bearer")}),  # type: ignore[arg-type]
    ("credentials", {"quay.io": pycoco.Token(7)}),  # type: ignore[arg-type]
    *((name, "/no/such/place") for name in ("auth_file", "cert_dir", "registries_conf", "registries_conf_dir")),
    ("auth_file", "/"),
    ("cert_dir", "/etc/passwd"),
    ("registries_conf_dir", "/etc/passwd"),
]


@pytest.mark.parametrize("backend", ["go", "python"])
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_the_wrong_kind_is_refused_by_its_name(backend: BackendName, name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Client(backend=backend, **{name: value})  # type: ignore[arg-type]


def test_a_platform_may_be_a_platform() -> None:
    assert requested_platform(pycoco.Platform("linux", "arm", "v7")) == RequestedPlatform("linux", "arm", "v7")


@pytest.mark.parametrize("backend", ["go", "python"])
def test_one_text_is_not_many_references(backend: BackendName) -> None:
    async def ask() -> None:
        async with pycoco.AsyncClient(backend=backend) as client:
            async for _ in client.inspect_many("quay.io/a"):
                pass

    with Client(backend=backend) as client:
        for many in (client.inspect_many, client.resolve_many):
            with pytest.raises(TypeError, match="not one text"):
                many("quay.io/a")
        for name in ("concurrency", "per_registry"):
            with pytest.raises(ConfigurationError, match=name):
                client.inspect_many(["quay.io/a"], **{name: "5"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not one text"):
        asyncio.run(ask())
