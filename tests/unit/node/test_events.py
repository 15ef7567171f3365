"""What is logged and counted of pulls. Not for when (tests/end_to_end)."""

from __future__ import annotations

import json
import logging
import time

import pytest

from pycoco.node.service.events import Events, Pull


def test_what_strangers_chose_is_cut_and_stays_on_its_line(caplog: pytest.LogCaptureFixture) -> None:
    image = 'quay.io/a\n{"event":"forged"}\u202e' + "b" * 10_000

    with caplog.at_level(logging.INFO, "pycoco.node.events"):
        Events().pull_ended(Pull(image, "team/web"), "failed", "x" * 10_000, time.monotonic())

    (record,) = caplog.records
    said = json.loads(record.getMessage())
    assert record.levelno == logging.WARNING
    assert (said["image"], said["reason"]) == (image[:500], "x" * 500)
    assert (said["event"], said["pod"], said["answered"]) == ("pull", "team/web", "failed")
    assert "handler" not in said
    assert record.getMessage().isascii()
    assert "\n" not in record.getMessage()


def test_counters_as_prometheus_reads_them() -> None:
    events = Events()
    for how in ("metadata", "metadata", "forwarded"):
        events.pull_ended(Pull("a"), how, "", time.monotonic())
    for _ in range(3):
        events.call_ended("/runtime.v1.ImageService/ListImages", "forwarded")
    events.call_ended("/" + "x" * 1000, "forwarded")
    events.record_removed("ab" * 32)

    lines = events.text().splitlines()

    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['pycoco_pulls_total{answered="metadata"}'] == "2"
    assert values['pycoco_pull_seconds_count{answered="forwarded"}'] == "1"
    assert float(values['pycoco_pull_seconds_sum{answered="metadata"}']) >= 0
    assert values['pycoco_calls_total{method="ListImages",how="forwarded"}'] == "3"
    assert values['pycoco_calls_total{method="other",how="forwarded"}'] == "1"
    assert values["pycoco_broken_records_removed_total"] == "1"
    assert len([line for line in lines if line.startswith("# TYPE ")]) == 4
