"""What the process that reads images says to standard error: it is drained, whatever it is. Not for what it reads."""

from __future__ import annotations

import asyncio
import socket
import sys

from pycoco.node.service.reader import _Worker

PROGRAM = "import sys; sys.stderr.write('x' * 500_000 + '\\nthe last line\\n')"


async def said(program: str) -> list[str]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
        worker = _Worker(process, ours)
        await asyncio.wait_for(process.wait(), 30)
        await worker.close()
        await worker.close()  # as Reader does for a worker that has ended: a second time it says no more
    return worker.said


def test_a_line_without_end_stops_nothing() -> None:
    assert asyncio.run(said(PROGRAM))[-1] == "the last line"
