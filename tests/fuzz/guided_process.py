"""The process of one search that is guided by coverage: NAME SEED BUDGET and the file for its report.

It is not for anything that may be imported: what is to be guided has to be imported here first, instrumented.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pycoco.configuration", "pycoco.documents", "pycoco.backends.python.network"]):
    from tests.fuzz.guided import fuzz
    from tests.fuzz.search import Budget

if __name__ == "__main__":
    _, name, seed, budget, told = sys.argv
    fuzz(name, int(seed), Budget(**json.loads(budget)), Path(told))
