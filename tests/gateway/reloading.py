"""Other settings for a gateway that runs, and messages that flow meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from wxgate.errors import ConfigError

from .theatre import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .theatre import Theatre


def rewrite(theatre: Theatre, old: str, new: str) -> None:
    """Change the file."""
    file = theatre.folder / "wxgate.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def turn(theatre: Theatre, before: str, after: str) -> None:
    """Have other settings in force."""
    rewrite(theatre, before, after)
    assert await theatre.gateway.reload()


async def is_refused(theatre: Theatre, before: str, wrong: str, path: str) -> None:
    """Demand that a file is refused by the path of what is wrong and changes nothing; mend it.

    What could be taken of it is not taken either.
    """
    generation, level = theatre.state.pipeline.generation, "[server]\nmax_in_flight = 7\n"
    rewrite(theatre, "[server]\n", level)
    rewrite(theatre, before, wrong)
    with pytest.raises(ConfigError) as caught:
        await theatre.gateway.reload()
    assert path in str(caught.value)
    assert theatre.state.pipeline.generation is generation
    assert generation.settings.server.max_in_flight != 7
    rewrite(theatre, wrong, before)
    rewrite(theatre, level, "[server]\n")
    assert not await theatre.gateway.reload()


def results(theatre: Theatre) -> dict[str, int]:
    """How reloads ended."""
    history = theatre.state.history
    return {name: history.total(name) for name in ("applied", "unchanged", "invalid", "refused")}


class Flow:
    """Messages that come one after the other, as fast as they are answered."""

    def __init__(self, theatre: Theatre) -> None:
        """None yet."""
        self.theatre = theatre
        self.acknowledged = 0
        self.enough = False
        self.accepted = 0
        """Of the gateway's own count, when all is delivered."""
        self.others = 0
        """Messages that the test sent beside these, and that are to be delivered as well."""

    async def send(self) -> None:
        """Until it is enough. Demand that each is acknowledged."""
        while not self.enough:
            answer = await self.theatre.play("shop", "text")
            assert answer.status == 200
            self.acknowledged += 1

    async def more(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        until_then = self.acknowledged + count
        await until(lambda: self.acknowledged >= until_then)


@asynccontextmanager
async def flowing(theatre: Theatre) -> AsyncIterator[Flow]:
    """Send from several sides; after that wait until all that was acknowledged is delivered."""
    flow = Flow(theatre)
    async with theatre.gateway:
        async with asyncio.TaskGroup() as senders:
            for _ in range(4):
                senders.create_task(flow.send())
            await flow.more(20)
            yield flow
            await flow.more(20)
            flow.enough = True
        flow.accepted = theatre.total("shop", "accepted")
        assert flow.accepted == flow.acknowledged
        await theatre.counted(flow.accepted + flow.others)
