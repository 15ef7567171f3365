# What build.py generates from go/pycoco.h; what cffi gives back has no types.
from typing import Any

ffi: Any
