"""Credential helpers: real programs, asked over their standard input, and the order in which they are asked."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from pycoco.configuration.auth import credential_helper, credentials
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Credentials
from pycoco.errors import CredentialsError

FILES = ["containers-auth.json"]
NONE = Credentials()


def auths(**users: str) -> dict[str, Any]:
    return {"auths": {host: {"auth": base64.b64encode(user.encode()).decode()} for host, user in users.items()}}


def write_auths(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_helper(home: Path, name: str, script: str, interpreter: str = "/bin/sh", mode: int = 0o755) -> None:
    path = home / "bin" / f"docker-credential-{name}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{interpreter}\n{script}\n")
    path.chmod(mode)


HELPER = """
read registry
[ "$1" = get ] || exit 9
case "$registry" in
  user.io) echo '{"ServerURL":"user.io","Username":"foo","Secret":"bar"}' ;;
  port.io:5000) echo '{"Username":"port","Secret":"bar"}' ;;
  token.io) echo '{"ServerURL":"token.io","Username":"<token>","Secret":"fizz"}' ;;
  case.io) echo '{"USERNAME":"foo","secret":"bar","unknown":1} trailing' ;;
  none.io) echo "credentials not found in native keychain" && exit 1 ;;
  url.io) echo "no credentials server URL" && exit 1 ;;
  fails.io) echo "hunter2" && exit 3 ;;
  words.io) echo "the password for hunter is wrong" && exit 3 ;;
  lines.io) printf 'gpg: decryption failed\\nhunter2\\n' && exit 2 ;;
  named.io) echo "login refused: password=hunter2 user=foo" && exit 3 ;;
  bearer.io) echo "server said: Authorization: Bearer hunter2" && exit 3 ;;
  long.io) echo "token hunter2hunter2hunter2hunter2 has expired" && exit 3 ;;
  url.x.io) echo "cannot reach https://foo:hunter2@vault/v1 now" && exit 3 ;;
  escape.io) printf 'no \\033[31mway\\n' && exit 3 ;;
  json.io) echo '{"Username": "foo", "Secret": "hunter2"}' && exit 3 ;;
  endless.io) exec cat /dev/zero ;;
  stderr.io) echo "hunter2 on stderr" >&2 && exit 3 ;;
  killed.io) kill -9 $$ ;;
  silent.io) ;;
  text.io) echo hunter2 ;;
  list.io) echo '["hunter2"]' ;;
  types.io) echo '{"Username":1,"Secret":"hunter2"}' ;;
  *) echo '{}' ;;
esac
"""

ANSWERS = [
    ("user.io", Credentials("foo", "bar")),
    ("port.io:5000", Credentials("port", "bar")),
    ("token.io", Credentials("", "", "fizz")),
    ("case.io", Credentials("foo", "bar")),
    ("none.io", NONE),
    ("unknown.io", NONE),
]

FAILURES = [
    ("url.io", "exit status 1: no credentials server URL"),
    ("fails.io", "exit status 3"),
    ("words.io", "exit status 3: the password for hunter is wrong"),
    ("lines.io", r"exit status 2: gpg: decryption failed\.$"),
    ("named.io", r"exit status 3: login refused: password=\*\*\* user=foo\."),
    ("bearer.io", r"exit status 3: server said: Authorization: Bearer \*\*\*"),
    ("long.io", r"exit status 3: token \*\*\* has expired"),
    ("url.x.io", r"exit status 3: cannot reach https://\*\*\*@vault/v1 now"),
    ("escape.io", r"exit status 3: no \\x1b\[31mway"),
    ("json.io", r"exit status 3\.$"),
    ("endless.io", "answered for endless.io with more than 1048576 bytes"),
    ("stderr.io", r"exit status 3\.$"),
    ("killed.io", "exit status -9"),
    ("silent.io", "did not answer"),
    ("text.io", "did not answer"),
    ("list.io", "did not answer"),
    ("types.io", "did not answer"),
]


HIDDEN = {"user.io": "hidden:p", "user.io/ns": "hidden:p", "none.io": "hidden:p"}


class TestHelpers:
    @pytest.fixture(autouse=True)
    def helper(self, home: Path) -> None:
        write_helper(home, "test", HELPER)

    @pytest.mark.parametrize(("registry", "expected"), ANSWERS)
    def test_answers(self, settings: Settings, registry: str, expected: Credentials) -> None:
        found = credentials.find(f"{registry}/ns/repo", settings, ["test"])
        assert found.credentials == expected
        origin = "credential helper docker-credential-test" if found else ""
        assert (found.origin, found.key) == (origin, registry if found else "")

    @pytest.mark.parametrize(("registry", "message"), FAILURES)
    def test_failures(self, settings: Settings, registry: str, message: str) -> None:
        with pytest.raises(CredentialsError, match=message) as caught:
            credentials.find(f"{registry}/ns/repo", settings, ["test"])
        assert "hunter2" not in str(caught.value)

    def test_a_file_that_names_a_helper(self, home: Path, settings: Settings) -> None:
        content = {"credHelpers": {"user.io": "test", "none.io": "test"}, **auths(**HIDDEN)}
        write_auths(home / "run/containers/auth.json", content)
        found = credentials.find("user.io/ns/x", settings, FILES)
        assert (found.credentials.username, found.origin) == ("foo", "credential helper docker-credential-test")
        # It is final for its file; the next file is still looked at.
        assert not credentials.find("none.io/x", settings, FILES)
        write_auths(home / ".docker/config.json", auths(**{"none.io": "next:p"}))
        assert credentials.find("none.io/x", settings, FILES).credentials.username == "next"

    def test_the_key_of_a_helper_is_the_exact_host(self, home: Path, settings: Settings) -> None:
        write_auths(
            home / "run/containers/auth.json", {"credHelpers": {"https://user.io": "test", "user.io/ns": "test"}}
        )
        assert not credentials.find("user.io/ns", settings, FILES)

    def test_helpers_are_asked_in_order(self, home: Path, settings: Settings) -> None:
        write_auths(home / "run/containers/auth.json", auths(**{"user.io": "file:p"}))
        assert credentials.find("user.io/x", settings, [*FILES, "test"]).credentials.username == "file"
        assert credentials.find("user.io/x", settings, ["test", *FILES]).credentials.username == "foo"
        assert credentials.find("user.io/x", settings, []) == credentials.FoundCredentials()

    def test_a_failure_matters_only_without_an_answer(self, home: Path, settings: Settings) -> None:
        write_auths(home / "run/containers/auth.json", auths(**{"fails.io": "file:p"}))
        assert credentials.find("fails.io/x", settings, ["test", *FILES]).credentials.username == "file"
        (home / "run/containers/auth.json").write_text("broken")
        with pytest.raises(CredentialsError, match=r"(?s)exit status 3.*auth\.json"):
            credentials.find("fails.io/x", settings, ["test", *FILES])
        with pytest.raises(CredentialsError, match=r"auth\.json"):
            credentials.find("unknown.io/x", settings, ["test", *FILES])

    def test_a_helper_that_is_not_there(self, settings: Settings) -> None:
        with pytest.raises(CredentialsError, match="docker-credential-absent was not found on PATH"):
            credentials.find("user.io/x", settings, ["absent"])
        with pytest.raises(CredentialsError, match="not found on PATH"):
            credentials.find("user.io/x", Settings(environ={}), ["test"])

    def test_a_helper_that_may_not_be_run(self, home: Path, settings: Settings) -> None:
        write_helper(home, "plain", "", mode=0o644)
        (home / "bin/docker-credential-folder").mkdir()
        for name in ("plain", "folder"):
            with pytest.raises(CredentialsError, match="not found on PATH"):
                credentials.find("user.io/x", settings, [name])

    def test_a_helper_without_an_interpreter(self, home: Path, settings: Settings) -> None:
        write_helper(home, "odd", "", interpreter="/absent/interpreter")
        with pytest.raises(CredentialsError, match="docker-credential-odd cannot be run"):
            credentials.find("user.io/x", settings, ["odd"])

    def test_nothing_is_run_from_the_current_directory(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(home / "bin")
        for path in (".", "", ":/usr/bin", "../bin"):
            with pytest.raises(CredentialsError):
                credentials.find("user.io/x", Settings(environ={"PATH": path}), ["test"])

    def test_the_environment_is_the_clients(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PROCESS_ONLY", "leaked")
        write_helper(home, "env", """printf '{"Username":"%s","Secret":"%s"}' "$CLIENT_ONLY" "$PROCESS_ONLY" """)
        settings = Settings(environ={"PATH": f"{home}/bin:/usr/bin:/bin", "CLIENT_ONLY": "yes"})
        assert credentials.find("any.io/x", settings, ["env"]).credentials == Credentials("yes", "")

    def test_a_helper_that_does_not_read(self, home: Path, settings: Settings) -> None:
        write_helper(home, "deaf", """exec <&-; echo '{"Username":"u","Secret":"s"}'""")
        assert credentials.find("any.io/x", settings, ["deaf"]).credentials == Credentials("u", "s")

    def test_a_helper_that_hangs_is_stopped_with_what_it_started(
        self, home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(credential_helper, "TIME_LIMIT", 0.5)
        write_helper(home, "slow", f'sleep 600 & echo $! > "{home}/pid"; wait')
        with pytest.raises(CredentialsError, match=r"no answer for any\.io within 0\.5 seconds"):
            credentials.find("any.io/x", settings, ["slow"])
        assert _ends(int((home / "pid").read_text()))


def _ends(pid: int) -> bool:
    """Whether a process that was killed is gone, or waits only for its parent to notice."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
