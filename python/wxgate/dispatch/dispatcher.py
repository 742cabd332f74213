"""All destinations of one worker."""

from __future__ import annotations

import asyncio
import random as random_module
import time
from typing import TYPE_CHECKING

from wxgate.dispatch.destination import Destination
from wxgate.dispatch.place import Desk, NoPressure
from wxgate.dispatch.timer import Timer
from wxgate.dispatch.waiters import Waiters
from wxgate.sinks.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wxgate.dispatch.message import DeadLetters, Live, Log
    from wxgate.dispatch.pace import Pacing
    from wxgate.dispatch.place import Place, Pressure, Standing, Tally
    from wxgate.dispatch.reader import Nodes

_LINGER = 60.0
"""Seconds after which no request can be under way any more that an earlier configuration took:
none has more than 5 for its answer, and the disk the rest."""
_GLANCE = 1.0


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


def _nobody(_: str, __: Sequence[int]) -> None:
    """Listens to no figures."""


def _nowhere(_: str, names: Sequence[str]) -> Cells:
    return Cells.alone(len(names))


class Dispatcher:
    """Delivers what the journal holds. To be made, and used, inside the event loop."""

    def __init__(  # noqa: PLR0913 (wired once, in lifespan)
        self,
        places: Sequence[Place],
        *,
        nodes: Nodes,
        dead: DeadLetters,
        tally: Tally = lambda *_: None,
        clock: Callable[[], int] = _wall_clock,
        random: Callable[[], float] = random_module.random,
        publish: Callable[[str, Sequence[int]], None] | None = None,
        cells: Callable[[str, Sequence[str]], Cells] = _nowhere,
        pacing: Pacing | None = None,
        pressure: Pressure | None = None,
        linger: float = _LINGER,
    ) -> None:
        """Deliver to ``places``, whose order is the journal's.

        ``nodes`` finds the nodes of a message that was read back, given the index of its place.
        ``clock`` tells milliseconds since 1970. Once per tick ``tally`` is told what became of
        deliveries, and ``publish`` how a destination stands that has changed. ``cells`` says where
        the nodes of a destination are counted. Under ``pressure``
        deliveries that nobody waits for stand back, until ``relieve`` is called. ``pacing`` has the
        limits under which messages are delivered. A destination that the configuration drops stays
        for ``linger`` seconds at least.
        """
        loop = asyncio.get_running_loop()
        self._waiters = Waiters(loop)
        told = (tally, publish or _nobody, cells, pressure or NoPressure())
        self._desk = Desk(loop, self._waiters, dead, clock, random, *told, pacing)
        self._at = {
            index: Destination(index, place, self._desk, nodes)
            for index, place in enumerate(places)
        }
        self._desk.pressure.relieved = self.relieve
        self._log: Log | None = None
        self._linger = linger
        self._leaving: dict[int, float] = {}
        self._sweeping = Timer(loop, self._sweep)
        self.orphans: tuple[str, ...] = ()
        """Destinations that the journal holds messages for and that are no longer configured."""

    def resume(self, log: Log, orphans: Iterable[str] = ()) -> None:
        """Start: deliver what an earlier process left in ``log``, and what is recorded from now on.

        ``orphans`` are the names that ``log`` knows and the configuration does not.
        """
        self.orphans = tuple(orphans)
        self._log = log
        for destination in self._at.values():
            destination.open(log)

    @property
    def pacing(self) -> Pacing | None:
        """The limits under which messages are delivered, if there are any."""
        return self._desk.pacing

    def pace(self, pacing: Pacing) -> None:
        """Deliver under other limits from now on, also what waits for its turn already."""
        self._desk.pacing = pacing
        for destination in self._at.values():
            destination.pace(pacing)

    def apply(self, places: Mapping[int, Place], nodes: Nodes) -> None:
        """Deliver to these from now on, by the journal's index.

        A place that is the very same goes on untouched. One that has changed keeps its messages
        and their order, and makes its next tries as it is told now. One that is no longer there
        gets what it was sent, and is closed.
        """
        for index, place in places.items():
            known = self._at.get(index)
            if known is not None:
                self._leaving.pop(index, None)
                known.change(place, nodes)
                continue
            self._at[index] = added = Destination(index, place, self._desk, nodes)
            if self._log is not None:
                added.open(self._log)
        for index in self._at.keys() - places.keys() - self._leaving.keys():
            if self._at[index].is_at_rest:
                continue
            self._at[index].leave()
            self._leaving[index] = self._desk.loop.time() + self._linger
        self._watch()

    def _watch(self) -> None:
        """See to those that leave when the first of them may be gone, and again every second."""
        if self._leaving:
            soon = self._desk.loop.time() + _GLANCE
            self._sweeping.set(max(soon, min(self._leaving.values())))

    def _sweep(self) -> None:
        now = self._desk.loop.time()
        due = [index for index, when in self._leaving.items() if when <= now]
        for index in due:
            if self._at[index].is_done:
                del self._leaving[index]
                self._desk.keep(self._at[index].rest())
        self._watch()

    def recorded(self, seq: int, message: Live, *, fresh: bool = True) -> None:
        """Deliver a message that has just become durable; called in the order of ``seq``.

        ``fresh`` says that it was received under the configuration that is in force.
        """
        desk = self._desk
        desk.last = seq
        places = message.destinations
        if len(places) == 1 and fresh:
            ((place, nodes, wait),) = places
            self._at[place].offer(seq, desk.clock(), message, nodes, wait=wait)
        elif fresh:
            self._spread(seq, message, places)
        else:
            # Found by an earlier configuration: the nodes are no longer those.
            at = self._at
            anew = (
                (place, at[place].nodes(seq, message, message.event), wait)
                for place, _, wait in places
            )
            self._spread(seq, message, [*anew])

    def _spread(
        self, seq: int, message: Live, places: Sequence[tuple[int, Sequence[int], bool]]
    ) -> None:
        """Offer it once to each place, though several routes lead there; one of them answers."""
        chosen: dict[Destination, Sequence[int]] = {}
        answering = None
        for index, nodes, wait in places:
            destination = self._at[index]
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

    def is_out(self, seq: int) -> bool:
        """Whether whose answer is waited for is parked or down: none will come in time."""
        asked = self._waiters.asked(seq)
        return asked is not None and self._at[asked].is_out

    def relieve(self) -> None:
        """Go on with what stood back under pressure."""
        for destination in self._at.values():
            destination.look()

    def unpark(self, name: str) -> bool:
        """Try a parked destination again; False if there is none of that name."""
        found = [one for one in self._at.values() if one.name == name]
        for destination in found:
            destination.unpark()
        return bool(found)

    def settle(self) -> None:
        """Have the journal told what is done now, and not only at the end of the tick."""
        for one in self._at.values():
            one.settle()

    def snapshot(self) -> list[Standing]:
        """How the destinations stand, in the order of the places."""
        return [one.standing() for one in self._at.values() if not one.is_at_rest]

    @property
    def oldest(self) -> int | None:
        """When the oldest undelivered message in memory was accepted (ms)."""
        times = (one.oldest for one in self._at.values())
        return min((time for time in times if time is not None), default=None)

    async def drain(self, seconds: float) -> None:
        """Start no more tries, give the open ones ``seconds``, settle, close the sinks.

        What is not delivered by then stays in the journal.
        """
        self._sweeping.set(None)
        busy = (one for one in self._at.values() if not one.is_at_rest)
        await asyncio.gather(*(one.drain(seconds) for one in busy))
        await self._desk.finish()
        self._waiters.stop()
        # One turn of the loop for those who waited: they still have stores to write to.
        await asyncio.sleep(0)

    def hasten(self) -> None:
        """Give open tries no more time, now and in a ``drain`` that comes or is under way."""
        for destination in self._at.values():
            destination.hasten()
