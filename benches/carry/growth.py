"""CPU of one message as things grow: accounts, routes, the message itself, workers.

Claims and limits are in a Redis, fsync is on, delivery is to a stream. All gateways are up at once
and take turns, each as fast as it can: whatever drifts, drifts for all.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wxgate.bench import plan, usage
from wxgate.bench.day import stage
from wxgate.bench.day.stand import Stand, far_end, play
from wxgate.bench.parts import Part, Played
from wxgate.sim import invent
from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.world import Ports, World

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server

CONNECTIONS = 32
"""Each with its next message as soon as it is answered, since more are always due."""
_TOO_MANY = 100_000.0
"""Messages a second."""
_ACCOUNT = """\
[account.a{number}]
kind = "official"
appid = "{appid}"
token = "file:token"
aes_key = "file:aes_key"

"""
_ROUTE = """\
[[route]]
when = {{ type = "event", event = "never_{number}" }}
to = "log:"

"""
_LAST = """\
[[route]]
to = "{to}"
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A gateway, and what is sent to it."""

    shown: tuple[tuple[str, str], ...]
    """As what value of which axis."""
    accounts: int = 1
    routes: int = 1
    """Only the last of them fits."""
    workers: int = 1
    what: str = "text"
    environment: tuple[tuple[str, str], ...] = ()
    """Its processes have these variables beside ours."""


_BASE = Variant((("accounts", "1"), ("routes", "1"), ("message", "330 B"), ("workers", "1")))
_OTHERS = (
    Variant((("accounts", "100"),), accounts=100),
    Variant((("accounts", "10000"),), accounts=10_000),
    Variant((("routes", "100"),), routes=100),
    Variant((("routes", "1000"),), routes=1000),
    Variant((("message", "6 KB"),), what="long_text"),
    Variant((("workers", "2"),), workers=2),
)


@dataclass(slots=True)
class _Row:
    """A running gateway and what was seen of it."""

    variant: Variant
    world: World
    gateway: GatewayProcess
    setting: stage.Setting
    accounts: list[Played]
    cpu: list[float] = field(default_factory=list)
    """µs of CPU a message, by round."""
    memory: float = 0.0


def run(rounds: int, messages: int, *, small: bool = False) -> dict[str, Any]:
    """By axis and value, µs of each round and MB of a worker at the end."""
    return compare((_BASE, *(_OTHERS[:1] if small else _OTHERS)), rounds, messages)


def compare(variants: tuple[Variant, ...], rounds: int, messages: int) -> dict[str, Any]:
    """The same of any gateways; to a service, with nothing in Redis, where there is no Valkey."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        has_valkey = VALKEY_9.program is not None
        with Server(VALKEY_9, folder / "valkey") if has_valkey else nullcontext() as server:
            rows = asyncio.run(_run(variants, rounds, messages, folder, server))
    seen: dict[str, Any] = {"messages": messages, "connections": CONNECTIONS, "axes": {}}
    seen["to"] = rows[0].setting.to
    for row in rows:
        for axis, value in row.variant.shown:
            told = {"cpu": row.cpu, "memory": row.memory}
            seen["axes"].setdefault(axis, {})[value] = told
    return seen


async def _run(
    variants: tuple[Variant, ...], rounds: int, messages: int, folder: Path, server: Server | None
) -> list[_Row]:
    async with AsyncExitStack() as stack:
        rows = []
        for at, variant in enumerate(variants):
            setting = _setting(variant, server, at)
            world, accounts = _build(folder / str(at), variant, setting)
            with _environment(variant.environment):
                gateway = await stack.enter_async_context(GatewayProcess(world))
            rows.append(_Row(variant, world, gateway, setting, accounts))
        for turn in range(-1, rounds):  # the first turn fills caches and is thrown away
            for row in rows[turn % len(rows) :] + rows[: turn % len(rows)]:
                cost = await _cost(row, messages)
                if turn >= 0:
                    row.cpu.append(cost)
        for row in rows:
            row.memory = usage.memory(usage.worker(row.gateway.pid)).rss
    return rows


def _setting(variant: Variant, server: Server | None, at: int) -> stage.Setting:
    if server is None:
        return stage.Setting(workers=variant.workers)
    redis = f"{server.url}/0"
    return stage.Setting(workers=variant.workers, to="stream", redis=redis, prefix=f"grows{at}")


@contextmanager
def _environment(more: tuple[tuple[str, str], ...]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _cost(row: _Row, messages: int) -> float:
    # A message is told by its number and the second in which its run began.
    await asyncio.sleep(1.0 - time.time() % 1.0)
    parts = [Part(one.name, row.variant.what, 1.0) for one in row.accounts]
    run = plan.Run(
        address=f"127.0.0.1:{row.world.ports.listen}",
        accounts=row.accounts,
        mix=parts,
        legs=[plan.Leg(messages / _TOO_MANY * 2, _TOO_MANY)],
        messages=messages,
        connections=CONNECTIONS,
        patience=60.0,
        epoch=int(time.time()),
    )
    # Only while its gateway has its turn: others that read would take turns with those measured.
    async with far_end(row.world.ports.service, row.setting) as counting:
        stand = Stand(row.world, row.gateway, counting, 0.0)
        before = usage.cpu_seconds(row.gateway.pid)
        seen = await play(run)
        await stand.arrived(seen)
        spent = usage.cpu_seconds(row.gateway.pid) - before
        taken = (await stand.taken()).events
    counts = seen.counts
    assert counts.messages == counts.acknowledged == taken, (counts, taken)
    return spent / counts.messages * 1e6


def _build(folder: Path, variant: Variant, setting: stage.Setting) -> tuple[World, list[Played]]:
    folder.mkdir()
    token, aes_key, appid = invent.alphanumeric(16), invent.aes_key(), invent.appid()
    (folder / "token").write_text(token)
    (folder / "aes_key").write_text(aes_key)
    ports = Ports(free_port(), free_port(), free_port())
    text = stage.surroundings(ports, setting)
    text += "".join(
        _ACCOUNT.format(number=number, appid=appid) for number in range(variant.accounts)
    )
    text += "".join(_ROUTE.format(number=number) for number in range(1, variant.routes))
    text += _LAST.format(to=stage.target(setting))
    config = folder / "wxgate.toml"
    config.write_text(text)
    accounts = [
        Played(
            name=f"a{number}", style="official_xml", receiver=appid, token=token, aes_key=aes_key
        )
        for number in range(variant.accounts)
    ]
    return World(config, ports, {}), accounts
