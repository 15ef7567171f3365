"""Which credentials of a pull secret or a credential provider fit an image, as the kubelet decides it."""

from __future__ import annotations

import base64
import json
import logging
import pickle
from typing import Any

import pytest

from pycoco import credentials
from pycoco.credentials import Keyring, from_credential_provider_response, from_dockerconfigjson
from pycoco.errors import CredentialsError, InvalidReferenceError


def encoded(pair: str, *, padded: bool = True) -> str:
    text = base64.b64encode(pair.encode()).decode()
    return text if padded else text.rstrip("=")


LATIN = base64.b64encode("s3cret:p\xe4ss".encode("latin-1")).decode()


def secret(auths: Any, **more: Any) -> bytes:
    return json.dumps({"auths": auths, **more}).encode()


def keyring(*keys: str) -> Keyring:
    """A keyring whose user at each key is the key itself."""
    return from_dockerconfigjson(secret({key: {"auth": encoded(f"{key.replace(':', '_')}:pw")} for key in keys}))


def users(found: Keyring, reference: str) -> list[str]:
    return [each.username for each in found.lookup(reference)]


@pytest.mark.parametrize(
    ("key", "reference", "fits"),
    [
        ("quay.io", "quay.io/org/app:v1", True),
        ("quay.io", "quay.io/org/app@sha256:" + "a" * 64, True),
        ("https://quay.io", "quay.io/org/app", True),
        ("http://quay.io/", "quay.io/org/app", True),
        ("https://quay.io/v2/", "quay.io/org/app", True),
        ("quay.io/v1/org", "quay.io/org/app", True),
        ("quay.io/org", "quay.io/org/app", True),
        ("quay.io/org", "quay.io/organization/app", True),  # a plain prefix, in the kubelet
        ("quay.io/org/", "quay.io/organization/app", False),
        ("quay.io/other", "quay.io/org/app", False),
        ("quay.io/%6Frg", "quay.io/org/app", True),  # a URL's path
        ("quay.io/org/app:v1", "quay.io/org/app:v1", False),  # the image has lost its tag by then
        ("quay.io", "quay.io:443/org/app", False),
        ("quay.io:443", "quay.io:443/org/app", True),
        ("*.azurecr.io", "team.azurecr.io/app", True),
        ("*.azurecr.io", "a.team.azurecr.io/app", False),  # a star is one part
        ("*.azurecr.io", "azurecr.io/app", False),
        ("*.*.azurecr.io", "a.team.azurecr.io/app", True),
        ("*.dkr.ecr.*.amazonaws.com", "123.dkr.ecr.eu-west-1.amazonaws.com/app", True),
        ("*.io", "quay.io.example.com/app", False),
        ("te*m.azurecr.io", "team.azurecr.io/app", True),
        ("te*mm.azurecr.io", "tem.azurecr.io/app", False),
        ("t*a*m.azurecr.io", "t-a-a-m.azurecr.io/app", True),
        ("t*b*m.azurecr.io", "t-a-a-m.azurecr.io/app", False),
        ("*.io:5000", "quay.io:5000/app", True),
        ("*.io/org", "quay.io/org/app", True),
        ("*.io:*", "quay.io:5000/app", False),  # no globs in ports
        ("docker.io", "busybox", True),
        ("https://index.docker.io/v1/", "busybox", True),
        ("https://index.docker.io/v1/", "docker.io/library/busybox", True),
        ("index.docker.io", "org/app", True),
        ("registry-1.docker.io", "busybox", False),
        ("https://index.docker.io/v1/", "quay.io/busybox", False),
        ("localhost:5000", "localhost:5000/app", True),
        ("docker.io/library", "busybox", True),
        ("docker.io/org", "org/app:v2", True),
    ],
)
def test_a_key_fits_as_the_kubelet_says(key: str, reference: str, fits: bool) -> None:
    assert bool(keyring(key).lookup(reference)) is fits


def test_the_longest_key_comes_first_and_all_that_fit_are_given() -> None:
    found = keyring("quay.io", "*.io", "quay.io/org", "quay.io/org/app", "quay.io/other")
    assert users(found, "quay.io/org/app:v1") == ["quay.io/org/app", "quay.io/org", "quay.io", "*.io"]


def test_docker_hub_s_old_key_is_for_images_that_nothing_else_fits() -> None:
    found = keyring("https://index.docker.io/v1/", "docker.io/org")
    assert users(found, "org/app") == ["docker.io/org"]
    assert users(found, "busybox") == ["https_//index.docker.io/v1/"]


def test_secrets_add_up_and_the_first_one_s_credentials_come_first() -> None:
    one = from_dockerconfigjson(secret({"quay.io": {"username": "one", "password": "pw"}}))
    two = from_dockerconfigjson(
        secret({"quay.io": {"username": "two", "password": "pw"}, "quay.io/org": {"username": "three"}})
    )
    assert users(one + two, "quay.io/org/app") == ["three", "one", "two"]
    assert len(one + two) == 3


@pytest.mark.parametrize(
    ("entry", "creds"),
    [
        ({"auth": encoded("user:pass")}, ("user", "pass")),
        ({"auth": encoded("user:pass:word")}, ("user", "pass:word")),
        ({"auth": encoded("us:ér", padded=False)}, ("us", "ér")),
        ({"auth": encoded("user:pass") + "\n"}, ("user", "pass")),
        ({"username": "user", "password": "pass"}, ("user", "pass")),
        ({"username": "other", "password": "other", "auth": encoded("user:pass")}, ("user", "pass")),
        ({"username": "user", "password": "pass", "auth": ""}, ("user", "pass")),
        ({"username": "user"}, ("user", "")),
        ({"USERNAME": "user", "Password": "pass", "email": "a@b"}, ("user", "pass")),
        ({}, None),
    ],
)
def test_an_entry_has_auth_or_a_user_and_a_password(entry: dict[str, str], creds: tuple[str, str] | None) -> None:
    (found,) = from_dockerconfigjson(secret({"quay.io": entry})).lookup("quay.io/app")
    assert found.creds == creds


def test_an_identity_token_is_kept() -> None:
    (found,) = from_dockerconfigjson(secret({"quay.io": {"identitytoken": "t0k"}})).lookup("quay.io/app")
    assert (found.creds, found.identity_token) == (None, "t0k")


@pytest.mark.parametrize("read", [from_dockerconfigjson, from_credential_provider_response])
def test_text_is_no_secret_s_bytes(read: Any) -> None:
    with pytest.raises(TypeError, match="is given as text; give its bytes"):
        read("e30=")


def test_several_auths_are_one_as_for_go() -> None:
    data = b'{"auths": {"a.io": {"username": "1"}, "b.io": {"username": "2"}}, "Auths": {"b.io": {"username": "3"}}}'
    assert [(each.key, each.username) for each in from_dockerconfigjson(data)] == [("a.io", "1"), ("b.io", "3")]
    assert not len(from_dockerconfigjson(data[:-1] + b', "auths": null}'))


def test_a_dockercfg_is_a_map_without_auths() -> None:
    found = from_dockerconfigjson(json.dumps({"https://quay.io": {"auth": encoded("user:pass")}}).encode())
    assert users(found, "quay.io/app") == ["user"]
    assert not from_dockerconfigjson(b"{}").lookup("quay.io/app")


def response(auth: Any, **changed: Any) -> bytes:
    """What a credential provider plugin answers."""
    whole = {
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Registry",
        "cacheDuration": "6h",
        "auth": auth,
    }
    return json.dumps({**whole, **changed}).encode()


def test_a_credential_provider_s_response_is_read() -> None:
    auth = {"*.dkr.ecr.*.amazonaws.com": {"username": "AWS", "password": "secret"}}
    for changed in ({}, {"apiVersion": "credentialprovider.kubelet.k8s.io/v1beta1"}, {"cacheKeyType": "Image"}):
        found = from_credential_provider_response(response(auth, **changed))
        assert [each.creds for each in found.lookup("1.dkr.ecr.eu-west-1.amazonaws.com/app:v1")] == [("AWS", "secret")]
    assert not len(from_credential_provider_response(response(None)))


def test_an_entry_of_a_credential_provider_has_a_user_and_a_password_alone() -> None:
    entries = {"a.io": {"auth": encoded("user:pass"), "identitytoken": "t0k"}, "b.io": None}
    found = from_credential_provider_response(response(entries))
    assert [(each.key, each.creds, each.identity_token) for each in found] == [("a.io", None, ""), ("b.io", None, "")]


@pytest.mark.parametrize(
    ("read", "data", "says"),
    [
        (from_dockerconfigjson, b"eyJhdXRocyI6e319", "not JSON; give its decoded value"),
        (from_dockerconfigjson, b"[]", "not a JSON object"),
        (from_dockerconfigjson, b'{"auths": []}', '"auths" of the secret is not a JSON object'),
        (from_dockerconfigjson, secret({"quay.io": "s3cret"}), "'quay.io' of the secret is not a JSON object"),
        (from_dockerconfigjson, secret({"quay.io": {"auth": "s3cret!"}}), "\"auth\" of 'quay.io'"),
        (from_dockerconfigjson, secret({"quay.io": {"auth": encoded("s3cret")}}), "USER:PASSWORD in base64"),
        (from_dockerconfigjson, secret({"quay.io": {"password": 53}}), "\"password\" of 'quay.io'"),
        (from_dockerconfigjson, secret({"quay.io": {"email": 53}}), "\"email\" of 'quay.io'"),
        (from_dockerconfigjson, b'{"auths": {"a.io": 5, "a.io": {}}}', "'a.io' of the secret is not a JSON object"),
        (from_dockerconfigjson, b'{"auths": {}, "AUTHS": 5}', '"auths" of the secret is not a JSON object'),
        (from_dockerconfigjson, b'{"credsStore": "desktop"}', "only names a credential helper (credsStore)"),
        (from_dockerconfigjson, b" " * (1024 * 1024 + 1), "larger than 1048576 bytes"),
        (from_dockerconfigjson, b'{"auths":' + b"[" * 100_000, "not JSON"),
        (from_dockerconfigjson, secret({"quay.io": {"auth": encoded("s3cret:pw") + " "}}), "\"auth\" of 'quay.io'"),
        (from_dockerconfigjson, secret({"quay.io": {"auth": encoded("s3cret:pw") + "="}}), "\"auth\" of 'quay.io'"),
        (from_dockerconfigjson, secret({"quay.io": {"auth": LATIN}}), "'quay.io' of the secret is not UTF-8"),
        (from_credential_provider_response, secret({}), "not of the kind CredentialProviderResponse"),
        (from_credential_provider_response, response({}, apiVersion="v1"), "of credentialprovider.kubelet.k8s.io"),
        (from_credential_provider_response, response({}, apiVersion=None), "of credentialprovider.kubelet.k8s.io"),
        (from_credential_provider_response, response({}, kind=["CredentialProviderResponse"]), "not of the kind"),
        (from_credential_provider_response, response({}, cacheKeyType="Pod"), "none of Image, Registry, Global"),
        (from_credential_provider_response, response([]), '"auth" of the credential provider'),
    ],
)
def test_what_cannot_be_read_is_named_and_never_quoted(read: Any, data: bytes, says: str) -> None:
    with pytest.raises(CredentialsError) as raised:
        read(data)
    assert says in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert encoded("s3cret") not in str(raised.value)


def test_a_key_that_names_no_registry_is_skipped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = from_dockerconfigjson(secret({"[12].io": {}, "": {}, "/org": {}, "a b": {}, "quay.io": {}}))
    assert found.keys == ("quay.io",)
    assert len(caplog.records) == 4


def test_nothing_secret_is_shown_or_pickled() -> None:
    found = from_dockerconfigjson(secret({"quay.io": {"username": "user", "password": "s3cret"}}))
    assert repr(found) == "<Keyring quay.io>"
    assert "s3cret" not in repr(found.lookup("quay.io/app"))
    with pytest.raises(TypeError, match="holds secrets"):
        pickle.dumps(found)


def test_a_local_layout_has_no_credentials() -> None:
    with pytest.raises(InvalidReferenceError, match="names no registry"):
        keyring("quay.io").lookup("oci:directory")


def test_a_glob_of_many_stars_is_matched_at_once() -> None:
    """No backtracking: this would take a pattern engine longer than the universe has."""
    found = keyring("*a" * 60 + "b.io")
    assert not found.lookup("a" * 63 + ".io/app")


def test_what_is_public_is_named() -> None:
    assert all(hasattr(credentials, name) for name in credentials.__all__)
