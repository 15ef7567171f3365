"""Options: what is accepted, what is refused and how the refusal names the option."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco import Client, ConfigurationError
from pycoco.documents.values import RequestedPlatform
from pycoco.options import Options, checked_timeout, requested_platform, settings_of


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
        (Options(short_names="ask"), "short_names"),
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
        Client(backend="rust")


def test_the_variable_overrides_auto_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCOCO_BACKEND", "python")
    with Client() as client:
        assert client.backend == "python"
    monkeypatch.setenv("PYCOCO_BACKEND", "rust")
    with Client(backend="python") as client:
        assert client.backend == "python"
    with pytest.raises(ConfigurationError, match="PYCOCO_BACKEND"):
        Client()


def test_registry_auth_file_is_the_default_of_auth_file_as_in_skopeo_and_podman() -> None:
    environ = {"REGISTRY_AUTH_FILE": "/run/auth.json"}
    assert settings_of(Options(), environ).auth_file == "/run/auth.json"
    assert settings_of(Options(auth_file="/given.json"), environ).auth_file == "/given.json"
    assert settings_of(Options(), {"REGISTRY_AUTH_FILE": ""}).auth_file is None
