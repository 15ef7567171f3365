"""Which policy.json applies to a pod of a namespace, as crio.conf has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.configuration.auth import crio
from pycoco.configuration.policy import namespaced
from pycoco.errors import ConfigurationError
from pycoco.options import settings_of


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "crio.conf"
    monkeypatch.setattr(crio, "CRIO_CONF", str(file))
    monkeypatch.setattr(crio, "CRIO_CONF_DIRECTORY", str(tmp_path / "none"))
    file.write_text(f'[crio.image]\nsignature_policy = "/node.json"\nsignature_policy_dir = "{tmp_path}"\n')
    (tmp_path / "prod.json").write_text("{}")
    return file


def test_a_namespaces_own_policy_goes_before_the_nodes(conf: Path) -> None:
    assert namespaced.policy_file("prod") == str(conf.parent / "prod.json")
    assert namespaced.policy_file("other") == "/node.json"
    conf.write_text("")
    assert namespaced.policy_file("other") == ""


def test_the_option(conf: Path) -> None:
    own = str(conf.parent / "prod.json")
    assert settings_of({"namespace": "prod", "policy": True}, {}).policy == own
    assert settings_of({"namespace": "prod"}, {}).policy is None
    assert settings_of({"namespace": "prod", "policy": "/given.json"}, {}).policy == "/given.json"
    assert settings_of({"policy": True}, {}).policy == ""


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "A", "../prod"])
def test_what_is_no_namespace(conf: Path, namespace: str) -> None:
    with pytest.raises(ConfigurationError, match="namespace"):
        namespaced.policy_file(namespace)


def test_a_directory_that_is_not_absolute(conf: Path) -> None:
    conf.write_text('[crio.image]\nsignature_policy_dir = "policies"\n')
    with pytest.raises(ConfigurationError, match="absolute"):
        namespaced.policy_file("prod")
