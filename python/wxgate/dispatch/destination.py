"""One destination: its lanes, its place in the journal, its tries, and what comes of them.

Settlements, reads and timers are seen to once per tick of the event loop, in `_turn`. When there is
nothing to do there is no tick and no timer.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from wxgate.dispatch.batch import Batch, gather
from wxgate.dispatch.crew import Crew
from wxgate.dispatch.delivery import Delivery
from wxgate.dispatch.gate import Gate
from wxgate.dispatch.lane import Window
from wxgate.dispatch.message import Kept
from wxgate.dispatch.outcome import Outcome
from wxgate.dispatch.pace import Paces
from wxgate.dispatch.place import Standing
from wxgate.dispatch.progress import Progress
from wxgate.dispatch.reader import Reader
from wxgate.dispatch.timer import Timer
from wxgate.dispatch.waits import Waits
from wxgate.errors import SinkRetryError
from wxgate.label import shown

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from wxgate.dispatch.envelope import Envelope
    from wxgate.dispatch.gate import Attempt
    from wxgate.dispatch.lane import Item, Lane
    from wxgate.dispatch.message import Live, Log
    from wxgate.dispatch.pace import Pacing
    from wxgate.dispatch.place import Desk, Place
    from wxgate.dispatch.reader import Nodes
    from wxgate.sinks import Sink

_LOG = logging.getLogger("wxgate.dispatch")
_WINDOW_BYTES = 64 * 1024 * 1024
"""Of events in memory, for each destination; the window's places bound them first, as a rule."""
_MICROS = 1_000_000
_PAUSE = 1.0
"""Seconds for which a journal that failed is left alone."""


class Destination:
    """Delivers at least once, and in order within a routing key."""

    def __init__(self, index: int, place: Place, desk: Desk, nodes: Nodes) -> None:
        """Deliver nothing before ``open``; ``index`` is the destination's in the journal."""
        limits = place.limits
        self.name = place.name
        self._index = index
        self._place = place
        self._limits = limits
        self._timeout = math.inf if limits.timeout is None else limits.timeout
        self._desk = desk
        self._now = desk.loop.time
        self._window = Window(limits.queue, _WINDOW_BYTES, shared=limits.shared)
        self._reader = Reader(index, self._window, nodes)
        self._gate = Gate(limits, desk.random, self._now())
        self._waits = Waits()
        self._progress = Progress()
        self._delivery = Delivery(place.name, place.sink, desk)
        self._outcome = Outcome(
            place.name,
            index,
            desk,
            gate=self._gate,
            window=self._window,
            waits=self._waits,
            progress=self._progress,
            retry=limits.retry,
            plan=self._plan,
        )
        self._paces = None if desk.pacing is None else Paces(place.name, desk.pacing)
        self._crew = Crew(desk.loop, self, limits.concurrency)
        self._timer = Timer(desk.loop, self._plan)
        self._log: Log | None = None
        self._planned = self._awaited = False
        self._stopping = self._leaving = self.is_at_rest = False
        self._again_at = 0.0

    def open(self, log: Log) -> None:
        """Read from ``log`` what an earlier process left."""
        self._log = log
        self._delivery.start()
        self._reader.open(log)
        self._plan()

    def offer(
        self, seq: int, accepted: int, message: Live, nodes: Sequence[int], *, wait: bool
    ) -> None:
        """Take a message that has just become durable; called in the order of ``seq``."""
        if wait:
            self._awaited = True
            self._desk.waiters.assign(seq, self._index)
        item = self._reader.offer(seq, accepted, message, nodes)
        if item is None:
            self._plan()
        elif self._window.add(message.key, item):
            item.wait = wait
            self._call()
        else:
            item.wait = wait

    # What the crew does

    def take(self) -> Lane | None:
        """Return the next lane to serve, if any may be served."""
        window, gate, paces = self._window, self._gate, self._paces
        while window.ready and self._may_try() and gate.admits(self._now()):
            lane = window.freshest() if gate.closed else window.ready.popleft()
            if (paces is None or paces.admits(lane, self._micros())) and (
                gate.closed or gate.passes(lane, self._waits, self._now(), self._progress.delivered)
            ):
                return lane
            window.yield_places(lane)
            self._plan()
        return None

    def _may_try(self) -> bool:
        """Whether this worker has leave to try anything, whatever the destination does."""
        if self._outcome.parked or self._stopping:
            return False
        pressure = self._desk.pressure
        return not pressure.pressed or self._awaited or len(self._crew) < pressure.tries

    async def serve(self, lane: Lane, task: asyncio.Task[None]) -> None:
        """Try to deliver the head of a lane, and with it what may share its batch."""
        attempt = self._gate.begin(self._now())
        item = lane.items[0]
        if item.message is None and not self._restore(lane, item, attempt):
            return
        batch = self._gather(lane) if self._limits.batch > 1 and not self._gate.closed else None
        self._crew.begin(task, attempt[1] + self._timeout)
        self._plan()
        answer = b""
        error: Exception | None = None
        try:
            if batch is None:
                answer = await self._delivery.deliver(item)
            else:
                await batch.deliver(self._delivery.sink)
        except asyncio.CancelledError:
            if not self._may_go_on(task, attempt):
                raise
            error = SinkRetryError(f"no answer within {self._timeout:g} s")
        except Exception as caught:  # noqa: BLE001 (a handler of the team's own may raise anything)
            error = caught
        finally:
            self._crew.end(task)
        if batch is not None:
            self._conclude(batch, error, attempt)
        elif error is None:
            self._outcome.taken(lane, item, answer, attempt)
        else:
            await self._outcome.failed(lane, item, error, attempt)

    def _conclude(self, batch: Batch, error: Exception | None, attempt: Attempt) -> None:
        if error is None:
            self._outcome.batch_taken(batch, attempt)
        elif self._outcome.batch_failed(batch, error, attempt):
            self._call(len(batch.lanes))

    def _micros(self) -> int:
        """Return the loop's time as limits have it."""
        return math.ceil(self._now() * _MICROS)

    def _gather(self, lane: Lane) -> Batch | None:
        free = None if self._paces is None else self._paces.free
        return gather(lane, self._window.ready, self._limits.batch, free)

    def _may_go_on(self, task: asyncio.Task[None], attempt: Attempt) -> bool:
        """Whether a cancelled try was merely too slow, or cancelled by the handler itself."""
        if self._crew.is_overdue(task) or not task.cancelling():
            return True
        self._gate.leave(attempt)
        return False

    def _restore(self, lane: Lane, item: Item, attempt: Attempt) -> bool:
        """Read a message again of which only its place was kept."""
        is_paced = self._paces is not None and item.paces is not None
        try:
            found = self._reader.again(lane, item)
        except OSError as error:
            self._gate.leave(attempt)
            self._complain(error)
            self._outcome.wait(lane, item, _PAUSE)
            return False
        if not found:
            self._outcome.lost(lane, item, attempt)
        return found and (is_paced or self._may_go(lane, attempt))

    def _may_go(self, lane: Lane, attempt: Attempt) -> bool:
        """Ask under which limits a message is of which only the place was kept until now."""
        if self._paces is None or self._paces.admits(lane, self._micros()):
            return True
        self._gate.leave(attempt)
        self._window.yield_places(lane)
        self._plan()
        return False

    # Once per tick

    def _call(self, count: int = 1) -> None:
        """Have workers look at the lanes that have become ready."""
        if self._outcome.parked or self._desk.pressure.pressed or not self._gate.breaker.plain:
            self._plan()
        else:
            self._crew.wake(count)

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self._desk.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._planned = False
        self._report()
        self._desk.publish(self.name, self._figures())
        if self._stopping:
            return
        if self._delivery.has_replaced:
            self._delivery.retire(self._crew.tries())
        now = self._now()
        window = self._window
        if due := self._waits.due(now):
            window.ready.extend(due)
        if self._paces is not None and (due := self._paces.due(self._micros())):
            window.ready.extendleft(due)
        if self._reader.wants and not self._outcome.parked and now >= self._again_at:
            self._read()
        if window.ready and self._may_try() and self._gate.admits(now):
            self._crew.wake(self._free(len(window.ready)))
        self._crew.watch()
        self._timer.set(self._next())

    def _free(self, ready: int) -> int:
        """For how many lanes, of so many, workers are to be woken."""
        if not self._gate.breaker.plain:
            ready = min(ready, self._gate.room)
        pressure = self._desk.pressure
        if pressure.pressed and not self._awaited:
            ready = min(ready, max(0, pressure.tries - len(self._crew)))
        return ready

    def _figures(self) -> tuple[int, ...]:
        """What is published, in the order of ``board.COLUMNS``."""
        return (
            len(self._crew),
            len(self._waits) + self._paced,
            self._window.held,
            self._outcome.parked,
            self._gate.closed,
            self._reader.behind,
            self._progress.lost,
            *self._delivery.figures(),
            self._gate.breaker.opened,
            self._gate.postponed,
        )

    @property
    def _paced(self) -> int:
        return 0 if self._paces is None else len(self._paces)

    def _report(self) -> None:
        """Tell the journal what is done, and how far this destination has looked."""
        self._progress.count(self.name, self._desk.tally)
        if self._log is None:
            return
        try:
            self._progress.note(self._log, self._index, self._reader.cursor)
        except OSError as error:
            self._complain(error)

    def _read(self) -> None:
        try:
            if self._reader.read(self._desk.last):
                self._plan()
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Leave the journal alone for a moment."""
        _LOG.error("%s: the journal fails: %s", shown(self.name), error)
        self._again_at = self._now() + _PAUSE

    def _next(self) -> float | None:
        """When something is due without anything happening before; None for never."""
        times = [self._waits.next]
        if self._paces is not None and self._paces.next is not None:
            times.append(self._paces.next / _MICROS)
        if self._window.ready and not self._outcome.parked:
            times.append(self._gate.breaker.waits_until)
        if self._again_at > self._now():
            times.append(self._again_at)
        return min((time for time in times if time is not None), default=None)

    # From outside

    def look(self) -> None:
        """See what may be done now."""
        self._plan()

    def settle(self) -> None:
        """Tell the journal what is done now, and not only at the end of the tick."""
        self._report()

    def unpark(self) -> None:
        """Try again in spite of a 410."""
        self._outcome.parked = False
        self._plan()

    async def drain(self, seconds: float) -> None:
        """Start no more tries, give the open ones ``seconds``, settle, close the sink."""
        self._stopping = True
        self._timer.set(None)
        await self._crew.leave(seconds)
        self._report()
        self._desk.publish(self.name, self._figures())
        await self._delivery.aclose()

    def hasten(self) -> None:
        """Give open tries no more time, in a ``drain`` that comes or is under way."""
        self._crew.hasten()

    # At a reload

    def change(self, place: Place, nodes: Nodes) -> None:
        """Go on as ``place`` says; tries that are open end as they began.

        What waits for a try is tried anew: what the destination said before, or did not say, was
        said under another configuration.
        """
        self._leaving = False
        self._reader.nodes = nodes
        if place is not self._place:
            self._place, self._limits = place, place.limits
            self._window.resize(place.limits.queue, shared=place.limits.shared)
            self._outcome.retry = place.limits.retry
        if place.sink is not self._delivery.sink:
            self._move(place)

    def _move(self, place: Place) -> None:
        limits = place.limits
        tries = None
        if self.is_at_rest:
            self.is_at_rest = self._stopping = False
            self._crew = Crew(self._desk.loop, self, limits.concurrency)
        else:
            tries = self._crew.tries()
        self._delivery.replace(place.sink, tries)
        self._timeout = math.inf if limits.timeout is None else limits.timeout
        self._crew.resize(limits.concurrency)
        self._gate = Gate(limits, self._desk.random, self._now(), self._gate)
        self._outcome.start_anew(self._gate)
        for item in self._window.items():
            if item.message is not None:
                item.nodes = self.nodes(item.seq, item.message, item.event)
        self._window.ready.extend(self._waits.due(math.inf))
        self._plan()

    def pace(self, pacing: Pacing) -> None:
        """Deliver under limits from now on, also what waits already."""
        if self._paces is None:
            self._paces = Paces(self.name, pacing)
            return
        for item in self._window.items():
            item.paces = None
        self._window.ready.extendleft(reversed(self._paces.release()))
        self._plan()

    def nodes(self, seq: int, message: Envelope, event: bytes) -> Sequence[int]:
        """Find the nodes of a message in memory."""
        return self._reader.nodes(self._index, Kept(seq, message, event))

    def leave(self) -> None:
        """Deliver what was sent here, though the configuration names it no more."""
        self._leaving = True
        _LOG.info("%s is configured no more: it gets what it was sent until then", shown(self.name))

    def rest(self) -> Coroutine[object, object, None]:
        """Close, until it is configured again: all that was for it is delivered.

        What is returned has still to be waited for; a reload that comes first begins anew.
        """
        self.is_at_rest = self._stopping = True
        self._timer.set(None)
        self._report()
        self._desk.publish(self.name, self._figures())
        self._crew.resize(0)
        sinks = self._delivery.leave()
        self._delivery.forget_nodes()
        return _close(self._crew, sinks)

    @property
    def oldest(self) -> int | None:
        """When the oldest message in memory was accepted (ms)."""
        return self._window.oldest()

    @property
    def is_out(self) -> bool:
        """Whether what comes now is not tried soon: parked, or down with no probe to spare."""
        gate = self._gate
        return self._outcome.parked or (gate.closed and not gate.admits(self._now()))

    @property
    def is_done(self) -> bool:
        """Whether all that is known to be for it was delivered."""
        idle = not (self._progress.settled or self._planned or len(self._crew))
        return idle and self._window.is_empty and not self._reader.behind

    def standing(self) -> Standing:
        """How it stands."""
        progress = self._progress
        return Standing(
            name=self.name,
            delivered=progress.delivered,
            retried=progress.retried,
            dead=progress.dead,
            lost=progress.lost,
            in_flight=len(self._crew),
            waiting=len(self._waits) + self._paced,
            held=self._window.held,
            parked=self._outcome.parked,
            down=self._gate.closed,
            breaker=self._gate.breaker.circuit,
            behind=self._reader.behind,
            leaving=self._leaving,
            oldest=self._window.oldest(),
            nodes=self._delivery.standing(),
        )


async def _close(crew: Crew, sinks: Sequence[Sink]) -> None:
    await crew.leave(0)
    for sink in sinks:
        await sink.aclose()
