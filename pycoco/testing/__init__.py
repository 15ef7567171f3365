"""What users need to test their own code: a registry in this process, and clients that answer from a table.

It is not for pycoco's own proofs, which need registries that misbehave (tests/support). `pycoco_registry` is the
registry's pytest fixture, made only for tests that ask for it.
"""

from pycoco.testing.clients import FakeAsyncClient, FakeClient, make_image
from pycoco.testing.images import Built, Document, ImageParts, build_artifact, build_image
from pycoco.testing.registry import FakeRegistry, Request

__all__ = [
    "Built",
    "Document",
    "FakeAsyncClient",
    "FakeClient",
    "FakeRegistry",
    "ImageParts",
    "Request",
    "build_artifact",
    "build_image",
    "make_image",
]
