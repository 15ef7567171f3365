"""`make bench`: set up, measure every scenario, print the tables, write the results and the picture.

With --quick it takes two and a half minutes and its figures are only good enough to see that everything runs.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from tests.bench import comparison, markdown, picture, report, scenarios, servers, setting, targets
from tests.bench.contenders import libraries, programs
from tests.bench.results import Results, load_average, this_machine
from tests.bench.scenarios import FULL, QUICK, ROUND_TRIP, Bench
from tests.support.certificates import CertificateAuthority
from tests.support.images import ALL, build_images
from tests.support.tools import ROOT, build_tool

_LETTERS = "abcdefghi"


def main() -> int:
    parsed = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 150)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pycoco-bench-") as directory, _bench(Path(directory), parsed) as bench:
        about = {"date": time.strftime("%Y-%m-%d"), "length": "quick" if parsed.quick else "full"}
        machine = {**about, **this_machine(_versions(bench))}
        results = Results(machine=machine, notes={"load at the start": load_average()})
        _measure(bench, results, parsed.scenarios)
    results.notes["load at the end"] = load_average()
    results.notes["seconds"] = f"{time.monotonic() - started:.0f}"
    results.targets = targets.targets(results)
    report.print_results(results, console)
    output = Path(parsed.output) if parsed.output else ROOT / ("build/bench" if parsed.quick else "docs")
    output.mkdir(parents=True, exist_ok=True)
    results.compared = comparison.against(output / "benchmarks.json", results)
    for line in results.compared:
        console.print(line, highlight=False)
    results.write(output / "benchmarks.json")
    picture.draw(results, output / "benchmarks.svg")
    if (output / "benchmarks.md").exists():
        markdown.update(results, output / "benchmarks.md")
    console.print(f"written: {output}/benchmarks.json, {output}/benchmarks.svg")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Compare pycoco with its peers.")
    parser.add_argument("--quick", action="store_true", help="two and a half minutes instead of seven")
    parser.add_argument("--scenarios", default=_LETTERS, help=f"which of {_LETTERS} to measure; default: all")
    parser.add_argument("--output", help="where to write; default: docs, with --quick build/bench")
    return parser.parse_args()


@contextlib.contextmanager
def _bench(directory: Path, parsed: argparse.Namespace) -> Iterator[Bench]:
    say = lambda line: print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)  # noqa: E731
    for tool in ("imagetool", "benchserver", "crane", "regctl"):
        build_tool(tool, say)
    authority = CertificateAuthority(directory)
    build_images(build_tool("imagetool"), directory / "images", {"plain": ALL["plain"]})
    made = setting.make_setting(directory, authority.certificate, _install_pycoco(directory))
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(servers.counting_registry(authority.issue("server")))
        relay = stack.enter_context(servers.relay(registry.secured, ROUND_TRIP))
        http1 = stack.enter_context(servers.relay(registry.http1, ROUND_TRIP))
        crane = stack.enter_context(servers.crane_registry(directory, directory / "images" / "layout", "team/app:v1"))
        setting.write_credentials(made, registry, [registry.secured, relay.address, http1.address])
        made.write(directory / "setting.json")
        size = QUICK if parsed.quick else FULL
        yield Bench(size, made, str(directory / "setting.json"), registry, relay, http1, crane, say)


def _install_pycoco(directory: Path) -> str:
    """Install pycoco as its users do, in a virtual environment of its own, and return the command.

    In this one Python starts 7 ms later, for the editable install, and httpx imports what the benchmarks need besides.
    """
    environment = directory / "environment"
    python = str(environment / "bin" / "python")
    _run([sys.executable, "build.py", "--wheel", "--no-isolation", "--outdir", str(directory)])
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    (wheel,) = directory.glob("pycoco_oci-*.whl")
    _run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(wheel)])
    return str(environment / "bin" / "pycoco")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-3000:]}")


def _measure(bench: Bench, results: Results, letters: str) -> None:
    results.notes["capacity"] = _capacity(bench)
    results.round_trip = _added_round_trip(bench)
    results.notes["round trip"] = f"{results.round_trip * 1e3:.1f} ms longer behind the relay, as measured"
    run = {
        "a": bench.cold,
        "b": bench.warm,
        "d": bench.again,
        "e": bench.stored,
        "f": bench.start,
        "g": bench.pure,
        "h": bench.resolve,
        "i": bench.http1,
    }
    for letter in letters:
        if letter == "c":
            results.rows += bench.many(scenarios.NEAR, bench.registry.secured)
            results.rows += bench.many(scenarios.FAR, bench.far.address)
            results.rows += bench.more()
        else:
            results.rows += run[letter]()


def _capacity(bench: Bench) -> str:
    """Show that neither the registry nor the relay is the bottleneck: what they do for a client that only asks."""
    images = bench.size.images
    parts = []
    for name, address in (("registry", bench.registry.secured), ("registry behind the relay", bench.far.address)):
        before = servers.cpu_seconds(bench.registry.pid), servers.cpu_seconds(bench.far.pid)
        rate = servers.load(address, bench.registry, Path(bench.setting.authority), images)
        after = servers.cpu_seconds(bench.registry.pid), servers.cpu_seconds(bench.far.pid)
        spent = [f"{(late - early) / images * 1e3:.2f} ms" for early, late in zip(before, after, strict=True)]
        parts.append(f"{name} {rate:,.0f} images/s (CPU for one: registry {spent[0]}, relay {spent[1]})")
    return "; ".join(parts)


def _added_round_trip(bench: Bench) -> float:
    """Measure what the relay adds to one request; a longer run less a shorter one leaves connecting out."""

    def seconds(address: str, images: int) -> float:
        return images / servers.load(address, bench.registry, Path(bench.setting.authority), images, connections=1)

    near, far = (seconds(address, 30) - seconds(address, 10) for address in (bench.registry.secured, bench.far.address))
    return (far - near) / (20 * 3)


def _versions(bench: Bench) -> dict[str, str]:
    found = {name: version(name) for name in libraries()}
    asked = {name: [path, "--version"] for name, path in bench.setting.skopeos.items()}
    asked["crane"] = [bench.setting.crane, "version"]
    asked["regctl"] = [bench.setting.regctl, "version", "--format", "{{.VCSTag}}"]
    for name in programs(bench.setting):
        answer = subprocess.run(asked[name], capture_output=True, text=True, check=False).stdout
        numbers = re.search(r"\d+\.\d+[^\s]*", answer)
        found[name] = numbers[0] if numbers else "?"
    return found


if __name__ == "__main__":
    sys.exit(main())
