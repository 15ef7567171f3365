"""containers/image manifest/docker_schema2.go: the fields that every ImageStatus decodes, and drops."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri import image_status, runtime_config
from pycoco.errors import ManifestError
from tests.unit.cri import samples


@pytest.mark.parametrize(
    "config",
    [
        {"Healthcheck": "x"},
        {"Healthcheck": {"Test": "CMD"}},
        {"Healthcheck": {"Interval": 1.5}},
        {"OnBuild": 5},
        {"OnBuild": "RUN x"},
        {"Hostname": 5},
        {"hostname": 5},
        {"Tty": "yes"},
        {"StopTimeout": "9"},
        {"Shell": 5},
    ],
)
def test_one_of_the_wrong_type_makes_the_image_unusable(config: dict[str, Any]) -> None:
    for use in (image_status, runtime_config):
        with pytest.raises(ManifestError, match="CRI-O cannot use such an image"):
            use(samples.image(config))


@pytest.mark.parametrize("fields", [{"Size": "1"}, {"container_config": {"OnBuild": 5}}, {"docker_version": 5}])
def test_the_same_at_the_top(fields: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="CRI-O cannot use such an image"):
        image_status(samples.image(document=samples.config_document({}, **fields)))


@pytest.mark.parametrize(
    "config",
    [
        {"Shell": "x"},  # docker's StrSlice takes a string
        {"Shell": ["/bin/sh", "-c"]},
        {"Healthcheck": None, "OnBuild": None, "Hostname": None},
        {"Healthcheck": {"Test": ["NONE"], "Retries": 3}},
        {"Memory": "x"},  # a field that nobody decodes
    ],
)
def test_what_is_fine(config: dict[str, Any]) -> None:
    assert image_status(samples.image(config)).id
