"""The exit status of each kind of error, as the manual has it; 7 alone says that the same call may succeed later."""

from __future__ import annotations

import pytest

from pycoco import errors
from pycoco.cli.exit_status import OF_NO_USE, TRY_AGAIN_LATER, exit_status
from pycoco.errors import PycocoError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidReferenceError("m"), 3),
        (errors.ConfigurationError("m"), 4),
        (errors.NotFoundError("m"), 5),
        (errors.UnauthorizedError("m"), 6),
        (errors.BlockedError("m"), 6),
        (errors.RegistryError("m", retryable=True), 7),
        (errors.RegistryError("m", retryable=False), 13),
        (errors.UnavailableError("m", retryable=True), 7),
        (errors.DeadlineError("m"), 7),
        (errors.ManifestError("m"), 8),
        (errors.NoMatchingPlatformError("m"), 9),
        (errors.PolicyRejectedError("m"), 10),
        (errors.LayoutError("m"), 11),
        (errors.BackendError("m"), 1),
        (PycocoError("m"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_status(error: PycocoError, status: int) -> None:
    assert exit_status(error) == status


def classes(root: type[PycocoError] = PycocoError) -> list[type[PycocoError]]:
    return [root, *(found for child in root.__subclasses__() for found in classes(child))]


@pytest.mark.parametrize("cls", classes())
def test_7_means_that_it_may_pass(cls: type[PycocoError]) -> None:
    for retryable in (False, True):
        error = cls("x")
        if isinstance(error, errors.RegistryError):
            error.retryable = retryable
        may_pass = isinstance(error, errors.DeadlineError) or bool(getattr(error, "retryable", False))
        status = exit_status(error)
        assert may_pass or status != TRY_AGAIN_LATER
        if isinstance(error, errors.RegistryError) and status not in (5, 6):
            assert status == (TRY_AGAIN_LATER if retryable else OF_NO_USE)
