"""A real registry that has the referrers API: go-containerregistry's, in memory, on a free loopback port.

It is not for what CNCF distribution does as well (tests/support/registry.py): that one keeps its images on a disk.
"""

from __future__ import annotations

import subprocess
import threading
from types import TracebackType

from tests.support.tools import build_tool


class ReferrersRegistry:
    """Run the registry for as long as the `with` block runs; `requests` are its "METHOD TARGET STATUS" lines."""

    def __init__(self) -> None:
        self.host = ""
        self.requests: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read, name="referrers-registry", daemon=True)

    def __enter__(self) -> ReferrersRegistry:
        # It ends with its standard input, however this process ends.
        self._process = subprocess.Popen(
            [str(build_tool("referrers_registry"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.host = self._process.stdout.readline().strip()
        if not self.host:
            raise RuntimeError("the registry with referrers did not start")
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.requests.append(line.strip())
