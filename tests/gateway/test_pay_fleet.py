"""A payment's notices, from WeChat Pay to the service, over two gateways that share a Redis."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.wire import Wire

from .services import Scripted
from .theatre import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from servers.server import Server
    from wxgate.sim.call import Answer
    from wxgate.sim.keypair import KeyPair
    from wxgate.sim.message import Message
    from wxgate.sim.player import Player

COPIES = 100
WORKERS = 4
LADDER_S = 24 * 3600 + 4 * 60
"""From WeChat Pay's first try to its last."""
AGAIN_S = 0.2
"""Until a copy that was refused comes again; Pay takes 15 s and more."""
ACKNOWLEDGED = {200, 204}
SOON = "retry = { first = 0.1, factor = 1.5, max = 0.5, give_up = 86400.0 }\n"


@dataclass(slots=True)
class Fleet:
    """Two gateways, the service behind them, and WeChat Pay."""

    processes: list[GatewayProcess]
    wires: list[Wire]
    service: Scripted
    player: Player
    now: int
    refused: int = 0
    """Copies that had to come again."""

    async def send(self, message: Message, copies: int) -> list[Answer]:
        """Send copies at once, to both gateways in turn; return what each was told in the end."""
        return await asyncio.gather(*(self._insist(message, at % 2) for at in range(copies)))

    async def _insist(self, message: Message, at: int) -> Answer:
        """Send one as Pay does, each time sealed and signed anew, until it is acknowledged.

        A hundred at once are a flood, of which some may be refused: 503, and nothing was taken.
        """
        while True:
            call = self.player.call(message, self.now)
            answer = await self.wires[at].exchange(call)
            if answer.status in ACKNOWLEDGED:
                return answer
            assert (answer.status, self.player.read(message, answer).satisfied) == (503, False)
            self.refused += 1
            await asyncio.sleep(AGAIN_S)  # Pay's own pause, which is longer

    def delivered(self) -> list[dict[str, str]]:
        """What the service has got."""
        return [json.loads(request.body) for request in self.service.got]

    async def counted(self, name: str) -> int:
        """One of the counters of both."""
        found = [await one.counters() for one in self.processes]
        return sum(one.get((name, ""), 0) for one in found)

    async def got(self, count: int) -> None:
        """Wait until the service has got so many."""
        await until(lambda: len(self.service.got) >= count)


@asynccontextmanager
async def fleet(
    folder: Path, redis: str, platform: KeyPair, partner: KeyPair
) -> AsyncIterator[Fleet]:
    """Start it all."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Scripted(delay=0.05))
        port = int(service.url.rpartition(":")[2])
        first, second = (Ports(free_port(), free_port(), port) for _ in range(2))
        worlds = [build(folder / "0", first, platform, partner)]
        shutil.copytree(folder / "0", folder / "1")
        worlds.append(replace(worlds[0], config=folder / "1/wxgate.toml", ports=second))
        for world in worlds:
            settle(world, first, redis)
        processes = [await stack.enter_async_context(GatewayProcess(world)) for world in worlds]
        wires = [await stack.enter_async_context(Wire(world.url)) for world in worlds]
        # A Pay notice is signed for a moment, five minutes around which it is taken.
        now = int(time.time())
        yield Fleet(processes, wires, service, worlds[0].players()["mch"], now)


def settle(world: World, copied: Ports, redis: str) -> None:
    """Give a gateway its own ports, few workers for the service, and the Redis of both."""
    text = world.config.read_text()
    for old, new in ((copied.listen, world.ports.listen), (copied.admin, world.ports.admin)):
        text = text.replace(f":{old}", f":{new}")
    text = text.replace(
        "[upstream.service]\n", f"[upstream.service]\nconcurrency = {WORKERS}\n{SOON}"
    )
    world.config.write_text(f'{text}\n[state.redis]\nurl = "{redis}"\nbudget = 1.0\n')


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A folder for the first gateway; the second is its copy."""
    (tmp_path / "0").mkdir()
    return tmp_path


def test_a_payment_and_its_refunds_are_each_delivered_once(
    places: Path, redis_server: Server, platform: KeyPair, partner: KeyPair
) -> None:
    """However many copies come at once, wherever; each is acknowledged as Pay wants it."""

    async def run() -> None:
        async with fleet(places, redis_server.url, platform, partner) as on:
            paid = on.player.message("pay", "TRANSACTION.SUCCESS")
            await on.send(paid, COPIES)
            await on.got(1)
            order = [(name, str(paid.fields[name])) for name in ("out_trade_no", "transaction_id")]
            refunds = [
                on.player.message(
                    "pay", "REFUND.SUCCESS", changes=[*order, ("amount.refund", amount)]
                )
                for amount in ("3000", "5800")
            ]
            await asyncio.gather(*(on.send(one, COPIES // 2) for one in refunds))
            await on.got(3)
            # Pay's later tries, to both.
            for one in (paid, *refunds):
                await on.send(one, 4)
            last = on.player.message("pay", "TRANSACTION.SUCCESS")
            await on.send(last, 2)
            await on.got(4)
            events = on.delivered()
            assert len(events) == len({event["id"] for event in events}) == 4
            assert [event["subject"] for event in events[:3]] == [order[0][1]] * 3
            types = sorted(event["type"] for event in events)
            assert (
                types == ["wechat.pay.refund.success"] * 2 + ["wechat.pay.transaction.success"] * 2
            )
            await beyond_the_ladder(redis_server, 4)

    asyncio.run(run())


async def beyond_the_ladder(server: Server, count: int) -> None:
    """Demand that so many claims are done, and kept until long after the last try."""
    with server.client() as client:
        keys = list(client.scan_iter("{wx}:c*"))
        assert len(keys) == count
        await until(lambda: all(client.get(key) == b"D" for key in keys))
        assert all(client.ttl(key) > LADDER_S for key in keys)


def test_a_notice_that_could_not_be_delivered_yet_is_acknowledged_and_not_forgotten(
    places: Path, redis_server: Server, platform: KeyPair, partner: KeyPair
) -> None:
    """The service is down at first; a copy at the other gateway changes nothing."""

    async def run() -> None:
        async with fleet(places, redis_server.url, platform, partner) as on:
            on.service.status = 503
            paid = on.player.message("pay", "TRANSACTION.SUCCESS")
            await on.send(paid, COPIES)
            await on.got(1)
            on.service.status = 200
            await on.send(paid, COPIES)
            while not (count := await on.counted("delivered")):  # noqa: ASYNC110 (see below)
                await asyncio.sleep(0.02)  # another process's counters: nothing to wait for
            assert count == 1
            assert len({event["id"] for event in on.delivered()}) == 1

    asyncio.run(run())
