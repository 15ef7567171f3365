"""process.capabilities, rule by rule: CRI-O f954a17e internal/factory/container/container.go:640."""

from __future__ import annotations

import pytest

from pycoco.cri.container_config import Capability
from pycoco.cri.node import DEFAULT_CAPABILITIES as DEFAULT
from pycoco.cri.spec.capabilities import KNOWN, process_capabilities
from pycoco.errors import ContainerConfigError

DEFAULTS = [f"CAP_{name}" for name in DEFAULT]


def bounding(add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> list[str]:
    found = process_capabilities(Capability(add_capabilities=add, drop_capabilities=drop))
    assert found.get("bounding") == found.get("effective") == found.get("permitted")
    assert "ambient" not in found
    assert "inheritable" not in found
    return found.get("bounding", [])


def test_nothing_requested_gives_the_defaults() -> None:
    assert bounding() == DEFAULTS
    assert process_capabilities(None)["permitted"] == DEFAULTS


def test_the_requested_come_before_the_defaults() -> None:
    assert bounding(add=("NET_ADMIN", "cap_net_raw", "CHOWN")) == [
        *("CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_CHOWN"),
        *DEFAULTS[1:],
    ]


def test_all_is_every_one_that_linux_has() -> None:
    assert bounding(add=("ALL",)) == list(KNOWN)
    assert len(KNOWN) == 41
    assert bounding(add=("all",), drop=("CHOWN",)) == [KNOWN[-1], *KNOWN[1:-1]]


def test_drop_all_leaves_what_is_added() -> None:
    assert bounding(drop=("ALL",)) == []
    assert bounding(add=("NET_BIND_SERVICE",), drop=("ALL",)) == ["CAP_NET_BIND_SERVICE"]
    assert bounding(add=("ALL", "NET_BIND_SERVICE"), drop=("ALL",)) == ["CAP_NET_BIND_SERVICE"]


def test_the_last_one_fills_the_place_of_a_dropped_one() -> None:
    """generate.go:26 (removeFunc)."""
    assert bounding(drop=("DAC_OVERRIDE",)) == [DEFAULTS[0], DEFAULTS[-1], *DEFAULTS[2:-1]]


@pytest.mark.parametrize(("add", "drop"), [(("FLY",), ()), ((), ("FLY",))])
def test_unknown_ones_are_refused(add: tuple[str, ...], drop: tuple[str, ...]) -> None:
    with pytest.raises(ContainerConfigError, match="CAP_FLY"):
        bounding(add, drop)


def test_inheritable_only_where_crio_conf_says_so() -> None:
    assert process_capabilities(None, inheritable=True)["inheritable"] == DEFAULTS


def test_privileged_has_them_all_everywhere() -> None:
    """generate.go:1147 (SetupPrivileged)."""
    found = process_capabilities(Capability(drop_capabilities=("ALL",)), privileged=True)
    assert set(found) == {"bounding", "effective", "inheritable", "permitted", "ambient"}
    assert all(held == list(KNOWN) for held in found.values())
