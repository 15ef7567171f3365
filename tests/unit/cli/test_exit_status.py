"""The exit status of each kind of error, as the command's help and manual page have it."""

from __future__ import annotations

import pytest

from pycoco import errors
from pycoco.cli.exit_status import exit_status


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
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_status(error: errors.PycocoError, status: int) -> None:
    assert exit_status(error) == status
