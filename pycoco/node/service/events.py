"""What happened, for people and for Prometheus: one line of JSON for each pull, and counters.

It is not for serving the counters (see `metrics_server`). Names that strangers chose are cut and escaped; credentials
never get here.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from dataclasses import dataclass

from pycoco.image import Image
from pycoco.node.storage.image_store import Registered

_log = logging.getLogger("pycoco.node.events")  # JSON, which must stay whole: not made printable, nor cut

_LONGEST = 500
_HELP = {
    "pycoco_pulls_total": ("counter", "Pulls by how they were answered."),
    "pycoco_pull_seconds": ("summary", "Seconds that pulls took here, by how they were answered."),
    "pycoco_calls_total": ("counter", "Calls by method, and whether they were answered here or passed on."),
    "pycoco_broken_records_removed_total": ("counter", "Image records removed since they broke the listing of all."),
}


@dataclass
class Pull:
    """A pull under way, as far as it is known."""

    image: str = ""
    pod: str = ""
    handler: str = ""


class Events:
    """Counts and logs."""

    def __init__(self) -> None:
        self._pulls: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._removed = 0

    def call_ended(self, method: str, how: str) -> None:
        """Count a call. `how` is "answered" or "forwarded"."""
        self._calls[method.rpartition("/")[2] if len(method) < 100 else "other", how] += 1

    def pull_ended(
        self,
        pull: Pull,
        answered: str,
        reason: str,
        started: float,
        image: Image | None = None,
        registered: Registered | None = None,
    ) -> None:
        """Count and log a pull. `answered` is "metadata", "full", "forwarded", "failed" or "cancelled"."""
        seconds = time.monotonic() - started
        self._pulls[answered] += 1
        self._seconds[answered] += seconds  # type: ignore[assignment]
        fields = {"image": pull.image, "pod": pull.pod, "handler": pull.handler, "answered": answered, "reason": reason}
        if image is not None:
            fields |= {"pinned": image.pinned, "pull_source": image.pull_source}
        if registered is not None:
            fields["id"] = registered.id
        self.say(
            "pull", level=logging.WARNING if answered == "failed" else logging.INFO, **fields, seconds=round(seconds, 4)
        )

    def record_removed(self, image_id: str) -> None:
        """Count and log a record that broke the listing."""
        self._removed += 1
        self.say("broken record removed", level=logging.WARNING, id=image_id)

    def say(self, event: str, *, level: int = logging.INFO, **fields: object) -> None:
        """Log one line of JSON; fields without a value are left out."""
        found = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in fields.items()}
        _log.log(
            level, "%s", json.dumps({"event": event, **{name: value for name, value in found.items() if value != ""}})
        )

    def text(self) -> str:
        """Return the counters as Prometheus reads them (text format 0.0.4)."""
        lines = []
        for name, (kind, about) in _HELP.items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            if name == "pycoco_pulls_total":
                lines += [f'{name}{{answered="{how}"}} {count}' for how, count in sorted(self._pulls.items())]
            elif name == "pycoco_pull_seconds":
                for how, seconds in sorted(self._seconds.items()):
                    lines += [f'{name}_sum{{answered="{how}"}} {seconds:.6f}']
                    lines += [f'{name}_count{{answered="{how}"}} {self._pulls[how]}']
            elif name == "pycoco_calls_total":
                lines += [
                    f'{name}{{method={json.dumps(method)},how="{how}"}} {count}'
                    for (method, how), count in sorted(self._calls.items())
                ]
            else:
                lines.append(f"{name} {self._removed}")
        return "\n".join(lines) + "\n"
