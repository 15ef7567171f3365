"""CRI messages in files, as crictl takes them: JSON and YAML."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pycoco.cri import ContainerConfig
from pycoco.cri.container_config import ContainerMetadata, LinuxContainerResources, LinuxContainerSecurityContext
from pycoco.cri.request_file import read_request
from pycoco.errors import ConfigurationError, ContainerConfigError

YAML = """
metadata:
  name: app
command: [sleep, "5"]
annotations:
  day: 2024-05-06
  number: "1.50"
linux:
  security_context:
    run_as_user: {value: 1000}
    readonly_rootfs: yes
    namespace_options:
      pid: 1
"""
JSON = """{
"metadata": {"name": "app"}, "command": ["sleep", "5"], "annotations": {"day": "2024-05-06", "number": "1.50"},
"linux": {"security_context": {
    "run_as_user": {"value": 1000}, "readonly_rootfs": true, "namespace_options": {"pid": 1}
}}}"""


def test_yaml_is_the_same_as_json(tmp_path: Path) -> None:
    found = []
    for name, text in (("c.yaml", YAML), ("c.json", JSON)):
        (tmp_path / name).write_text(text)
        found.append(ContainerConfig.from_json(read_request(tmp_path / name)))
    assert found[0] == found[1]
    assert found[0].annotations["day"] == "2024-05-06"


def test_numbers_and_truth_values_of_yaml_are_texts_where_texts_belong(tmp_path: Path) -> None:
    """The right side is what sigs.k8s.io/yaml v1.6.0 made of it, as crictl 1.37 uses it, but for a decimal's zeros."""
    (tmp_path / "c.yaml").write_text(
        "metadata: {name: 7, attempt: 0x10}\n"
        "command: [sleep, 3600, 0x10, 010, 0o10, 1_000, -0, +5, yes, no, on, true, ~, 2024-05-06, 12:30, 1.50]\n"
        "labels: {a: 1, b: true, 5: x, true: y, d: null}\n"
        "log_path: 5\n"
        "linux: {resources: {cpu_shares: 5, cpuset_cpus: 1}, security_context: {run_as_user: {value: 010}}}\n"
    )
    found = ContainerConfig.from_json(read_request(tmp_path / "c.yaml"))
    assert found.metadata == ContainerMetadata(name="7", attempt=16)
    numbers = ("sleep", "3600", "16", "8", "8", "1000", "0", "5")
    assert found.command == (*numbers, "true", "false", "true", "true", "", "2024-05-06", "12:30", "1.50")
    assert found.labels == {"a": "1", "b": "true", "5": "x", "true": "y", "d": ""}
    assert found.log_path == "5"
    assert found.linux is not None
    assert (found.linux.resources, found.linux.security_context) == (
        LinuxContainerResources(cpu_shares=5, cpuset_cpus="1"),
        LinuxContainerSecurityContext(run_as_user=8),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tty: 1", "tty must be a boolean, not a number"),
        ('tty: "true"', "tty must be a boolean, not a string"),
        ("stop_signal: true", "stop_signal must be one of"),
        ("labels: {a: [1]}", "'a' must have a string as its value"),
        ("command: [[1]]", "must be a string, not an array"),
        ("linux: yes", "linux must be a JSON object, not a boolean"),
        ("linux: 5", "linux must be a JSON object, not a number"),
        ("command: 5", "command must be a JSON array, not a number"),
    ],
)
def test_what_is_no_message(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ContainerConfigError, match=message):
        ContainerConfig.from_json(read_request(tmp_path / "c.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"c:1: not YAML that crictl would take"),
        ("a: 1\na: 2", "a key appears twice"),
        ("a: &x {}\nb: *x", "c:2: not YAML that crictl would take: aliases are not taken"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("just a text", "holds no object"),
        ("", "holds no object"),
        ('{"a": 1, "a": 2}', "not JSON: a key appears twice"),
        ("[]", "holds no object"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("a: " + "[" * 5_000, "not YAML"),
        ("#" * (1024 * 1024 + 1), "too large"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises((ConfigurationError, ContainerConfigError), match=message):
        read_request(tmp_path / "c")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a: \xff")
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("no", "cannot be read"),
        ("latin", "not UTF-8"),
        (".", "cannot be read"),
        ("pipe", "not a regular file"),
    ):
        with pytest.raises((ConfigurationError, ContainerConfigError), match=message):
            read_request(tmp_path / name)


def test_yaml_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "c").write_text(YAML)
    with pytest.raises(ConfigurationError, match=r"pycoco-oci\[yaml\]"):
        read_request(tmp_path / "c")
    (tmp_path / "c").write_text(JSON)
    assert read_request(tmp_path / "c")["metadata"] == {"name": "app"}
