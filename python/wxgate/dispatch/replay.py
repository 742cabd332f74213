"""Delivering again what lies somewhere: dead letters, or messages that the journal still keeps.

One after the other, at a pace, with the ids they always had, so that a service recognises what it
knows. Order within a routing key holds here too: behind a message that was not taken, those of the
same key stay back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec

from wxgate.dispatch.envelope import Keyed
from wxgate.errors import SinkError, SinkRetryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wxgate.sinks import Sink

_TRIES = 3
_PAUSE = 1.0
"""Seconds before a second try, unless the destination names its own."""
_LONGEST_PAUSE = 60.0
_SHOWN = 1000
_ENOUGH = 5
"""Messages in a row that were not taken, after which the rest is not even tried."""


class Deliverable(Keyed, Protocol):
    """What can be delivered again."""

    @property
    def event(self) -> bytes:
        """The CloudEvent, as JSON."""


class Problem(msgspec.Struct, frozen=True):
    """Why a message was not taken."""

    id: str
    destination: str
    reason: str


class Replay:
    """A run of deliveries to any number of destinations, and what came of it."""

    def __init__(self, rate: float = 0.0) -> None:
        """Deliver at most ``rate`` messages a second; 0 for as fast as they are taken."""
        self.taken = 0
        self.failed = 0
        self.problems: list[Problem] = []
        """The first of what failed; there may be more than memory should hold."""
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._held: set[tuple[str, str]] = set()
        self._failures: dict[str, int] = {}

    async def deliver(
        self, message: Deliverable, destination: str, sink: Sink, nodes: Sequence[int]
    ) -> bool:
        """Deliver one message, unless something before it was not taken; whether it was."""
        if reason := await self._try(message, destination, sink, nodes):
            self.failed += 1
            if len(self.problems) < _SHOWN:
                self.problems.append(Problem(message.id, destination, reason))
            return False
        self.taken += 1
        return True

    async def _try(
        self, message: Deliverable, destination: str, sink: Sink, nodes: Sequence[int]
    ) -> str:
        lane = (destination, message.key)
        if self._failures.get(destination, 0) >= _ENOUGH:
            return "not tried: the destination takes nothing"
        if lane in self._held:
            return "not tried: behind one that was not taken"
        await self._pace()
        reason = await _attempt(message.event, sink, nodes)
        if reason:
            self._held.add(lane)
        self._failures[destination] = self._failures.get(destination, 0) + 1 if reason else 0
        return reason

    async def _pace(self) -> None:
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        if self._next > now:
            await asyncio.sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


async def _attempt(event: bytes, sink: Sink, nodes: Sequence[int]) -> str:
    """Try to deliver; return why it was not taken, or nothing."""
    problem = ""
    for left in reversed(range(_TRIES)):
        try:
            await sink.deliver(event, nodes)
        except SinkRetryError as error:
            problem = str(error)
            if left:
                await asyncio.sleep(min(error.after or _PAUSE, _LONGEST_PAUSE))
        except SinkError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 (a handler of the team's own may raise anything)
            # Its text may be that of a message.
            return type(error).__name__
        else:
            return ""
    return problem


class Retained(Protocol):
    """A journal that still keeps what was delivered: ``wxcore.JournalReader``."""

    def find(  # noqa: PLR0913 (as it is there)
        self,
        *,
        openid: str | None = None,
        since: int | None = None,
        until: int | None = None,
        type: str | None = None,  # noqa: A002 (as it is there)
        account: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> Sequence[RetainedMessage]:
        """Messages in the order of their acceptance."""
        ...


class RetainedMessage(Deliverable, Protocol):
    """A message in such a journal."""

    @property
    def accepted(self) -> int:
        """When it was accepted, in milliseconds since 1970."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which retained messages are meant; what is None does not matter."""

    account: str | None = None
    type: str | None = None
    openid: str | None = None
    since: int | None = None
    until: int | None = None


def retained(journal: Retained, search: Search, page: int = 500) -> Iterable[RetainedMessage]:
    """Yield messages, the oldest first, reading ``page`` of them at a time. Raises ``OSError``."""
    since = search.since
    seen: set[str] = set()
    size = page
    while True:
        found = journal.find(
            openid=search.openid,
            since=since,
            until=search.until,
            type=search.type,
            account=search.account,
            limit=size,
            oldest_first=True,
        )
        fresh = [message for message in found if message.id not in seen]
        yield from fresh
        if len(found) < size:
            return
        # The next page starts with the last one's millisecond, which may not be all read.
        last = found[-1].accepted
        size = page if last != since else size * 2
        since = last
        seen = {message.id for message in found if message.accepted == last}
