"""What strangers wrote, as commands print it: each in its own line, and nothing in it that moves a cursor."""

from __future__ import annotations

import pycoco
from pycoco.answers.platform_images import PlatformImage
from pycoco.answers.verification import JudgedSignature, Verification
from pycoco.cli import pull
from pycoco.cli.registry import platforms, verify
from pycoco.documents.descriptor import Platform
from pycoco.node import PulledImage

EVIL = "evil\x1b[2K\n  verdict    allowed"
SHOWN = "evil\\x1b[2K\\n  verdict    allowed"
DIGEST = "sha256:" + "0" * 64


def test_verify() -> None:
    signature = JudgedSignature(1, "simple signing", EVIL, DIGEST, EVIL + "x" * 100_000, ("no",))
    found = Verification(
        "q/a:v1", "q/a:v1", DIGEST, "application/json", EVIL, "default", False, "no", True, (signature,)
    )
    lines = verify.text(found).splitlines()
    assert lines[0] == f"q/a:v1  {SHOWN}"
    assert lines[3] == "  verdict    rejected: no"
    assert SHOWN in lines[4]
    assert len(lines) == 6
    assert max(map(len, lines)) <= 2000


def test_platforms() -> None:
    found = PlatformImage(Platform(os=EVIL, architecture="amd64"), DIGEST, pycoco.RegistryError("no"))
    first, second = platforms.text(found).splitlines()
    assert first == f"{SHOWN}/amd64  {DIGEST}"
    assert second == "  error      no"


def test_pull() -> None:
    found = PulledImage(
        id="0" * 64,
        pinned="q/a@" + DIGEST,
        reference="q/a:v1",
        digest=DIGEST,
        instance_digest=DIGEST,
        config_digest=DIGEST,
        names=(EVIL,),
        full=False,
    )
    assert pull.summary(found).splitlines()[-1].endswith(SHOWN)
