"""What annotations need of typing that not every Python has there.

It is not for code that runs: nothing is imported before somebody asks what an annotation means.
"""

from __future__ import annotations

import sys

import pycoco

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing_extensions as typing_extensions
else:
    # Unpack is in typing since Python 3.11. An older Python has typing_extensions with httpx, which stands on anyio.
    typing_extensions = pycoco._Deferred("typing" if sys.version_info >= (3, 11) else "typing_extensions")
