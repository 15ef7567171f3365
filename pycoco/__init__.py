"""pycoco reads a container image's manifest and config, and not a byte of its layers, exactly as CRI-O would.

    import pycoco

    image = pycoco.inspect("quay.io/org/app:v1", platform="linux/arm64")
    print(image.digest, image.config.entrypoint, [layer.encrypted for layer in image.layers])

Everything public is named in __all__. Importing this package loads neither the Go library nor httpx.
"""

from pycoco._version import __version__
from pycoco.async_client import AsyncClient
from pycoco.client import Client, inspect
from pycoco.encryption import LayerEncryption, Recipient
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
from pycoco.image_config import History, ImageConfig
from pycoco.manifest import Descriptor, Index, IndexEntry, Layer, Manifest, Platform

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
    "TooLargeError",
    "UnauthorizedError",
    "UnavailableError",
    "UnsupportedManifestError",
    "__version__",
    "inspect",
]
