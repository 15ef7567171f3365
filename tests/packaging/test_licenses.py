"""Which files count as licences, and how they are laid into a wheel."""

from __future__ import annotations

from pathlib import Path

import licenses


def test_a_package_is_under_its_own_terms_and_its_module_s(tmp_path: Path) -> None:
    module, package = tmp_path / "module", tmp_path / "module" / "inner" / "package"
    package.mkdir(parents=True)
    applying = [module / "LICENSE.md", module / "NOTICE", module / "inner" / "COPYING", package / "licence-mit.txt"]
    for file in [*applying, tmp_path / "LICENSE", module / "README.md", package / "license.go"]:
        file.write_text("text", "utf-8")
    (module / "licenses").mkdir()
    assert sorted(licenses.applying_to(package, module)) == sorted(applying)


def test_metadata_names_the_licences_and_the_sbom_is_beside_them(tmp_path: Path) -> None:
    (tmp_path / "METADATA").write_text("Name: pycoco\nLicense-File: LICENSE\nDynamic: license-file\n", "utf-8")
    licenses.add(tmp_path, "terms", "{}")
    assert (tmp_path / "licenses" / "THIRD-PARTY-LICENSES").read_text("utf-8") == "terms"
    assert (tmp_path / "sboms" / "go-modules.cdx.json").read_text("utf-8") == "{}"
    assert (tmp_path / "METADATA").read_text("utf-8") == (
        "Name: pycoco\nLicense-File: LICENSE\nLicense-File: THIRD-PARTY-LICENSES\nDynamic: license-file\n"
    )


def test_nothing_compiled_in_nothing_added(tmp_path: Path) -> None:
    licenses.add(tmp_path, "", "")
    assert list(tmp_path.iterdir()) == []
