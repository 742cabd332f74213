"""The sink in a process of its own, which can be stopped as a machine that vanishes is."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Self

from .sink import Arrival, Shelf, Sink


class SinkProcess(Sink):
    """Looks like a sink that listens; its shelf follows what the process reports."""

    def __init__(self) -> None:
        """Not started yet."""
        super().__init__()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process to stop."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start it, and learn its port."""
        command = [sys.executable, "-m", f"{__package__}.{Path(__file__).stem}"]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=Path(__file__).parents[1],
            stdout=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(await self._process.stdout.readline())
        self._reading = asyncio.create_task(self._follow(self._process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill it, stopped or not."""
        assert self._process is not None
        assert self._reading is not None
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def _follow(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            one = Arrival(*json.loads(line))
            self.shelf.arrived[one.number] += 1
            self.shelf.put(one)
            self.changed.set()


class _Telling(Shelf):
    """Reports what is put on it."""

    def put(self, arrival: Arrival) -> None:
        super().put(arrival)
        _say(json.dumps([arrival.number, arrival.id, arrival.key, arrival.asks, arrival.at]))


async def _main() -> None:
    async with Sink() as sink:
        sink.shelf = _Telling()
        _say(sink.port)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        await reader.read()  # until the test is gone


def _say(text: object) -> None:
    print(text, flush=True)  # noqa: T201 (the other process waits for it)


if __name__ == "__main__":
    asyncio.run(_main())
