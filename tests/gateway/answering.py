"""The team's own function, and what the user is told by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate import Event
    from wxgate.sim.call import Answer
    from wxgate.sim.message import Message

    from .theatre import Theatre


class Answering:
    """A handler that answers with what it was told, as often as it is asked, once it may."""

    def __init__(self) -> None:
        """It may."""
        self.got: list[str] = []
        self.may = asyncio.Event()
        self.may.set()

    def join(self, theatre: Theatre) -> None:
        """Answer what comes to the shop."""

        @theatre.gateway.on("shop")
        async def answer(event: Event) -> str:
            self.got.append(event.id)
            await self.may.wait()
            return f"{event.text}, {len(self.got)}"


def reply(theatre: Theatre, message: Message, answer: Answer) -> object:
    """Open what the user of the shop is told."""
    return theatre.players["shop"].read(message, answer).reply.get("Content")
