"""What users need to test their own code: a registry in this process, made of a few arguments.

It is not for pycoco's own proofs, which need registries that misbehave (tests/support). `pycoco_registry` is its pytest
fixture, made only for tests that ask for it.
"""

from pycoco.testing.registry import FakeRegistry, Request

__all__ = ["FakeRegistry", "Request"]
