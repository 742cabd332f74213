"""What a destination is given, and how it stands."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec

from wxgate.dispatch.retry import Schedule
from wxgate.guard.breaker import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from wxgate.dispatch.message import DeadLetters
    from wxgate.dispatch.pace import Pacing
    from wxgate.dispatch.waiters import Waiters
    from wxgate.sinks import Sink
    from wxgate.sinks.cells import Cells
    from wxgate.sinks.fleet import NodeStanding

    Tally = Callable[[str, int, int, int], None]
    """Counts for a destination, by name: delivered, retried, buried."""


class Limits(msgspec.Struct, frozen=True):
    """How much a destination is given, and how long."""

    queue: int = 1024
    """Messages in memory."""
    concurrency: int = 64
    """Tries open at once."""
    timeout: float | None = 5.0
    """Seconds of one try; None where a try cannot be called off."""
    batch: int = 1
    """Messages in one try."""
    retry: Schedule = msgspec.field(default_factory=Schedule)
    shared: bool = False
    """Whether several accounts are to have their part of the memory."""
    breaker: Rules = msgspec.field(default_factory=partial(Rules, errors=0.9))


class Place(msgspec.Struct, frozen=True):
    """A destination of the configuration."""

    name: str
    """As the configuration writes it: ``upstream:orders``."""
    sink: Sink
    limits: Limits = msgspec.field(default_factory=Limits)
    spec: object = None
    """What it was made from: of the same, a reload makes no other. None for what is unlike all."""


class Pressure(Protocol):
    """Whether others have more need of the loop."""

    relieved: Callable[[], None]
    """Called once they have no longer."""

    @property
    def pressed(self) -> bool:
        """Whether they have."""

    @property
    def tries(self) -> int:
        """How many tries may then be open at once to a destination for which nobody waits."""


class NoPressure:
    """Where nobody has."""

    pressed = False
    tries = 0
    relieved: Callable[[], None]


class Desk(msgspec.Struct):
    """What the destinations of one worker share."""

    loop: asyncio.AbstractEventLoop
    waiters: Waiters
    dead: DeadLetters
    clock: Callable[[], int]
    """Milliseconds since 1970."""
    random: Callable[[], float]
    tally: Tally
    publish: Callable[[str, Sequence[int]], None]
    """Takes the figures of a destination, by name, in the order of ``board.COLUMNS``."""
    cells: Callable[[str, Sequence[str]], Cells]
    """Says where the nodes of a destination are counted, given its name and theirs."""
    pressure: Pressure
    pacing: Pacing | None = None
    """Limits under which messages are delivered, if there are any."""
    last: int = 0
    """The newest message that became durable while this process ran."""
    closing: set[asyncio.Task[None]] = msgspec.field(default_factory=set)
    """Sinks that a reload has replaced, while they are closed."""

    def keep(self, work: Coroutine[object, object, None]) -> None:
        """Close something beside all else."""
        task = self.loop.create_task(work)
        self.closing.add(task)
        task.add_done_callback(self.closing.discard)

    async def finish(self) -> None:
        """Wait for what is being closed."""
        await asyncio.gather(*self.closing, return_exceptions=True)


class Standing(msgspec.Struct, frozen=True):
    """How a destination stands: counts since the start, and the state of the moment."""

    name: str
    delivered: int
    retried: int
    """Tries that failed and will be repeated."""
    dead: int
    """Messages that went to the dead letters."""
    lost: int
    """Messages that the journal could not give back."""
    in_flight: int
    waiting: int
    """Routing keys that wait for a retry."""
    held: int
    """Messages in memory."""
    parked: bool
    """Whether it said 410, and nothing more is tried."""
    down: bool
    """Whether its breaker is not closed: it is only probed."""
    breaker: str
    """``closed``, ``open`` or ``half_open``."""
    behind: bool
    """Whether messages wait in the journal that are not in memory."""
    leaving: bool
    """Whether the configuration names it no more, and only what it was sent is still delivered."""
    oldest: int | None
    """When the oldest undelivered message in memory was accepted, in milliseconds since 1970."""
    nodes: tuple[NodeStanding, ...] = ()
    """How its nodes stand, as this worker sees them."""
