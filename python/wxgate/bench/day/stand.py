"""The processes of a day, running: the gateway and its far end, on loopback."""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import leftovers, plan
from wxgate.bench.day import stage
from wxgate.bench.day.carried import Played
from wxgate.bench.day.tally import Taken
from wxgate.bench.parts import playable
from wxgate.settings import load
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.sim.call import Call
from wxgate.sim.demo.process import GatewayProcess, NotServingError, free_port
from wxgate.sim.demo.world import Ports
from wxgate.sim.wire import UnansweredError, Wire
from wxgate.work.connect import close, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from wxgate.bench.plan import Leg, Progress, Run, Seen
    from wxgate.sim.demo.world import World

_GIVES_UP_S = 10.0
"""Without anything arriving, after the last acknowledgement."""
_LOOK_S = 0.05
_PATIENT_S = 10.0
_TOO_MANY = 100_000.0
"""Messages a second: more are always due."""


@dataclass(slots=True)
class Stand:
    """What a day is played on. Messages go in one run after the other."""

    world: World
    gateway: GatewayProcess
    far_end: int
    """Process id."""
    forged: float
    first: bool = False
    """Whether the player goes before all others of the machine."""
    delivered: int = 0
    """All that was acknowledged, and has arrived."""

    def run(self, legs: list[Leg]) -> Run:
        """Describe a run of the usual mix with its share of strangers."""
        accounts = playable(load(self.world.config), self.world.belongings)
        usual = plan.run(f"127.0.0.1:{self.world.ports.listen}", accounts, legs)
        return msgspec.structs.replace(usual, forged=self.forged)

    async def stretch(self, rate: float, seconds: float) -> Played:
        """Play messages at an even rate, and wait until they have arrived."""
        return await self._short(self.run([plan.Leg(seconds, rate)]), first=self.first)

    async def rush(self, messages: int, connections: int) -> Played:
        """Have each connection send its next message as soon as it is answered.

        The player never goes first here: it has no times to keep, and a gateway that is interrupted
        for each answer shows less than it can do.
        """
        run = self.run([plan.Leg(messages / _TOO_MANY * 2, _TOO_MANY)])
        run = msgspec.structs.replace(run, messages=messages, connections=connections)
        return await self._short(run, first=False)

    async def _short(self, run: Run, *, first: bool) -> Played:
        seen = await play(run, first=first)
        played = Played(seen, await self.arrived(seen))
        # A message is told by its number and the second in which its run began.
        await asyncio.sleep(1.0 - time.time() % 1.0)
        return played

    async def arrived(self, seen: Seen) -> float:
        """Wait until a run's messages have arrived, or nothing arrives any more; seconds."""
        self.delivered += seen.counts.acknowledged
        began = moved = time.monotonic()
        taken = await self.taken()
        while taken.events < self.delivered and time.monotonic() - moved < _GIVES_UP_S:
            await asyncio.sleep(_LOOK_S)
            now = await self.taken()
            if now != taken:
                taken, moved = now, time.monotonic()
        return time.monotonic() - began

    async def taken(self, *, ids: bool = False) -> Taken:
        """What the far end has."""
        return await _taken(self.world.ports.service, ids=ids)


class _StoppedError(Exception):
    """Nobody waits for the run any more."""


async def play(
    run: Run, watch: Callable[[Progress], None] | None = None, *, first: bool = False
) -> Seen:
    """Play a run on a thread. If this is cancelled the run ends within a second."""
    stopped = threading.Event()

    def told(at: Progress) -> None:
        if stopped.is_set():
            raise _StoppedError
        if watch is not None:
            watch(at)

    running = asyncio.ensure_future(asyncio.to_thread(plan.play, run, told, first=first))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stopped.set()
        # Without a gateway it would find every call broken at once, and hear of it only then.
        await asyncio.wait([running])
        running.exception()
        raise


@asynccontextmanager
async def standing(
    folder: Path, setting: stage.Setting, forged: float, *, first: bool = False
) -> AsyncIterator[Stand]:
    """Start everything, in an empty folder; leave nothing in Redis."""
    setting = replace(setting, prefix=f"wxday-{secrets.token_hex(4)}")
    ports = Ports(free_port(), free_port(), free_port())
    world = stage.build(folder, ports, setting)
    try:
        async with far_end(ports.service, setting) as pid, GatewayProcess(world) as gateway:
            yield Stand(world, gateway, pid, forged, first)
    finally:
        if setting.redis is not None:
            await _emptied(setting.redis, setting.prefix)


@asynccontextmanager
async def far_end(port: int, setting: stage.Setting) -> AsyncIterator[int]:
    """Run what takes the messages, answering GETs at ``port``; gives its process id."""
    stream = (setting.redis, setting.prefix) if setting.to == "stream" and setting.redis else ()
    command = [sys.executable, "-m", "wxgate.bench.day.far_end", str(port), *stream]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        while process.returncode is None:
            try:
                await _taken(port, ids=False)
                break
            except (UnansweredError, OSError):
                await asyncio.sleep(_LOOK_S)
        else:
            reason = "the far end has ended: see what it said"
            raise NotServingError(reason)
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _taken(port: int, *, ids: bool) -> Taken:
    async with Wire(f"http://127.0.0.1:{port}") as wire:
        answer = await wire.exchange(Call("GET", "/ids" if ids else "/"))
    return msgspec.json.decode(answer.body, type=Taken)


async def _emptied(url: str, prefix: str) -> None:
    client = connect(RedisPlace(url=RedisUrl.parse(url)), _PATIENT_S)
    await leftovers.remove(client, prefix)
    await close(client)
