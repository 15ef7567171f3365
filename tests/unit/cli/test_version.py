"""What `pycoco version` says of the machine. tests/end_to_end reads what it says of this one."""

from __future__ import annotations

import platform
import sysconfig

import pytest

from pycoco.cli import version


@pytest.mark.parametrize(
    ("told", "built_for", "libc"),
    [
        (("glibc", "2.36"), "x86_64-pc-linux-gnu", "glibc 2.36"),
        (("libc", ""), "x86_64-alpine-linux-musl", "musl"),  # Python up to 3.13, and in a folder of its own as well
        (("musl", "1.2.5"), "x86_64-pc-linux-musl", "musl"),
        (("", ""), "x86_64-apple-darwin24", "unknown"),
        (("", ""), None, "unknown"),
    ],
)
def test_the_libc_is_the_one_that_python_was_built_for(
    told: tuple[str, str], built_for: str | None, libc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: told)
    monkeypatch.setattr(sysconfig, "get_config_var", {"HOST_GNU_TYPE": built_for}.get)
    assert version._libc() == libc
