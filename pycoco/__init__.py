"""pycoco reads a container image's manifest and config, and not a byte of its layers, exactly as CRI-O would.

    import pycoco

    image = pycoco.inspect("quay.io/org/app:v1", platform="linux/arm64")
    print(image.digest, image.config.entrypoint, [layer.encrypted for layer in image.layers])

Everything public is named in __all__, and imported from its module when it is first used: importing this package itself
loads nothing, so that it costs no program more than what of it is used.
"""

from pycoco._version import __version__

TYPE_CHECKING = False  # type checkers take it for true; the typing module's own would cost its import
if TYPE_CHECKING:
    from pycoco.async_client import AsyncClient
    from pycoco.backends.exchange import Exchange
    from pycoco.client import Client, inspect
    from pycoco.configuration.auth.given import Token
    from pycoco.documents.descriptor import Descriptor, IndexEntry, Layer, Platform
    from pycoco.documents.encryption import LayerEncryption, Recipient
    from pycoco.documents.image_config import History, ImageConfig
    from pycoco.documents.index import Index
    from pycoco.documents.manifest import Manifest
    from pycoco.errors import (
        AmbiguousManifestError,
        BackendError,
        BackendUnavailableError,
        BlockedError,
        ConfigurationError,
        ContainerConfigError,
        CredentialsError,
        DeadlineError,
        DeniedError,
        DigestMismatchError,
        ForkedProcessError,
        InvalidReferenceError,
        LayoutError,
        ManifestError,
        NoMatchingPlatformError,
        NotAnImageError,
        NotFoundError,
        OperationCancelledError,
        PolicyRejectedError,
        PycocoError,
        RateLimitedError,
        RegistryError,
        ShortNameError,
        TooLargeError,
        UnauthorizedError,
        UnavailableError,
        UnsupportedManifestError,
    )
    from pycoco.image import Image

__all__ = [
    "AmbiguousManifestError",
    "AsyncClient",
    "BackendError",
    "BackendUnavailableError",
    "BlockedError",
    "Client",
    "ConfigurationError",
    "ContainerConfigError",
    "CredentialsError",
    "DeadlineError",
    "DeniedError",
    "Descriptor",
    "DigestMismatchError",
    "Exchange",
    "ForkedProcessError",
    "History",
    "Image",
    "ImageConfig",
    "Index",
    "IndexEntry",
    "InvalidReferenceError",
    "Layer",
    "LayerEncryption",
    "LayoutError",
    "Manifest",
    "ManifestError",
    "NoMatchingPlatformError",
    "NotAnImageError",
    "NotFoundError",
    "OperationCancelledError",
    "Platform",
    "PolicyRejectedError",
    "PycocoError",
    "RateLimitedError",
    "Recipient",
    "RegistryError",
    "ShortNameError",
    "Token",
    "TooLargeError",
    "UnauthorizedError",
    "UnavailableError",
    "UnsupportedManifestError",
    "__version__",
    "inspect",
]

# By name, the module that has it: all the rest are errors.
_MODULE_OF = {
    **dict.fromkeys(__all__, "pycoco.errors"),
    "AsyncClient": "pycoco.async_client",
    **dict.fromkeys(("Client", "inspect"), "pycoco.client"),
    **dict.fromkeys(("LayerEncryption", "Recipient"), "pycoco.documents.encryption"),
    "Exchange": "pycoco.backends.exchange",
    "Image": "pycoco.image",
    **dict.fromkeys(("History", "ImageConfig"), "pycoco.documents.image_config"),
    **dict.fromkeys(("Descriptor", "IndexEntry", "Layer", "Platform"), "pycoco.documents.descriptor"),
    "Index": "pycoco.documents.index",
    "Manifest": "pycoco.documents.manifest",
    "Token": "pycoco.configuration.auth.given",
}

# Modules that are used by their own name, pycoco.credentials.…, without an import of their own.
_ROOMS = frozenset({"credentials"})


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562)."""
    if name not in _MODULE_OF and name not in _ROOMS:
        raise AttributeError(f"module 'pycoco' has no attribute {name!r}")
    from importlib import import_module

    if name in _ROOMS:
        return import_module(f"pycoco.{name}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
