"""Asks a credential helper, the program `docker-credential-NAME`, for one registry's credentials.

It is not for choosing which helper to ask (see `credentials`). The protocol is that of
github.com/docker/docker-credential-helpers, client/client.go.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping

from pycoco._pattern import pattern
from pycoco.configuration.values import Credentials
from pycoco.documents.syntax import encoding_json
from pycoco.errors import CredentialsError

TIME_LIMIT = 30.0
"""Seconds after which a helper is killed; containers/image waits for ever, and so would whoever called it."""

OUTPUT_LIMIT = 1024 * 1024
"""Bytes of a helper's answer, at most; it holds one user and one secret."""

_NOT_FOUND = "credentials not found in native keychain"

_MESSAGE_LIMIT = 200
_NAMED_SECRET = pattern(
    r"""(?ix) ( [\w-]* (?: pass(?:word|wd|phrase) | secret | token | auth\w* | key | cred(?:ential)?s? ) ["']? \s* [=:]
    \s* (?: (?:bearer|basic) \s+ )? | \b (?:bearer|basic) \s+ ) (?: "[^"]*"? | '[^']*'? | \S+ )"""
)
_IN_URL = pattern(r"//[^/\s]*@")
_LIKE_A_SECRET = pattern(r"(?<![\w/.-])(?=[\w+/=.~-]*[0-9])(?=[\w+/=.~-]*[A-Za-z])[A-Za-z0-9_+=~][\w+/=.~-]{19,}")
"""A long word of letters and digits, as tokens are and what a person is told is not; a path begins with a slash."""


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
        told = said(message)
        detail = f": {told}" if told else ""
        raise CredentialsError(f"{program} failed for {registry} with exit status {status}{detail}.")
    return _credentials(program, registry, output)


def said(output: str) -> str:
    """Return what may be repeated of the first line that a helper that failed wrote, where helpers say why.

    A helper may print anything, a secret included. Nothing is repeated of what looks like its answer or is one word,
    and of a sentence not what stands behind a secret's name, before an @ in a URL, or looks like a token.
    """
    line = output.strip().partition("\n")[0].strip()[:_MESSAGE_LIMIT]
    if len(line.split()) < 2 or line.startswith(("{", "[", '"')):
        return ""
    line = _NAMED_SECRET.sub(r"\1***", _IN_URL.sub("//***@", line))
    return _LIKE_A_SECRET.sub("***", line)


def _run(program: str, registry: str, environ: Mapping[str, str]) -> tuple[int, bytes]:
    path = _look_up(program, environ.get("PATH", ""))
    try:
        # A session of its own, so that what the helper started goes with it when the time is up.
        process = subprocess.Popen(
            [program, "get"],
            executable=path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library does not let other programs write to its caller's terminal
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
    deadline = time.monotonic() + TIME_LIMIT
    try:
        output = _answer(process, registry.encode("utf-8", "surrogateescape"), deadline)
        if len(output) > OUTPUT_LIMIT:
            raise CredentialsError(f"{program} answered for {registry} with more than {OUTPUT_LIMIT} bytes.")
        process.wait(max(0.0, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, TimeoutError):
        message = f"{program} gave no answer for {registry} within {TIME_LIMIT:g} seconds and was stopped."
        raise CredentialsError(message) from None
    finally:
        if process.returncode is None:
            _kill(process)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
    return process.returncode, output


def _answer(process: subprocess.Popen[bytes], question: bytes, deadline: float) -> bytes:
    """What the helper writes until it closes its output; one byte more than allowed at most. Raises TimeoutError."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # a helper need not read what it is asked
        process.stdin.write(question)
        process.stdin.close()
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(answer) <= OUTPUT_LIMIT:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            part = os.read(process.stdout.fileno(), min(65536, OUTPUT_LIMIT + 1 - len(answer)))
            if not part:
                break
            answer += part
    return bytes(answer)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


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
        if not encoding_json.is_text(item):
            raise nonsense
        if name == "Username":
            username = item
        elif name == "Secret":
            secret = item
    if username == "<token>":
        return Credentials(identity_token=secret)
    return Credentials(username=username, password=secret)
