"""Write the outputs in README and docs anew: `python -m tests.documentation [PAGE ...]`. Read the difference then."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.documentation.blocks import with_outputs
from tests.documentation.pages import pages, run
from tests.documentation.stage import stage


def main() -> int:
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or pages()
    for path in wanted:
        with tempfile.TemporaryDirectory(prefix="pycoco-docs-") as directory, stage(Path(directory)) as where:
            wrong = [ran for ran in run(path, where) if not ran.right]
        for ran in wrong:
            print(f"{path}:{ran.line}: {ran.what}", file=sys.stderr)
            if ran.place == (0, 0):
                print(ran.printed, file=sys.stderr)
        with_outputs(path, {ran.place: ran.printed for ran in wrong if ran.place != (0, 0)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
