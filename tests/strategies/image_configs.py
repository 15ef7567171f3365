"""Images' configs, valid and mutated.

It is not for what a runtime makes of them.
"""

from __future__ import annotations

from typing import Any

from tests.strategies import digests, json_documents
from tests.strategies.choices import Choices, Drawn

_TIMES: tuple[Any, ...] = (
    "2024-02-29T23:59:59.123456789Z",
    "2023-02-29T00:00:00Z",
    "1970-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+24:60",
    "2024-01-01T00:00:00+25:00",
    "2024-01-01T00:00:00+00:61",
    "2024-01-01T24:00:00Z",
    "2024-01-01T23:60:00Z",
    "2024-01-01T23:59:60Z",
    "2024-01-01T1:00:00Z",
    "2024-01-01T001:00:00Z",
    "2024-1-01T00:00:00Z",
    "2024-01-01t00:00:00Z",
    "2024-01-01T00:00:00z",
    "2024-01-01 00:00:00Z",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00,5Z",
    "2024-01-01T00:00:00.5.5Z",
    "2024-01-01T00:00:00.1234567890123Z",
    "2024-01-01T00:00:00+0000",
    "2024-01-01T00:00:00+00",
    "2024-00-01T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "+2024-01-01T00:00:00Z",
    "12024-01-01T00:00:00Z",
    "2024-01-01T00:00:00Z ",
    "2024-01-01T00:00:00Z\n",
    "\u0662024-01-01T00:00:00Z",
    "",
    "yesterday",
    None,
    0,
    {},
    [],
)
_STRANGE: tuple[Any, ...] = (None, "", "sh", [], ["sh"], [None], [1], {}, {"a": "b"}, {"a": {}}, {"a": None}, 0, True)
_RUN_FIELDS = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "Memory",
)
_TOP_FIELDS = (
    "author",
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "config",
    "rootfs",
    "history",
    "created",
    "container_config",
    "id",
)


def image_configs() -> Drawn[tuple[bytes, ...]]:
    """A few configs at a time."""
    return Drawn(lambda choices: tuple(build(choices) for _ in range(6)), 240)


def build(choices: Choices) -> bytes:
    """One config."""
    config: dict[str, Any] = {
        "created": choices.mostly(_TIMES[0], _TIMES, 2),
        "architecture": "amd64",
        "os": "linux",
        "config": _run(choices),
        "rootfs": {"type": "layers", "diff_ids": [digests.any_form(choices)]},
        "history": [_history(choices) for _ in range(choices.below(3))],
    }
    if choices.chance(4):
        config[choices.pick(_TOP_FIELDS)] = choices.pick(_STRANGE)
    document = json_documents.text(config)
    return json_documents.spoilt(choices, document) if choices.chance(3) else document


def _run(choices: Choices) -> Any:
    run: dict[str, Any] = {"Env": ["PATH=/bin"], "Cmd": ["sh"], "Labels": {"a": "b"}, "Volumes": {"/data": {}}}
    if choices.chance(8):
        run["Labels"] = {"a": "b", "A": "c"}
        run["ExposedPorts"] = {"80/tcp": {}, "80/TCP": {}}
    for _ in range(choices.pick((0, 0, 1, 2))):
        run[choices.pick(_RUN_FIELDS)] = choices.pick(_STRANGE)
    return choices.mostly(run, _STRANGE, 16)


def _history(choices: Choices) -> Any:
    entry: dict[str, Any] = {"created": choices.mostly(_TIMES[0], _TIMES, 6), "created_by": "/bin/sh"}
    if choices.chance(6):
        entry[choices.pick(("empty_layer", "author", "comment", "created_by", "x"))] = choices.pick(_STRANGE)
    return choices.mostly(entry, _STRANGE, 24)
