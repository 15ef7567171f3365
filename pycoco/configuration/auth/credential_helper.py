"""Asks a credential helper, the program `docker-credential-NAME`, for one registry's credentials.

It is not for choosing which helper to ask (see `credentials`). The protocol is that of
github.com/docker/docker-credential-helpers, client/client.go.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping

from pycoco.configuration.values import Credentials
from pycoco.documents.syntax import encoding_json
from pycoco.errors import CredentialsError

TIME_LIMIT = 30.0
"""Seconds after which a helper is killed; containers/image waits for ever, and so would whoever called it."""

_NOT_FOUND = "credentials not found in native keychain"
_KNOWN_MESSAGES = ("no credentials server URL", "no credentials username")


def get(name: str, registry: str, environ: Mapping[str, str]) -> Credentials:
    """Return what helper `name` has for `registry` (host[:port]); empty credentials if it has none.

    The helper runs with `environ` as its environment and is found on its PATH. Raises CredentialsError if it cannot
    be run, fails, answers nonsense or takes longer than TIME_LIMIT.
    """
    program = f"docker-credential-{name}"
    status, output = _run(program, registry, environ)
    if status != 0:
        message = output.decode("utf-8", "replace").strip()
        if message == _NOT_FOUND:
            return Credentials()
        # Only messages known to hold no secret are repeated: a failing helper may print anything.
        detail = f": {message}" if message in _KNOWN_MESSAGES else ""
        raise CredentialsError(f"{program} failed for {registry} with exit status {status}{detail}.")
    return _credentials(program, registry, output)


def _run(program: str, registry: str, environ: Mapping[str, str]) -> tuple[int, bytes]:
    path = _look_up(program, environ.get("PATH", ""))
    try:
        # A session of its own, so that what the helper started goes with it when the time is up.
        process = subprocess.Popen(
            [program, "get"],
            executable=path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its environment is not valid"
        raise CredentialsError(f"{program} cannot be run ({reason}).") from None
    return _exchange(process, program, registry)


def _exchange(process: subprocess.Popen[bytes], program: str, registry: str) -> tuple[int, bytes]:
    # On Ctrl-C subprocess would wait a moment for a child that got the signal as well; in its own session it did not.
    process._sigint_wait_secs = 0.0  # type: ignore[attr-defined]
    try:
        output, _ = process.communicate(registry.encode("utf-8", "surrogateescape"), timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        message = f"{program} gave no answer for {registry} within {TIME_LIMIT:g} seconds and was stopped."
        raise CredentialsError(message) from None
    finally:
        if process.returncode is None:
            _kill(process)
    return process.returncode, output


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _look_up(program: str, search_path: str) -> str:
    # os/exec LookPath: a name with a slash is used as it is, and nothing is run from a directory relative to here.
    candidates = [program]
    if "/" not in program:
        directories = search_path.split(":") if search_path else []
        candidates = [os.path.join(directory or ".", program) for directory in directories]
    for path in candidates:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            if "/" in program or os.path.isabs(path):
                return path
            raise CredentialsError(f"{program} was found in a directory relative to the current one: not run.")
    raise CredentialsError(f"{program} was not found on PATH: install it, or do not name it as a credential helper.")


def _credentials(program: str, registry: str, output: bytes) -> Credentials:
    username, secret = "", ""
    nonsense = CredentialsError(f"{program} did not answer with credentials for {registry}.")
    try:
        value = encoding_json.parse_first(output)
    except ValueError:
        raise nonsense from None
    if value is not None and not isinstance(value, encoding_json.Object):
        raise nonsense
    for key, item in value or ():
        name = encoding_json.field(key, ("ServerURL", "Username", "Secret"))
        if name is None or item is None:
            continue
        if not isinstance(item, str) or isinstance(item, encoding_json.Number):
            raise nonsense
        if name == "Username":
            username = item
        elif name == "Secret":
            secret = item
    if username == "<token>":
        return Credentials(identity_token=secret)
    return Credentials(username=username, password=secret)
