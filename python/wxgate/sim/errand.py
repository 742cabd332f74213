"""One message played from its first try to its last, genuinely or forged."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxgate.sim.player import Reading
from wxgate.sim.wire import UnansweredError, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.sim.call import Answer, Call
    from wxgate.sim.forgery import Forgery
    from wxgate.sim.message import Message
    from wxgate.sim.player import Player

_REFUSALS = range(400, 500)
"""A 503 refuses nothing: it says that a genuine message could not be handed over."""


@dataclass(frozen=True, slots=True)
class Try:
    """One call and what became of it."""

    call: Call
    forged: bool
    answer: Answer | None
    reading: Reading

    @property
    def went_well(self) -> bool:
        """Whether a genuine call satisfied WeChat, or a forged one was refused."""
        if self.forged:
            return self.answer is not None and self.answer.status in _REFUSALS
        return self.reading.satisfied


@dataclass(frozen=True, slots=True)
class Errand:
    """Who plays what; with a forgery, what an attacker makes of it."""

    player: Player
    message: Message
    forgery: Forgery | None = None

    async def run(self, wire: Wire, retries: int = 0) -> list[Try]:
        """Play it, and as often again as told. Raises `ValueError` for an unusable key."""
        return [
            await self._try(wire, call, forged=forged)
            for _ in range(1 + retries)
            for call, forged in self._calls()
        ]

    def _calls(self) -> Iterator[tuple[Call, bool]]:
        now = int(time.time())
        if self.forgery is None:
            yield self.player.call(self.message, now), False
            return
        *genuine, forged = self.forgery.calls(self.player, self.message, now)
        yield from ((call, False) for call in genuine)
        yield forged, True

    async def _try(self, wire: Wire, call: Call, *, forged: bool) -> Try:
        try:
            answer = await wire.exchange(call)
        except UnansweredError as error:
            return Try(call, forged, None, Reading(satisfied=False, text=f"no answer: {error}"))
        return Try(call, forged, answer, self.player.read(self.message, answer))
