"""All destinations of one worker."""

from __future__ import annotations

import asyncio
import random as random_module
import time
from typing import TYPE_CHECKING

from wxgate.dispatch.destination import Destination
from wxgate.dispatch.place import Desk, NoPressure
from wxgate.dispatch.waiters import Waiters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wxgate.dispatch.message import DeadLetters, Live, Log
    from wxgate.dispatch.pace import Pacing
    from wxgate.dispatch.place import Place, Pressure, Standing, Tally
    from wxgate.dispatch.reader import Nodes


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


def _nobody(_: int, __: Sequence[int]) -> None:
    """Listens to no figures."""


class Dispatcher:
    """Delivers what the journal holds. To be made, and used, inside the event loop."""

    def __init__(  # noqa: PLR0913 (wired once, in lifespan)
        self,
        places: Sequence[Place],
        routes: Sequence[int],
        *,
        nodes: Nodes,
        dead: DeadLetters,
        tally: Tally = lambda *_: None,
        clock: Callable[[], int] = _wall_clock,
        random: Callable[[], float] = random_module.random,
        publish: Callable[[int, Sequence[int]], None] | None = None,
        pacing: Pacing | None = None,
        pressure: Pressure | None = None,
    ) -> None:
        """Deliver to ``places``, whose order is the journal's; ``routes`` lead to them by index.

        ``nodes`` finds the nodes of a message that was read back, given the index of its place.
        ``clock`` tells milliseconds since 1970. Once per tick ``tally`` is told what became of
        deliveries, and ``publish`` how a destination stands that has changed. Under ``pressure``
        deliveries that nobody waits for stand back, until ``relieve`` is called. ``pacing`` has the
        limits under which messages are delivered.
        """
        loop = asyncio.get_running_loop()
        self._waiters = Waiters(loop)
        told = (tally, publish or _nobody, pressure or NoPressure())
        self._desk = Desk(loop, self._waiters, dead, nodes, clock, random, *told, pacing)
        self._destinations = [
            Destination(index, place, self._desk) for index, place in enumerate(places)
        ]
        self._desk.pressure.relieved = self.relieve
        self._by_route = [self._destinations[index] for index in routes]
        self.orphans: tuple[str, ...] = ()
        """Destinations that the journal holds messages for and that are no longer configured."""

    def resume(self, log: Log, orphans: Iterable[str] = ()) -> None:
        """Start: deliver what an earlier process left in ``log``, and what is recorded from now on.

        ``orphans`` are the names that ``log`` knows and the configuration does not.
        """
        self.orphans = tuple(orphans)
        for destination in self._destinations:
            destination.open(log)

    def recorded(self, seq: int, message: Live) -> None:
        """Deliver a message that has just become durable; called in the order of ``seq``."""
        desk = self._desk
        desk.last = seq
        places = message.destinations
        if len(places) == 1:
            ((route, nodes, wait),) = places
            self._by_route[route].offer(seq, desk.clock(), message, nodes, wait=wait)
        else:
            self._spread(seq, message, places)

    def _spread(
        self, seq: int, message: Live, places: Sequence[tuple[int, Sequence[int], bool]]
    ) -> None:
        """Offer it once to each place, though several routes lead there; one of them answers."""
        chosen: dict[Destination, Sequence[int]] = {}
        answering = None
        for route, nodes, wait in places:
            destination = self._by_route[route]
            chosen.setdefault(destination, nodes)
            if wait and answering is None:
                answering = destination
        now = self._desk.clock()
        for destination, nodes in chosen.items():
            destination.offer(seq, now, message, nodes, wait=destination is answering)

    def await_answer(self, seq: int, destination: int | None = None) -> asyncio.Future[bytes]:
        """Wait for what the service answers to a message; to be called before ``recorded``.

        ``destination`` is who is asked, for a message that was read back: none of the others.
        Pending as long as the message is retried; raises ``SinkError`` if it became a dead letter,
        or if the process stops first. Cancel it to stop waiting: the delivery goes on.
        """
        answer = self._waiters.ask(seq)
        if destination is not None:
            self._waiters.assign(seq, destination)
        return answer

    def relieve(self) -> None:
        """Go on with what stood back under pressure."""
        for destination in self._destinations:
            destination.look()

    def unpark(self, name: str) -> bool:
        """Try a parked destination again; False if there is none of that name."""
        found = [one for one in self._destinations if one.name == name]
        for destination in found:
            destination.unpark()
        return bool(found)

    def snapshot(self) -> list[Standing]:
        """How the destinations stand, in the order of the places."""
        return [destination.standing() for destination in self._destinations]

    async def drain(self, seconds: float) -> None:
        """Start no more tries, give the open ones ``seconds``, settle, close the sinks.

        What is not delivered by then stays in the journal.
        """
        await asyncio.gather(*(one.drain(seconds) for one in self._destinations))
        self._waiters.stop()
        # One turn of the loop for those who waited: they still have stores to write to.
        await asyncio.sleep(0)
