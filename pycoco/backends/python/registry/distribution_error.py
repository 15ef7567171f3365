"""A registry's answer that is not the one hoped for, as the exception for it.

It is not for failures to get any answer (see `unreachable`). The code that the registry gave decides, and the status
where there is none, as far as containers/image's own errors tell them apart (docker/distribution_error.go,
docker/errors.go, docker/distribution's errcode). What the body says reaches a message only as its error's message.
"""

from __future__ import annotations

from collections.abc import Sequence

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.backends import registry_errors
from pycoco.backends.python.network import turns
from pycoco.backends.python.network.challenge import Challenge
from pycoco.backends.python.network.redirects import redacted
from pycoco.backends.python.network.transport import Answer
from pycoco.backends.python.registry.retry import retry_after
from pycoco.documents.syntax import encoding_json
from pycoco.errors import (
    DeniedError,
    NotFoundError,
    RateLimitedError,
    RegistryError,
    UnauthorizedError,
    UnavailableError,
)

_MESSAGE_LENGTH = 200
_CONTROL = pattern(r"[\x00-\x1f\x7f-\x9f]+")

_BY_SPEC_CODE: dict[str, type[RegistryError]] = {
    "NAME_UNKNOWN": NotFoundError,
    "MANIFEST_UNKNOWN": NotFoundError,
    "BLOB_UNKNOWN": NotFoundError,
    "UNAUTHORIZED": UnauthorizedError,
    "DENIED": DeniedError,
    "TOOMANYREQUESTS": RateLimitedError,
    "UNAVAILABLE": UnavailableError,
}
_BY_STATUS: dict[int, type[RegistryError]] = {
    401: UnauthorizedError,
    403: DeniedError,
    404: NotFoundError,
    429: RateLimitedError,
}


_BY_BEARER_ERROR = {"invalid_token": "UNAUTHORIZED", "insufficient_scope": "DENIED"}
# The rest of what docker/distribution's errcode registers; it takes any other code for UNKNOWN.
_OTHER_SPEC_CODES = frozenset(
    {
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNVERIFIED",
        "NAME_INVALID",
        "PAGINATION_NUMBER_INVALID",
        "SIZE_INVALID",
        "TAG_INVALID",
        "UNSUPPORTED",
    }
)


@dataclass(frozen=True, slots=True)
class SpecError:
    """One error of the distribution specification: its code ("" if the body held none) and message."""

    code: str = ""
    message: str = ""


_NONE = SpecError()


async def failure(answer: Answer, *, by_status: bool = False, token_of: str = "") -> RegistryError:
    """The exception for an answer with a status that is of no use; see `error_for`."""
    challenges = answer.challenges
    advice = retry_after(answer.header("retry-after"))
    try:
        body = await answer.read_error_body()
    except UnavailableError:
        # handleErrorResponse makes the body's failure the whole error, except where it does not look at the body.
        if not by_status and needs_body(answer.status, challenges):
            raise
        body = b""
    url = redacted(answer.url)
    error = await turns.check(
        body,
        lambda: error_for(url, answer.status, challenges, body, advice, by_status=by_status, token_of=token_of),
    )
    error.registry = answer.registry
    if isinstance(error, RateLimitedError):
        error.rate_limit = answer.rate_limit()
    return error


def error_for(
    url: str,
    status: int,
    challenges: Sequence[Challenge],
    body: bytes,
    retry_after: float | None = None,
    *,
    by_status: bool = False,
    token_of: str = "",
) -> RegistryError:
    """The exception for an answer with `status`; `url` must be redacted already, `token_of` is whose token it is about.

    `by_status` is for token servers, of whose answers containers/image looks at nothing else (httpResponseToError).
    """
    found = spec_error(status, challenges, body)
    cls = _class_of_status(status) if by_status else _class_for(status, found)
    refused = cls in (UnauthorizedError, DeniedError)
    detail = f"{found.code}: {found.message}" if found.code and found.message else found.code or found.message
    return cls(
        registry_errors.answered(url, status, detail, refused=refused, token_of=token_of),
        status=status,
        spec_code=None if by_status else found.code or None,
        url=url,
        retryable=cls in (RateLimitedError, UnavailableError),
        retry_after=retry_after if cls is RateLimitedError else None,
    )


def needs_body(status: int, challenges: Sequence[Challenge]) -> bool:
    """Whether containers/image looks for the error in the body (handleErrorResponse)."""
    return 400 <= status < 500 and _bearer_error(status, challenges) is None


def spec_error(status: int, challenges: Sequence[Challenge], body: bytes) -> SpecError:
    """The first error that an answer carries (handleErrorResponse): a bearer challenge's, else the body's."""
    if not 400 <= status < 500:
        return _NONE
    found = _bearer_error(status, challenges)
    if found is not None:
        return found
    try:
        document = encoding_json.parse(body)
        return _irregular(status, document) or _regular(document)
    except ValueError:
        return _NONE


def _bearer_error(status: int, challenges: Sequence[Challenge]) -> SpecError | None:
    for challenge in challenges if status == 401 else ():
        code = _BY_BEARER_ERROR.get(challenge.parameters.get("error", ""))
        if challenge.scheme == "bearer" and code:
            return SpecError(code, _shown(challenge.parameters.get("error_description", "")))
    return None


def _class_for(status: int, error: SpecError) -> type[RegistryError]:
    if error.code in _BY_SPEC_CODE:
        return _BY_SPEC_CODE[error.code]
    if not error.code:
        return _class_of_status(status)
    # A code that says nothing outweighs the status: containers/image has only the code left by then. Harbor and
    # registry.redhat.io answer with UNKNOWN and these words (isManifestUnknownError in docker_client.go).
    unspecific = error.code == "UNKNOWN" or error.code not in _OTHER_SPEC_CODES
    return NotFoundError if unspecific and "not found" in error.message.lower() else RegistryError


def _class_of_status(status: int) -> type[RegistryError]:
    return UnavailableError if status >= 500 else _BY_STATUS.get(status, RegistryError)


def _irregular(status: int, document: encoding_json.Value) -> SpecError | None:
    """The error of a body with only "details" (parseHTTPErrorResponse)."""
    details = _fields(document, ("details",)).get("details") if document is not None else None
    if not encoding_json.is_text(details) or not details:
        return None
    return SpecError({401: "UNAUTHORIZED", 429: "TOOMANYREQUESTS"}.get(status, "UNKNOWN"), _shown(str(details)))


def _regular(document: encoding_json.Value) -> SpecError:
    """The first of the "errors"; ValueError where Go could not decode them (errcode.Errors.UnmarshalJSON)."""
    errors = _fields(document, ("errors",)).get("errors") if document is not None else None
    if errors is None:
        return _NONE
    if not isinstance(errors, list):
        raise ValueError("errors is no array")
    decoded = [_fields(error, ("code", "message")) if error is not None else {} for error in errors]
    for field in (field for error in decoded for field in error.values()):
        if not encoding_json.is_text(field):
            raise ValueError("an error's code or message is no string")
    if not decoded:
        return _NONE
    code = str(decoded[0].get("code", "")) or "UNKNOWN"  # what has no code, or an empty one, is decoded to that
    return SpecError(_shown(code), _shown(str(decoded[0].get("message", ""))))


def _fields(document: encoding_json.Value, names: tuple[str, ...]) -> dict[str, encoding_json.Value]:
    """The fields of an object that encoding/json would set; null sets none."""
    if not isinstance(document, encoding_json.Object):
        raise ValueError("not an object")
    fields = ((encoding_json.field(key, names), value) for key, value in document)
    return {name: value for name, value in fields if name is not None and value is not None}


def _shown(text: str) -> str:
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= _MESSAGE_LENGTH else text[:_MESSAGE_LENGTH] + "…"
