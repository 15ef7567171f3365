"""The command behind `make upstream`."""

from __future__ import annotations

import argparse
import sys

from tests.support.tools import ROOT
from tests.upstream import candidate, functions
from tests.upstream.releases import GO_MODULES, Release, pinned_in_go, releases, source_of

LINES = 60
"""Of one declaration's difference."""


def main() -> int:
    """Print what moved; the exit status is that of the parity tests on the candidate, 0 where there is none."""
    given = _arguments()
    known = releases()
    for each in known:
        print(f"{each.name:24} {each.pinned:12} {'newest' if not each.moved else 'newer: ' + each.newest}")
    wanted = {each.name: each.newest for each in known if each.name in GO_MODULES and each.moved}
    if given.to:
        wanted[GO_MODULES[0]] = given.to
    before = given.since or pinned_in_go(GO_MODULES[0])
    after = wanted.get(GO_MODULES[0], pinned_in_go(GO_MODULES[0]))
    if before != after:
        show_changes(Release(GO_MODULES[0], before, after))
    if not wanted or given.no_parity:
        return 0
    print(f"\nParity with {', '.join(f'{name} {version}' for name, version in wanted.items())}:", flush=True)
    return candidate.parity(wanted, given.test)


def show_changes(release: Release) -> None:
    """Print what is declared differently: whole where pycoco speaks of it, by name where it does not."""
    found = functions.changed(*(source_of(release.name, version) for version in (release.pinned, release.newest)))
    cited = functions.citations(ROOT, {each.name for each in found})
    print(f"\n{release.name} {release.pinned} to {release.newest}: {len(found)} declarations differ")
    for each in (each for each in found if each.name in cited):
        print(f"\n{each.name} in {each.file}, of which these speak: {', '.join(cited[each.name])}")
        print("\n".join(each.difference.splitlines()[:LINES]))
    others = [f"{each.name} ({each.file})" for each in found if each.name not in cited]
    if others:
        print("\nNamed nowhere in pycoco: " + ", ".join(others))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make upstream ARGS=...", description=__doc__)
    parser.add_argument("--to", metavar="VERSION", help="the version of containers/image to try instead of the newest")
    parser.add_argument("--since", metavar="VERSION", help="the version to compare with instead of the pinned one")
    parser.add_argument("--no-parity", action="store_true", help="only say what moved and what that changes")
    parser.add_argument("test", nargs="*", help="the tests to run on the candidate instead of the parity tests")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
