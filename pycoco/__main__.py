"""`python -m pycoco` is the `pycoco` command."""

import sys

from pycoco.cli import main

sys.exit(main())
