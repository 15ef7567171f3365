"""pycoco reads a container image's manifest and config, and not a byte of its layers, exactly as CRI-O would.

```python
import pycoco

image = pycoco.inspect("quay.io/acme/app:v1", platform="linux/arm64")
print(image.digest, image.config.entrypoint, [layer.encrypted for layer in image.layers])
```

Everything public is named in __all__, or in that of one of the rooms: pycoco.cri, pycoco.credentials, pycoco.fleet,
pycoco.layout, pycoco.node and pycoco.testing. Each name and each room is imported when it is first used: importing this
package itself loads nothing, so that it costs no program more than what of it is used.
"""

from pycoco._version import __version__

TYPE_CHECKING = False  # type checkers take it for true; the typing module's own would cost its import
if TYPE_CHECKING:
    from pycoco import credentials as credentials
    from pycoco import cri as cri
    from pycoco import fleet as fleet
    from pycoco import layout as layout
    from pycoco import node as node
    from pycoco import testing as testing
    from pycoco.answers.asked import Outcome
    from pycoco.answers.one_image import inspect
    from pycoco.answers.platform_images import PlatformImage
    from pycoco.answers.top_manifest import TopManifest
    from pycoco.answers.verification import JudgedSignature, Verification
    from pycoco.async_client import AsyncClient
    from pycoco.backends.contract import Resolved
    from pycoco.backends.exchange import Exchange, OnRequest
    from pycoco.client import Client
    from pycoco.configuration.auth.given import Token
    from pycoco.configuration.values import ParsedReference
    from pycoco.documents.descriptor import Descriptor, IndexEntry, Layer, Platform
    from pycoco.documents.encryption import LayerEncryption, Recipient
    from pycoco.documents.image_config import HealthCheck, History, ImageConfig
    from pycoco.documents.index import Index
    from pycoco.documents.manifest import Manifest
    from pycoco.documents.referrers import Referrer
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
    from pycoco.explanation import ExplainedCandidate, ExplainedSource, Explanation, LeftOutMirror
    from pycoco.image import Image
    from pycoco.introspection.aliases import (
        BackendChoice,
        BackendName,
        BatchReference,
        Revalidation,
        ShortNameMode,
        TokenKind,
    )
    from pycoco.options import Options

__all__ = [
    "AmbiguousManifestError",
    "AsyncClient",
    "BackendChoice",
    "BackendError",
    "BackendName",
    "BackendUnavailableError",
    "BatchReference",
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
    "ExplainedCandidate",
    "ExplainedSource",
    "Explanation",
    "ForkedProcessError",
    "HealthCheck",
    "History",
    "Image",
    "ImageConfig",
    "Index",
    "IndexEntry",
    "InvalidReferenceError",
    "JudgedSignature",
    "Layer",
    "LayerEncryption",
    "LayoutError",
    "LeftOutMirror",
    "Manifest",
    "ManifestError",
    "NoMatchingPlatformError",
    "NotAnImageError",
    "NotFoundError",
    "OnRequest",
    "OperationCancelledError",
    "Options",
    "Outcome",
    "ParsedReference",
    "Platform",
    "PlatformImage",
    "PolicyRejectedError",
    "PycocoError",
    "RateLimitedError",
    "Recipient",
    "Referrer",
    "RegistryError",
    "Resolved",
    "Revalidation",
    "ShortNameError",
    "ShortNameMode",
    "Token",
    "TokenKind",
    "TooLargeError",
    "TopManifest",
    "UnauthorizedError",
    "UnavailableError",
    "UnsupportedManifestError",
    "Verification",
    "__version__",
    "inspect",
]

# By name, the module that has it: all the rest are errors.
_MODULE_OF = {
    **dict.fromkeys(__all__, "pycoco.errors"),
    "AsyncClient": "pycoco.async_client",
    **dict.fromkeys(
        ("BackendChoice", "BackendName", "BatchReference", "Revalidation", "ShortNameMode", "TokenKind"),
        "pycoco.introspection.aliases",
    ),
    "Client": "pycoco.client",
    **dict.fromkeys(("Descriptor", "IndexEntry", "Layer", "Platform"), "pycoco.documents.descriptor"),
    **dict.fromkeys(("Exchange", "OnRequest"), "pycoco.backends.exchange"),
    **dict.fromkeys(("ExplainedCandidate", "ExplainedSource", "Explanation", "LeftOutMirror"), "pycoco.explanation"),
    **dict.fromkeys(("HealthCheck", "History", "ImageConfig"), "pycoco.documents.image_config"),
    "Image": "pycoco.image",
    "Index": "pycoco.documents.index",
    **dict.fromkeys(("JudgedSignature", "Verification"), "pycoco.answers.verification"),
    **dict.fromkeys(("LayerEncryption", "Recipient"), "pycoco.documents.encryption"),
    "Manifest": "pycoco.documents.manifest",
    "Options": "pycoco.options",
    "Outcome": "pycoco.answers.asked",
    "ParsedReference": "pycoco.configuration.values",
    "PlatformImage": "pycoco.answers.platform_images",
    "Referrer": "pycoco.documents.referrers",
    "Resolved": "pycoco.backends.contract",
    "Token": "pycoco.configuration.auth.given",
    "TopManifest": "pycoco.answers.top_manifest",
    "inspect": "pycoco.answers.one_image",
}

# Modules that are used by their own name, pycoco.credentials.…, without an import of their own.
_ROOMS = frozenset({"cri", "credentials", "fleet", "layout", "node", "testing"})

if not TYPE_CHECKING:  # with it no name would be unknown to type checkers

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
    return sorted({*globals(), *__all__, *_ROOMS})


class _Deferred:
    """A module that annotations name, imported when somebody asks what they mean.

    typing.get_type_hints evaluates an annotation among the globals of its module, where every name has to be: no
    __getattr__ of the module is asked. But what follows a dot is asked of what stands before it. So annotations name
    what pycoco exports as pycoco.Image, and in modules that load quickly, for anything else that only annotations need:

        if TYPE_CHECKING:
            import datetime
        else:
            datetime = pycoco._Deferred("datetime")
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        from importlib import import_module

        return getattr(import_module(self._name), attribute)
