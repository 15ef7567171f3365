"""Which credentials go with a repository: files and their order, keys, encodings, options and mirrors.

Helpers have a file of their own, but for upstream's.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pycoco.configuration.auth import auth_files, credentials
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Credentials
from pycoco.errors import CredentialsError
from tests.support.upstream import module_directory

FILES = ["containers-auth.json"]
NONE = Credentials()
TESTDATA = "pkg/docker/config/testdata"


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def auths(**users: str) -> dict[str, Any]:
    """An auth.json; the names' "_" stand for "/"."""
    return {"auths": {key.replace("_", "/"): {"auth": encoded(user)} for key, user in users.items()}}


def write(path: Path, content: Mapping[str, Any] | str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def in_file(tmp_path: Path, content: Mapping[str, Any] | str | bytes) -> Settings:
    return Settings(auth_file=str(write(tmp_path / "auth.json", content)))


class TestFiles:
    def test_the_first_file_with_credentials_counts(self, home: Path, settings: Settings) -> None:
        places = [
            ("run/containers/auth.json", auths(quay="runtime:p")),
            (".config/containers/auth.json", auths(quay="configuration:p")),
            (".docker/config.json", auths(quay="docker:p")),
            (".dockercfg", {"quay": {"auth": encoded("legacy:p")}}),
        ]
        for name, content in places:
            write(home / name, content)
        for name, _ in places:
            found = credentials.find("quay/a/b", settings, FILES)
            assert found.origin == str(home / name)
            (home / name).unlink()
        assert credentials.find("quay/a/b", settings, FILES) == credentials.FoundCredentials()

    def test_environment_moves_the_directories(self, home: Path, settings: Settings) -> None:
        environ = {**settings.environ, "XDG_CONFIG_HOME": str(home / "c"), "DOCKER_CONFIG": str(home / "d")}
        paths = [file.path for file in auth_files.search_order(Settings(environ=environ))]
        assert paths == [
            f"{home}/run/containers/auth.json",
            f"{home}/c/containers/auth.json",
            f"{home}/d/config.json",
            f"{home}/.dockercfg",
        ]

    def test_empty_variables_are_none(self, home: Path) -> None:
        environ = {"HOME": str(home), "XDG_RUNTIME_DIR": "", "XDG_CONFIG_HOME": "", "DOCKER_CONFIG": ""}
        paths = [file.path for file in auth_files.search_order(Settings(environ=environ))]
        assert paths == [
            f"/run/containers/{os.getuid()}/auth.json",
            f"{home}/.config/containers/auth.json",
            f"{home}/.docker/config.json",
            f"{home}/.dockercfg",
        ]

    def test_missing_runtime_directory_is_a_warning(self, home: Path, caplog: pytest.LogCaptureFixture) -> None:
        write(home / ".docker/config.json", auths(quay="u:p"))
        settings = Settings(environ={"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "absent")})
        with caplog.at_level(logging.WARNING):
            assert credentials.find("quay/x", settings, FILES).credentials.username == "u"
        assert "XDG_RUNTIME_DIR" in caplog.text

    def test_registry_auth_file_is_not_read(self, home: Path, settings: Settings) -> None:
        path = write(home / "other.json", auths(quay="u:p"))
        environ = {**settings.environ, "REGISTRY_AUTH_FILE": str(path)}
        assert not credentials.find("quay/x", Settings(environ=environ), FILES)

    def test_the_file_given_is_the_only_one(self, home: Path, settings: Settings) -> None:
        write(home / ".docker/config.json", auths(quay="docker:p"))
        path = str(home / "given.json")
        assert not credentials.find("quay/x", Settings(auth_file=path, environ=settings.environ), FILES)
        write(home / "given.json", auths(quay="given:p"))
        found = credentials.find("quay/x", Settings(auth_file=path, environ=settings.environ), FILES)
        assert (found.credentials.username, found.origin, found.key) == ("given", path, "quay")

    @pytest.mark.parametrize("content", ["", "[]", "{} x", "{'a': 1}", '{"auths": []}', '{"auths": NaN}', "\ufeff{}"])
    def test_a_broken_file_fails_everything_after_it(self, home: Path, settings: Settings, content: str) -> None:
        write(home / "run/containers/auth.json", content)
        write(home / ".docker/config.json", auths(quay="u:p"))
        with pytest.raises(CredentialsError, match=r"run/containers/auth\.json"):
            credentials.find("public/x", settings, FILES)

    def test_a_broken_file_after_the_answer_is_not_reached(self, home: Path, settings: Settings) -> None:
        write(home / "run/containers/auth.json", auths(quay="u:p"))
        write(home / ".docker/config.json", "broken")
        assert credentials.find("quay/x", settings, FILES)
        with pytest.raises(CredentialsError):
            credentials.find("public/x", settings, FILES)

    def test_a_file_that_is_not_one_is_an_error(self, home: Path, settings: Settings) -> None:
        (home / ".dockercfg").mkdir()
        with pytest.raises(CredentialsError, match="cannot be read"):
            credentials.find("public/x", settings, FILES)

    def test_a_path_through_a_file_is_an_error(self, home: Path, settings: Settings) -> None:
        write(home / ".docker", "")
        with pytest.raises(CredentialsError, match="Not a directory"):
            credentials.find("public/x", settings, FILES)

    def test_errors_do_not_quote_the_file(self, tmp_path: Path) -> None:
        settings = in_file(tmp_path, '{"auths": {"quay": {"auth": hunter2}}}')
        with pytest.raises(CredentialsError) as caught:
            credentials.find("quay/x", settings, FILES)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None


REFPATH = {
    "auths": {
        "q.io": {"auth": encoded("host:p")},
        "q.io/ns": {"auth": encoded("namespace:p")},
        "q.io/ns/repo": {"auth": encoded("repository:p")},
        "q.io:5000": {"auth": encoded("port:p")},
        "https://r.io/v1/": {"auth": encoded("scheme:p")},
        "s.io/path": {"auth": encoded("path:p")},
        "docker.io": {"auth": encoded("hub:p")},
        "docker.io/library": {"auth": encoded("library:p")},
    }
}

KEYS = [
    ("q.io/ns/repo", "repository", "q.io/ns/repo"),
    ("q.io/ns/repo/deeper", "repository", "q.io/ns/repo"),
    ("q.io/ns/repository", "namespace", "q.io/ns"),
    ("q.io/nsx", "host", "q.io"),
    ("q.io", "host", "q.io"),
    ("q.io:5000/ns/repo", "port", "q.io:5000"),
    ("q.io:5001/ns", "", ""),
    ("r.io/any", "scheme", "https://r.io/v1/"),
    ("s.io/path/x", "path", "s.io/path"),
    ("s.io/other", "", ""),
    ("docker.io/library/busybox", "library", "docker.io/library"),
    ("docker.io/other/busybox", "hub", "docker.io"),
    ("index.docker.io/other/busybox", "hub", "docker.io"),
    ("registry-1.docker.io/x", "hub", "docker.io"),
]

LEGACY_KEYS = [
    ("https://index.docker.io/v1/", "docker.io/library/x", True),
    ("http://localhost:5000/v1", "localhost:5000/x", True),
    ("quay.io/v1/path", "quay.io/x", True),
    ("quay.io/ns", "quay.io/ns/repo", True),
    ("quay.io", "quay.io/ns/repo", True),
    ("quay.io:443", "quay.io/ns/repo", False),
    ("https://http://quay.io", "quay.io/x", False),
]


class TestKeys:
    @pytest.mark.parametrize(("repository", "user", "key"), KEYS)
    def test_the_narrowest_key_counts(self, tmp_path: Path, repository: str, user: str, key: str) -> None:
        found = credentials.find(repository, in_file(tmp_path, REFPATH), FILES)
        assert (found.credentials.username, found.key) == (user, key)

    @pytest.mark.parametrize(("key", "repository", "matches"), LEGACY_KEYS)
    def test_keys_of_the_legacy_format(self, home: Path, key: str, repository: str, matches: bool) -> None:
        write(home / ".dockercfg", {key: {"auth": encoded("u:p")}})
        settings = Settings(environ={"HOME": str(home), "XDG_RUNTIME_DIR": str(home)})
        assert bool(credentials.find(repository, settings, FILES)) is matches

    def test_an_exact_key_goes_before_a_normalised_one(self, tmp_path: Path) -> None:
        content = {"auths": {"https://q.io": {"auth": encoded("a:p")}, "q.io": {"auth": encoded("b:p")}}}
        assert credentials.find("q.io/x", in_file(tmp_path, content), FILES).credentials.username == "b"

    def test_an_empty_entry_hides_wider_keys_of_its_file(self, home: Path, settings: Settings) -> None:
        narrow = {"auths": {"q.io/ns": {}, "q.io": {"auth": encoded("hidden:p")}}}
        write(home / "run/containers/auth.json", narrow)
        assert not credentials.find("q.io/ns/x", settings, FILES)
        write(home / ".docker/config.json", {"auths": {"q.io": {"auth": encoded("next:p")}}})
        assert credentials.find("q.io/ns/x", settings, FILES).credentials.username == "next"

    @pytest.mark.parametrize("key", ["https://q.io/x", "q.io/x:tag", "q.io/x@sha256:0", "http://q.io"])
    def test_what_is_no_repository(self, tmp_path: Path, key: str) -> None:
        with pytest.raises(CredentialsError, match="is not a repository"):
            credentials.find(key, in_file(tmp_path, REFPATH), FILES)


TOKEN = {"identitytoken": "secret-token"}

ENTRIES: list[tuple[str, Any, Credentials | None]] = [
    ("user and password", {"auth": encoded("u:p")}, Credentials("u", "p")),
    ("colons in the password", {"auth": encoded("u:p:q:")}, Credentials("u", "p:q:")),
    ("empty password", {"auth": encoded("u:")}, Credentials("u")),
    ("empty user", {"auth": encoded(":p")}, Credentials("", "p")),
    ("NULs around the password", {"auth": encoded("u:\0\0p\0q\0")}, Credentials("u", "p\0q")),
    ("NULs around the user stay", {"auth": encoded("\0u\0:p")}, Credentials("\0u\0", "p")),
    ("beyond ASCII", {"auth": encoded("ü:é")}, Credentials("ü", "é")),
    ("not UTF-8", {"auth": encoded(b"u:\xff")}, Credentials("u", "\udcff")),
    ("line ends in base64", {"auth": "dTpw\r\n"}, Credentials("u", "p")),
    ("line end in the padding", {"auth": "dTpwcA=\n="}, Credentials("u", "pp")),
    ("loose last bits", {"auth": "dTpwcB=="}, Credentials("u", "pp")),
    ("no colon", {"auth": encoded("up")}, NONE),
    ("empty", {"auth": ""}, NONE),
    ("absent", {}, NONE),
    ("null entry", None, NONE),
    ("null field", {"auth": None}, NONE),
    ("token", {"auth": encoded("u:"), **TOKEN}, Credentials("u", "", "secret-token")),
    ("token and nothing else", TOKEN, NONE),
    ("token beside an empty user", {"auth": encoded(":"), **TOKEN}, Credentials("", "", "secret-token")),
    ("plain user and password are ignored", {"username": "u", "password": "p"}, NONE),
    ("another case", {"AUTH": encoded("u:p")}, Credentials("u", "p")),
    ("no padding", {"auth": "dTpwcA"}, None),
    ("too much padding", {"auth": "dTpw===="}, None),
    ("padding in the middle", {"auth": "dQ==dQ=="}, None),
    ("URL alphabet", {"auth": "dTpw-_=="}, None),
    ("space", {"auth": "dTpw "}, None),
    ("number", {"auth": 1}, None),
    ("entry is a string", "dTpw", None),
]


REPEATED = [
    ('{"auths":{"q":{"auth":"%s"}},"auths":{"r":{}}}', "u"),
    ('{"auths":{"q":{"auth":"%s"}},"AUTHS":{"r":{}}}', "u"),
    ('{"auths":{"q":{"auth":"%s"}},"auths":{"q":{}}}', ""),
    ('{"auths":{"q":{"auth":"%s"}},"auths":null}', ""),
    ('{"auths":{"q":{"auth":"YTpi","auth":"%s"}}}', "u"),
    ('{"auths":{"q":{"auth":"%s","Auth":null}}}', "u"),
    ('{"auth\u017f":{"q":{"auth":"%s"}}}', "u"),
    ("null", ""),
]


class TestEntries:
    @pytest.mark.parametrize(("entry", "expected"), [row[1:] for row in ENTRIES], ids=[row[0] for row in ENTRIES])
    def test_decoding(self, tmp_path: Path, entry: Any, expected: Credentials | None) -> None:
        settings = in_file(tmp_path, {"auths": {"q.io": entry}})
        if expected is None:
            with pytest.raises(CredentialsError):
                credentials.find("q.io/x", settings, FILES)
        else:
            assert credentials.find("q.io/x", settings, FILES).credentials == expected

    def test_a_wrong_type_elsewhere_in_the_file_is_an_error(self, tmp_path: Path) -> None:
        settings = in_file(tmp_path, {"auths": {"q.io": {"auth": encoded("u:p")}, "other": {"auth": 1}}})
        with pytest.raises(CredentialsError):
            credentials.find("q.io/x", settings, FILES)

    def test_unknown_keys_are_ignored(self, tmp_path: Path) -> None:
        content = {**auths(quay="u:p"), "credsStore": "pass", "HttpHeaders": {"a": 1.5}, "n": 10**400}
        assert credentials.find("quay/x", in_file(tmp_path, content), FILES).credentials == Credentials("u", "p")

    @pytest.mark.parametrize(("text", "user"), REPEATED)
    def test_repeated_keys_are_merged_as_encoding_json_does(self, tmp_path: Path, text: str, user: str) -> None:
        settings = in_file(tmp_path, text.replace("%s", encoded("u:p")))
        assert credentials.find("q/x", settings, FILES).credentials.username == user

    def test_secrets_are_not_shown(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        entry = {"auth": encoded("user:hunter2"), "identitytoken": "hunter2"}
        other = {"auth": encoded("hunter2"), "identitytoken": "hunter2"}
        settings = in_file(tmp_path, {"auths": {"q.io": entry, "r.io": other}})
        with caplog.at_level(logging.DEBUG):
            found = credentials.find("q.io/x", settings, FILES)
            credentials.find("r.io/x", settings, FILES)
        contents = auth_files.read(auth_files.AuthFile(settings.auth_file or ""))
        assert found.credentials.password == "hunter2"
        assert "holds no user and password" in caplog.text
        for text in (repr(found), repr(contents), caplog.text):
            assert "hunter2" not in text
            assert encoded("user:hunter2") not in text


class TestOptions:
    GIVEN = Settings(creds=("given", "secret"), registry_token="token")

    def test_given_credentials_are_for_the_registry_asked_for(self, tmp_path: Path) -> None:
        path = str(write(tmp_path / "auth.json", auths(**{"mirror.io": "mirror:p", "quay.io": "file:p"})))
        settings = Settings(creds=("given", "secret"), auth_file=path)
        found = credentials.for_endpoint("quay.io", "quay.io", "quay.io/x", settings, FILES)
        assert (found.credentials, found.origin, found.key) == (Credentials("given", "secret"), "given", "")
        assert "secret" not in repr(found)
        mirror = credentials.for_endpoint("mirror.io", "quay.io", "mirror.io/quay/x", settings, FILES)
        assert (mirror.credentials.username, mirror.origin) == ("mirror", path)
        assert not credentials.for_endpoint("quay.io:443", "quay.io", "quay.io:443/x", settings, FILES)

    def test_a_given_identity_token(self) -> None:
        settings = Settings(identity_token="token", auth_file="/nonexistent")
        found = credentials.for_endpoint("quay.io", "quay.io", "quay.io/x", settings, FILES)
        assert (found.credentials, found.origin) == (Credentials(identity_token="token"), "given")
        assert not credentials.for_endpoint("mirror.io", "quay.io", "mirror.io/x", settings, FILES)

    def test_given_credentials_need_no_file(self, tmp_path: Path) -> None:
        settings = Settings(creds=("u", "p"), auth_file=str(write(tmp_path / "auth.json", "broken")))
        assert credentials.for_endpoint("quay.io", "quay.io", "quay.io/x", settings, ["absent"]).origin == "given"
        with pytest.raises(CredentialsError):
            credentials.for_endpoint("mirror.io", "quay.io", "mirror.io/x", settings, FILES)

    def test_nothing_given(self, tmp_path: Path) -> None:
        settings = in_file(tmp_path, auths(**{"quay.io": "file:p"}))
        assert credentials.for_endpoint("quay.io", "quay.io", "quay.io/x", settings, FILES).key == "quay.io"

    @pytest.mark.parametrize("settings", [GIVEN, Settings(registry_token="token")])
    def test_a_bearer_token_never_goes_to_another_host(self, settings: Settings) -> None:
        # Given alone, containers/image sends it to every mirror.
        assert credentials.registry_token_for("quay.io", "quay.io", settings) == "token"
        assert credentials.registry_token_for("mirror.io", "quay.io", settings) == ""
        assert credentials.registry_token_for("quay.io:443", "quay.io", settings) == ""
        assert credentials.registry_token_for("quay.io", "quay.io", Settings()) == ""


UPSTREAM_FILES = [
    # fixture, where it is put, what is asked for, user and password ("" for none); as in config_test.go TestGetAuth
    ("full.json", "run/containers/auth.json", "example.org", "example:org"),
    ("full.json", "run/containers/auth.json", "docker.io", "docker:io"),
    ("full.json", "run/containers/auth.json", "index.docker.io", "index:docker.io"),
    ("full.json", "run/containers/auth.json", "localhost:5000", "local:host-5000"),
    ("full.json", "run/containers/auth.json", "10.10.30.45:5000", "10.10:30.45-5000"),
    ("full.json", "run/containers/auth.json", "10.10.30.45:5001", ""),
    ("full.json", "run/containers/auth.json", "normalize.example.org/x", "normalize:example"),
    ("example.json", "run/containers/auth.json", "example.org", "example:org"),
    ("example.json", ".docker/config.json", "example.org/a/b", "example:org"),
    ("empty.json", ".docker/config.json", "example.org", ""),
    ("abnormal.json", ".docker/config.json", "docker.io", "index:docker.io"),
    ("abnormal.json", ".docker/config.json", "127.0.0.1:5000", "127.0:0.1-5000"),
    ("abnormal.json", ".docker/config.json", "localhost", "local:host"),
    ("abnormal.json", ".docker/config.json", "localhost:5001", "local:host-5001"),
    ("refpath.json", ".docker/config.json", "example.org/repo/image", "example:org"),
    ("refpath.json", ".docker/config.json", "example.org/other", "local:host"),
    ("refpath.json", ".docker/config.json", "docker.io/vendor/product", "first:level"),
    ("refpath.json", ".docker/config.json", "docker.io/library/busybox", "library:busybox"),
    ("refpath.json", ".docker/config.json", "docker.io/library/fedora", "library:other"),
    ("refpath.json", ".docker/config.json", "docker.io/z/busybox", "top:level"),
    ("legacy.json", ".dockercfg", "localhost", "local:host-legacy"),
    ("legacy.json", ".dockercfg", "docker.io", "docker:io-legacy"),
    ("legacy.json", ".dockercfg", "localhost/ns/image", "local:host-legacy"),
]


class TestUpstreamFixtures:
    @pytest.mark.parametrize(("fixture", "place", "repository", "expected"), UPSTREAM_FILES)
    def test_files(
        self, home: Path, settings: Settings, fixture: str, place: str, repository: str, expected: str
    ) -> None:
        write(home / place, (module_directory() / TESTDATA / fixture).read_bytes())
        found = credentials.find(repository, settings, FILES)
        user, _, password = expected.partition(":")
        assert found.credentials == Credentials(user, password)
        assert found.origin == (str(home / place) if expected else "")

    def test_identity_token(self) -> None:
        settings = Settings(auth_file=str(module_directory() / TESTDATA / "example_identitytoken.json"))
        assert credentials.find("example.org", settings, FILES).credentials == Credentials(
            "00000000-0000-0000-0000-000000000000", "", "some very long identity token"
        )

    @pytest.mark.parametrize(
        ("registry", "expected"),
        [
            ("registry-a.com", Credentials("foo", "bar")),
            ("registry-b.com", Credentials("", "", "fizzbuzz")),
            ("registry-no-creds.com", NONE),
            ("registry-d.com", NONE),
        ],
    )
    def test_helper(self, home: Path, settings: Settings, registry: str, expected: Credentials) -> None:
        script = (module_directory() / TESTDATA / "docker-credential-helper-registry").read_bytes()
        write(home / "bin/docker-credential-helper-registry", script).chmod(0o755)
        assert credentials.find(registry, settings, ["helper-registry"]).credentials == expected
        config = Settings(auth_file=str(module_directory() / TESTDATA / "config.json"), environ=settings.environ)
        assert not credentials.find("registry-no-creds.com", config, FILES)
