"""registries.conf files loaded for a test: upstream's own, and ones written for it."""

from __future__ import annotations

from pathlib import Path

from pycoco.configuration.reference import parse_reference
from pycoco.configuration.registries import registries_conf
from pycoco.configuration.registries.registries_conf import RegistriesConfiguration
from pycoco.configuration.settings import Settings
from tests.support.upstream import module_directory

DIGEST = "sha256:" + "a" * 64
AT = f"@{DIGEST}"


def upstream(main: str, drop_ins: str = "this-does-not-exist") -> RegistriesConfiguration:
    testdata = module_directory() / "pkg" / "sysregistriesv2" / "testdata"
    return registries_conf.load(explicit(testdata / main, testdata / drop_ins))


def explicit(main: Path, drop_ins: Path) -> Settings:
    return Settings(registries_conf=str(main), registries_conf_dir=str(drop_ins), environ={"HOME": "/nonexistent"})


def load(directory: Path, main: str, **drop_ins: str) -> RegistriesConfiguration:
    """Load `main` with drop-in files of the given names and contents."""
    path = directory / "registries.conf"
    path.write_text(main)
    (directory / "d").mkdir(exist_ok=True)
    for name, content in drop_ins.items():
        (directory / "d" / f"{name}.conf").write_text(content)
    return registries_conf.load(explicit(path, directory / "d"))


def sources(configuration: RegistriesConfiguration, text: str) -> list[str]:
    return [source.reference for source in configuration.pull_sources(parse_reference(text))]
