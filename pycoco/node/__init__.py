"""Encrypted images on a CRI-O node that cannot decrypt them: image records without layers.

It is not for reading images (a client does) nor for running them: the guest brings the layers.
"""

from __future__ import annotations

from pycoco.node.crio_config import CrioConfig, read_crio_config
from pycoco.node.pull import PulledImage, pull

__all__ = ["CrioConfig", "PulledImage", "pull", "read_crio_config"]
