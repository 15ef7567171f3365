"""process.env, rule by rule. Line numbers are CRI-O's at f954a17e."""

from __future__ import annotations

import pytest

from pycoco.cri.container_config import KeyValue
from pycoco.cri.spec.environment import DEFAULTS, ProcessEnvironment, merge, process_environment
from pycoco.errors import ContainerConfigError

PATH, TERM = DEFAULTS


def envs(*pairs: tuple[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in pairs]


MERGED = [
    # server/utils.go:47, no envs in the request: the image's, with what is odd about them
    ([], [], []),
    (["A=1", "A=2", "B="], [], ["A=1", "A=2", "B="]),
    (["=x"], [], ["=x"]),
    # server/utils.go:50-56, the request's first, in order, nameless ones dropped
    ([], [("A", "1"), ("", "x"), ("B", "2")], ["A=1", "B=2"]),
    # server/utils.go:60-72, the image's where the request does not set them
    (["A=image", "C=3"], [("A", "1")], ["A=1", "C=3"]),
    (["A", "=x", "C=3"], [("B", "1")], ["B=1", "C=3"]),
    (["C=1", "C=2"], [("B", "1")], ["B=1", "C=1", "C=2"]),
    # a name with "=" in it counts up to the first one (strings.Cut)
    (["A=image"], [("A=B", "1")], ["A=B=1"]),
    # only nameless ones: a request with envs all the same
    (["A", "B=2"], [("", "x")], ["B=2"]),
]


@pytest.mark.parametrize(("image", "request_", "expected"), MERGED)
def test_merge(image: list[str], request_: list[tuple[str, str]], expected: list[str]) -> None:
    assert merge(image, envs(*request_)) == expected


def test_an_entry_without_equals_sign_is_an_error_where_crio_panics() -> None:
    """server/container_create.go:1026-1029 reads parts[1] of a split that has one part."""
    with pytest.raises(ContainerConfigError, match="'BROKEN'"):
        merge(["A=1", "BROKEN"], [])


ORDERED = [
    # generate.New's two; HOSTNAME (container_create.go:825)
    ({}, [PATH, TERM, "HOSTNAME=h"]),
    # TERM once more with a terminal (container_create.go:766): the cache does not find the default
    ({"tty": True}, [PATH, TERM, "TERM=xterm", "HOSTNAME=h"]),
    # an image's PATH follows the default one, for the same reason (generate.go:322, createEnvCacheMap)
    ({"image_env": ["PATH=/x", "A=1"]}, [PATH, TERM, "HOSTNAME=h", "PATH=/x", "A=1"]),
    # set by name, in its place, from the third entry on: kubelet > image > default_env > HOSTNAME
    (
        {"image_env": ["A=image", "B=image"], "envs": envs(("A", "kube")), "default_env": ["A=d", "B=d", "C=d"]},
        [PATH, TERM, "HOSTNAME=h", "A=kube", "B=image", "C=d"],
    ),
    ({"image_env": ["HOSTNAME=image", "A=1", "A=2"]}, [PATH, TERM, "HOSTNAME=image", "A=2"]),
    ({"tty": True, "image_env": ["TERM=vt100"]}, [PATH, TERM, "TERM=vt100", "HOSTNAME=h"]),
    # setupSystemdMounts runs before HOSTNAME is set (container_create_linux.go:639)
    ({"systemd": True}, [PATH, TERM, "container=crio", "HOSTNAME=h"]),
    # AddProcessEnv drops a nameless entry (generate.go:521)
    ({"image_env": ["=x"]}, [PATH, TERM, "HOSTNAME=h"]),
]


@pytest.mark.parametrize(("given", "expected"), ORDERED)
def test_order(given: dict[str, object], expected: list[str]) -> None:
    arguments: dict[str, object] = {"image_env": [], "envs": [], "hostname": "h"} | given
    assert process_environment(**arguments).entries == expected  # type: ignore[arg-type]


def test_home_is_the_first_one() -> None:
    environment = ProcessEnvironment()
    assert environment.home() == ""
    environment.set("HOME", "/root")
    assert environment.home() == "/root"


@pytest.mark.parametrize("home", ["/a\nroot:x:0:0", "/a\r"])
def test_home_with_a_line_break_is_refused(home: str) -> None:
    """setupContainerUser, container_create.go:226: it would add a line to the passwd file."""
    environment = ProcessEnvironment()
    environment.set("HOME", home)
    with pytest.raises(ContainerConfigError, match="line break"):
        environment.home()
