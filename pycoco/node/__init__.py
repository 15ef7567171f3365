"""Encrypted images on a CRI-O node that cannot decrypt them: image records without layers.

It is not for reading images (a client does) nor for running them: the guest brings the layers.
"""

from __future__ import annotations

from pycoco.node.pull import PulledImage, pull

__all__ = ["PulledImage", "pull"]
