"""A real `wxgate serve` as a child process, and what its operator's listener says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING, Self

from wxgate.errors import WxGateError
from wxgate.sim.call import Call
from wxgate.sim.wire import UnansweredError, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wxgate.sim.demo.world import World

_START_WITHIN_S = 20.0
_STOP_WITHIN_S = 10.0
_SAMPLE = re.compile(
    r'^wxgate_(\w+)_total\{(?:account|destination)="[^"]*"(?:,code="([^"]*)")?\} (\d+)$',
    re.MULTILINE,
)


class NotServingError(WxGateError):
    """The gateway did not come up; the text is what it logged."""


_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on just now, another one each time: nobody listens there yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


class GatewayProcess:
    """Started and ready when entered; gone, with all its workers, when left."""

    def __init__(self, world: World) -> None:
        """Not started yet."""
        self._world = world
        self._admin = f"http://127.0.0.1:{world.ports.admin}"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self._world.config.with_name("gateway.log")

    @property
    def pid(self) -> int:
        """Of the parent of its workers."""
        assert self._process is not None, "use it as a context"  # noqa: S101 (for mypy)
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start it in the folder of its configuration, and wait until it answers."""
        folder = self._world.config.parent
        command = [sys.executable, "-m", "wxgate.cli", "serve", "--config", self._world.config.name]
        with self.log.open("wb") as log:
            # A group of its own: Ctrl-C is for us, and we take the whole group along.
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        try:
            async with asyncio.timeout(_START_WITHIN_S):
                await self._until_ready(self._process)
        except TimeoutError:
            await self._stop()
            raise NotServingError(self._said()) from None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it gently; after a while, not."""
        await self._stop()

    async def counters(self) -> dict[tuple[str, str], int]:
        """What `/metrics` counts, over all accounts and destinations, by name and code."""
        async with Wire(self._admin) as wire:
            answer = await wire.exchange(Call("GET", "/metrics"))
        totals: dict[tuple[str, str], int] = {}
        for name, code, count in _samples(answer.body.decode()):
            totals[name, code] = totals.get((name, code), 0) + count
        return totals

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        async with Wire(self._admin) as admin:
            while process.returncode is None:
                with contextlib.suppress(UnansweredError, OSError):
                    await admin.exchange(Call("GET", "/readyz"))
                    await _connect(self._world.ports.listen)
                    return
                await asyncio.sleep(0.05)
        raise NotServingError(self._said())

    def _said(self) -> str:
        return self.log.read_text(errors="replace").strip() or "it says nothing"

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            if process.returncode is None:
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_WITHIN_S):
                    await process.wait()
        finally:
            # Also if we are cancelled once more; its workers are in the group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _samples(text: str) -> Iterator[tuple[str, str, int]]:
    for name, code, count in _SAMPLE.findall(text):
        yield name, code, int(count)


async def _connect(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
