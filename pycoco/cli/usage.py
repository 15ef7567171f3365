"""A command line that is wrong in a way that argparse cannot see, such as two options that contradict each other."""

from __future__ import annotations


class UsageError(Exception):
    """What is wrong with the arguments, as one sentence that says what to write instead. The command ends with 2."""
