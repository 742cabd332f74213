"""A tenant that floods is refused, the others are not; and what was accepted is delivered."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from .services import Scripted
from .theatre import ask, until

if TYPE_CHECKING:
    from wxgate.sim.message import Message

    from .conftest import Stage
    from .theatre import Theatre

PLACES, FREELY = 16, 12
"""Requests that are open at once, and how many of them one tenant may have."""
SENDERS = 40


def routes(flooded: Scripted, other: Scripted) -> str:
    """A flood's messages wait for an answer of one service, the others' go to another."""
    return (
        f'[upstream.flooded]\nnodes = "{flooded.url}"\ntimeout = 60\n'
        f'[upstream.other]\nnodes = "{other.url}"\ntimeout = 60\n'
        '[[route]]\nto = "upstream:flooded"\nreply = "wait"\nwhen = { content = "^flood" }\n'
        '[[route]]\nto = "upstream:other"\n'
    )


@dataclass
class Tenant:
    """Who sends, and what became of it."""

    theatre: Theatre
    player: str
    accepted: list[str] = field(default_factory=list)
    refused: list[Message] = field(default_factory=list)

    async def send(self, text: str = "a question") -> None:
        """One more message."""
        message, call = self.theatre.call(self.player, "text", text)
        self.heard(message, (await ask(self.theatre.gateway, call)).status)

    def heard(self, message: Message, status: int) -> None:
        """Note what became of it."""
        if status == 200:
            self.accepted.append(str(message.fields["MsgId"]))
        else:
            assert status == 503
            self.refused.append(message)

    async def flood(self, stopped: asyncio.Event) -> None:
        """Send for as long as that lasts, whatever is said."""
        while not stopped.is_set():
            await self.send("flood")
            await asyncio.sleep(0)


def delivered(*services: Scripted) -> Counter[str]:
    """How often each message has come."""
    events: list[Any] = [msgspec.json.decode(one.body) for each in services for one in each.got]
    return Counter(str(event["data"]["MsgId"]) for event in events)


def cast(theatre: Theatre) -> None:
    """Have the platform be called for two of the accounts that it serves."""
    platform: Any = theatre.players["platform"]
    for at, name in enumerate(("one", "two")):
        theatre.players[name] = replace(platform, authorizer=f"wx000000000000000{at}")


@pytest.mark.parametrize(
    ("account", "tenants"),
    [("shop", ("shop", "mini")), ("platform", ("one", "two"))],
    ids=["accounts", "accounts of a platform"],
)
def test_a_flood_is_refused_and_of_the_others_every_message_is_taken(
    stage: Stage, account: str, tenants: tuple[str, str]
) -> None:
    """By the code of its own; a refused message is taken when the flood is over."""

    async def run() -> None:
        async with Scripted() as held, Scripted() as other:
            held.ready.clear()
            theatre = stage(routes(held, other), f"max_in_flight = {PLACES}\n")
            cast(theatre)
            flooder, modest = (Tenant(theatre, one) for one in tenants)
            async with theatre.gateway:
                pipeline, stopped = theatre.state.pipeline, asyncio.Event()
                async with asyncio.TaskGroup() as flood:
                    for _ in range(SENDERS):
                        flood.create_task(flooder.flood(stopped))
                    await until(lambda: pipeline.in_flight >= FREELY and flooder.refused)
                    for _ in range(20):
                        await asyncio.gather(*(modest.send() for _ in range(3)))
                    assert len(modest.accepted) == 20 * 3, "the others were refused as well"
                    stopped.set()
                    held.ready.set()
                over = theatre.total(account, "admit.over_share")
                assert (over, theatre.total(account, "admit.busy")) == (len(flooder.refused), 0)
                assert over > 0
                assert len(flooder.accepted) >= FREELY
                again = flooder.refused[0]
                flooder.heard(again, (await theatre.again(flooder.player, again)).status)
                taken = Counter(flooder.accepted + modest.accepted)
                await until(lambda: delivered(held, other).total() >= taken.total())
                assert pipeline.in_flight == 0
        assert delivered(held, other) == taken
        assert str(again.fields["MsgId"]) in taken

    asyncio.run(run())
