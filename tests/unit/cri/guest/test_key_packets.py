"""ocicrypt-rs's own verdicts on crafted annotations, recorded: data/README.md says how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri.guest.key_packets import key_problem
from tests.unit.cri.guest.keys import PACKET, keys_for

VERDICTS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "key_packets.json").read_text())["verdicts"]
AGENT = "org.opencontainers.image.enc.keys.provider.attestation-agent"


def test_there_are_enough_of_both_kinds() -> None:
    usable = [name for name, verdict in VERDICTS.items() if not verdict["error"]]
    assert len(VERDICTS) >= 100
    assert 20 <= len(usable) <= len(VERDICTS) - 60


@pytest.mark.parametrize("name", VERDICTS)
def test_a_verdict(name: str) -> None:
    problem = key_problem(VERDICTS[name]["annotations"])
    assert bool(problem) == bool(VERDICTS[name]["error"]), f"the guest: {VERDICTS[name]['error']}; pycoco: {problem}"


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (keys_for(AGENT.replace("attestation-agent", "coco")), ""),
        ({}, "encrypted for no one"),
        (keys_for(AGENT, {}), "provider.attestation-agent, which has no kid"),
        (keys_for(AGENT, PACKET | {"version": "0.2.0"}), "of a version other than 0.1.0"),
        (keys_for(AGENT, PACKET | {"provider": "vault"}), "names a provider that no guest knows: 'vault'"),
        (keys_for(AGENT, PACKET | {"provider": "aliyun"}), ""),
        (keys_for(AGENT, options={"cipher": "x"}), "the public options have no hmac"),
    ],
)
def test_what_is_said(annotations: dict[str, str], message: str) -> None:
    problem = key_problem(annotations)
    assert message in problem
    assert bool(message) == bool(problem)


def test_a_foreign_packet_that_sorts_first() -> None:
    """get_layer_key_opts of ocicrypt-rs: the first of them all by name, whatever its name."""
    foreign = keys_for(AGENT.replace("attestation-agent", "aaa"), {"foreign": "packet"})
    problem = key_problem(keys_for(AGENT) | foreign)
    assert problem == (
        "it takes the key packet of provider.aaa, which has no kid, and never looks at that of "
        "provider.attestation-agent"
    )
