"""Exit statuses: one number for each class of failure, so that a script can tell them apart.

0    done
1    a fault in pycoco itself or its backend
2    wrong arguments
3    the reference is not one, or a short name that does not resolve
4    a configuration file, an option or stored credentials are wrong
5    not found at the registry, or in the layout
6    not allowed: unauthorized, denied, blocked
7    try again later: unreachable, rate limited, a server's failure, timeout
8    the manifest or config cannot be used: digest mismatch, ambiguous, unsupported, not an image, too large
9    the index has no instance for the platform
10   policy.json rejects the image
11   a local layout cannot be read or written, or no container can be made of the image
12   of many references or platforms, at least one failed
13   the registry is of no use as things are: its certificate, a redirect that is refused, an odd answer
130  interrupted
"""

from __future__ import annotations

from pycoco import errors

FAULT = 1
WRONG_ARGUMENTS = 2
TRY_AGAIN_LATER = 7
SOME_FAILED = 12
OF_NO_USE = 13
INTERRUPTED = 130

_STATUSES: tuple[tuple[type[errors.PycocoError], int], ...] = (
    (errors.InvalidReferenceError, 3),
    (errors.ShortNameError, 3),
    (errors.ConfigurationError, 4),
    (errors.CredentialsError, 4),
    (errors.NotFoundError, 5),
    (errors.UnauthorizedError, 6),
    (errors.DeniedError, 6),
    (errors.BlockedError, 6),
    (errors.RegistryError, TRY_AGAIN_LATER),
    (errors.DeadlineError, TRY_AGAIN_LATER),
    (errors.NoMatchingPlatformError, 9),
    (errors.ManifestError, 8),
    (errors.PolicyRejectedError, 10),
    (errors.LayoutError, 11),
    (errors.ContainerConfigError, 11),
    (errors.OperationCancelledError, INTERRUPTED),
)


def exit_status(error: errors.PycocoError) -> int:
    """Return the exit status for an error; the first class in the table that it is an instance of decides."""
    status = next((status for cls, status in _STATUSES if isinstance(error, cls)), FAULT)
    if status == TRY_AGAIN_LATER and isinstance(error, errors.RegistryError) and not error.retryable:
        return OF_NO_USE
    return status
