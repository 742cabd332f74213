"""One destination: its lanes, its place in the journal, its tries, and what comes of them.

Settlements, reads and timers are seen to once per tick of the event loop, in `_turn`. When there is
nothing to do there is no tick and no timer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import traceback
from typing import TYPE_CHECKING

from wxgate.dispatch.batch import Batch, ItemSink, gather
from wxgate.dispatch.crew import Crew
from wxgate.dispatch.gate import Gate
from wxgate.dispatch.lane import Window
from wxgate.dispatch.message import Kept, Letter, subject_of
from wxgate.dispatch.pace import Paces
from wxgate.dispatch.place import Standing
from wxgate.dispatch.reader import Reader
from wxgate.dispatch.timer import Timer
from wxgate.dispatch.waits import Waits
from wxgate.errors import SinkError, SinkGoneError, SinkRefusedError, SinkRetryError, StoreError
from wxgate.guard.breaker import Circuit
from wxgate.sinks import Starting, Watching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.dispatch.crew import Tries
    from wxgate.dispatch.envelope import Envelope
    from wxgate.dispatch.gate import Attempt
    from wxgate.dispatch.lane import Item, Lane
    from wxgate.dispatch.message import Live, Log
    from wxgate.dispatch.pace import Pacing
    from wxgate.dispatch.place import Desk, Place
    from wxgate.dispatch.reader import Nodes
    from wxgate.sinks import Sink
    from wxgate.sinks.fleet import Fleet

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
        self._sink = place.sink
        self._takes_items = isinstance(place.sink, ItemSink)
        self._fleet: Fleet | None = None
        self._replaced: list[tuple[Sink, Tries]] = []
        self._changed_at = -math.inf
        """When the sink took the place of another: what began before says nothing of it."""
        self._limits = limits
        self._timeout = math.inf if limits.timeout is None else limits.timeout
        self._desk = desk
        self._now = desk.loop.time
        self._window = Window(limits.queue, _WINDOW_BYTES, shared=limits.shared)
        self._reader = Reader(index, self._window, nodes)
        self._gate = Gate(limits, desk.random, self._now())
        self._waits = Waits()
        self._paces = None if desk.pacing is None else Paces(place.name, desk.pacing)
        self._crew = Crew(desk.loop, self, limits.concurrency)
        self._timer = Timer(desk.loop, self._plan)
        self._log: Log | None = None
        self._settled: list[int] = []
        self._planned = self._parked = self._awaited = False
        self._stopping = self._leaving = self.is_at_rest = False
        self._again_at = 0.0
        self._advanced = self._delivered = self._retried = self._dead = self._lost = 0
        self._told = (0, 0, 0)
        self._watch(place.sink)

    def open(self, log: Log) -> None:
        """Read from ``log`` what an earlier process left."""
        self._log = log
        if isinstance(self._sink, Starting):
            self._sink.start()
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
                gate.closed or gate.passes(lane, self._waits, self._now(), self._delivered)
            ):
                return lane
            window.yield_places(lane)
            self._plan()
        return None

    def _may_try(self) -> bool:
        """Whether this worker has leave to try anything, whatever the destination does."""
        if self._parked or self._stopping:
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
                answer = await self._deliver(item)
            else:
                await batch.deliver(self._sink)
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
            self._taken(lane, item, answer, attempt)
        else:
            await self._failed(lane, item, error, attempt)

    async def _deliver(self, item: Item) -> bytes:
        if self._takes_items and isinstance(self._sink, ItemSink):
            await self._sink.deliver_items([item])
            return b""
        return await self._sink.deliver(item.event, item.nodes)

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

    # What comes of a try

    def _taken(self, lane: Lane, item: Item, answer: bytes, attempt: Attempt) -> None:
        self._delivered += 1
        self._answered(attempt)
        if item.wait:
            self._desk.waiters.answer(item.seq, self._index, answer)
        self._finish(lane, item)

    def _finish(self, lane: Lane, item: Item) -> None:
        self._settled.append(item.seq)
        self._window.finish(lane, 1)
        self._plan()

    def _answered(self, attempt: Attempt) -> None:
        """Tell the gate; if it lets more pass now, that is what waited only because of it."""
        was_closed = self._gate.closed
        if attempt[1] < self._changed_at or not self._gate.answered(attempt, self._now()):
            return
        if self._gate.breaker.circuit is not Circuit.OPEN:
            self._window.ready.extend(self._waits.release())
        if self._gate.closed != was_closed:
            how = "answers again" if was_closed else "is too slow, and is only probed"
            _LOG.warning("%s %s", self.name, how)
        self._plan()

    async def _failed(self, lane: Lane, item: Item, error: Exception, attempt: Attempt) -> None:
        if isinstance(error, SinkGoneError):
            self._park([lane], error, attempt)
            self._gate.leave(attempt)
            return
        item.attempts += 1
        item.seek_another(error)
        if isinstance(error, SinkRefusedError):
            self._answered(attempt)
            await self._bury(lane, item, f"refused: {error}")
            return
        after = error.after if isinstance(error, SinkRetryError) else None
        self._note_failure(after, error, attempt, first=item.attempts == 1)
        if self._limits.retry.over(item.accepted, self._desk.clock()):
            await self._bury(lane, item, f"gave_up: {_cause(error)}")
        else:
            self._wait(lane, item, after)

    def _note_failure(
        self, after: float | None, error: Exception, attempt: Attempt, *, first: bool
    ) -> None:
        self._retried += 1
        if first and not isinstance(error, SinkError):
            _LOG.error("%s: a handler raised %s", self.name, _place_of(error))
        if attempt[1] < self._changed_at:
            return
        was_closed = self._gate.closed
        if self._gate.failed(attempt, self._now(), first=first, after=after) and not was_closed:
            _LOG.warning("%s fails, and is only probed: %s", self.name, _cause(error))

    def _wait(self, lane: Lane, item: Item, after: float | None) -> None:
        delay = self._limits.retry.delay(item.attempts, after, self._desk.random)
        self._waits.add(lane, self._now() + delay, patient=after is not None)
        self._window.yield_places(lane)
        self._plan()

    def _park(self, lanes: list[Lane], error: Exception, attempt: Attempt) -> None:
        self._window.ready.extendleft(reversed(lanes))
        if not self._parked and attempt[1] >= self._changed_at:
            self._parked = True
            _LOG.error("%s is parked, nothing more is tried there: %s", self.name, error)
        self._plan()

    async def _bury(self, lane: Lane, item: Item, reason: str) -> None:
        """Hand a message to the dead letters; only once it is there is it settled."""
        message = item.message
        assert message is not None  # noqa: S101 (it was tried just now; for mypy)
        letter = Letter(
            id=message.id,
            destination=self.name,
            account=message.account,
            type=message.type,
            subject=subject_of(item.event),
            key=lane.key,
            accepted=item.accepted,
            buried=self._desk.clock(),
            reason=reason,
            attempts=item.attempts,
            event=item.event,
        )
        try:
            await self._desk.dead.bury(letter)
        except StoreError as error:
            _LOG.error("%s: %s cannot be buried: %s", self.name, letter.id, error)
            self._wait(lane, item, None)
            return
        self._dead += 1
        _LOG.error("%s: %s is a dead letter, %s", self.name, letter.id, reason)
        self._desk.waiters.fail(item.seq, self._index, SinkRefusedError(reason))
        self._finish(lane, item)

    def _conclude(self, batch: Batch, error: Exception | None, attempt: Attempt) -> None:
        """See to a batch. One that failed as a whole is taken apart, to find out why."""
        if isinstance(error, SinkGoneError):
            self._park(batch.lanes, error, attempt)
            self._gate.leave(attempt)
            return
        if error is None:
            self._answered(attempt)
            self._delivered += len(batch.items)
            self._settled += [item.seq for item in batch.items]
            for lane, count in batch.parts:
                self._window.finish(lane, count)
            self._plan()
            return
        if isinstance(error, SinkRefusedError):
            self._answered(attempt)
            batch.take_apart()
            self._window.ready.extend(batch.lanes)
            self._call(len(batch.lanes))
            return
        after = error.after if isinstance(error, SinkRetryError) else None
        first = batch.blame(error)
        self._note_failure(after, error, attempt, first=first)
        if not self._gate.closed:
            batch.take_apart()
        for lane in batch.lanes:
            self._wait(lane, lane.items[0], after)

    def _restore(self, lane: Lane, item: Item, attempt: Attempt) -> bool:
        """Read a message again of which only its place was kept."""
        try:
            found = self._reader.again(lane, item)
        except OSError as error:
            self._gate.leave(attempt)
            self._complain(error)
            self._wait(lane, item, _PAUSE)
            return False
        if not found:
            self._gate.leave(attempt)
            self._lost += 1
            _LOG.critical("%s: the journal has lost message %d", self.name, item.seq)
            self._window.finish(lane, 1)
            self._plan()
        return found

    # Once per tick

    def _call(self, count: int = 1) -> None:
        """Have workers look at the lanes that have become ready."""
        if self._parked or self._desk.pressure.pressed or not self._gate.breaker.plain:
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
        if self._replaced:
            self._retire()
        now = self._now()
        window = self._window
        if due := self._waits.due(now):
            window.ready.extend(due)
        if self._paces is not None and (due := self._paces.due(self._micros())):
            window.ready.extendleft(due)
        if self._reader.wants and not self._parked and now >= self._again_at:
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
            self._parked,
            self._gate.closed,
            self._reader.behind,
            self._lost,
            *self._fleet_figures(),
            self._gate.breaker.opened,
            self._gate.postponed,
        )

    @property
    def _paced(self) -> int:
        return 0 if self._paces is None else len(self._paces)

    def _fleet_figures(self) -> tuple[int, int, int]:
        fleet = self._fleet
        return (0, 0, 0) if fleet is None else (fleet.away, fleet.spilled, fleet.rerouted)

    def _report(self) -> None:
        """Tell the journal what is done, and how far this destination has looked."""
        counts = self._delivered, self._retried, self._dead
        if counts != self._told:
            more = [now - told for now, told in zip(counts, self._told, strict=True)]
            self._desk.tally(self.name, *more)
            self._told = counts
        if self._log is None:
            return
        try:
            if self._settled:
                self._log.settle(self._index, self._settled)
                self._settled = []
            if self._reader.cursor != self._advanced:
                self._log.advance(self._index, self._reader.cursor)
                self._advanced = self._reader.cursor
        except OSError as error:
            # What is not noted is told again next time, or delivered again after a start.
            self._complain(error)

    def _read(self) -> None:
        try:
            if self._reader.read(self._desk.last):
                self._plan()
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Leave the journal alone for a moment."""
        _LOG.error("%s: the journal fails: %s", self.name, error)
        self._again_at = self._now() + _PAUSE

    def _next(self) -> float | None:
        """When something is due without anything happening before; None for never."""
        times = [self._waits.next]
        if self._paces is not None and self._paces.next is not None:
            times.append(self._paces.next / _MICROS)
        if self._window.ready and not self._parked:
            times.append(self._gate.breaker.waits_until)
        if self._again_at > self._now():
            times.append(self._again_at)
        return min((time for time in times if time is not None), default=None)

    # From outside

    def look(self) -> None:
        """See what may be done now."""
        self._plan()

    def unpark(self) -> None:
        """Try again in spite of a 410."""
        self._parked = False
        self._plan()

    async def drain(self, seconds: float) -> None:
        """Start no more tries, give the open ones ``seconds``, settle, close the sink."""
        self._stopping = True
        self._timer.set(None)
        sinks = [self._sink, *(sink for sink, _ in self._replaced)]
        self._replaced = []
        await self._crew.leave(seconds)
        self._report()
        self._desk.publish(self.name, self._figures())
        for sink in sinks:
            await sink.aclose()

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
        if place.sink is not self._sink:
            self._move(place)

    def _move(self, place: Place) -> None:
        limits = place.limits
        if self.is_at_rest:
            self.is_at_rest = self._stopping = False
            self._crew = Crew(self._desk.loop, self, limits.concurrency)
        else:
            self._replaced.append((self._sink, self._crew.tries()))
        self._sink = place.sink
        self._takes_items = isinstance(place.sink, ItemSink)
        self._change_fleet(place.sink)
        self._changed_at = self._now()
        self._timeout = math.inf if limits.timeout is None else limits.timeout
        self._crew.resize(limits.concurrency)
        self._gate = Gate(limits, self._desk.random, self._now(), self._gate)
        self._parked = False
        for item in self._window.items():
            if item.message is not None:
                item.nodes = self.nodes(item.seq, item.message, item.event)
        self._window.ready.extend(self._waits.due(math.inf))
        self._plan()

    def pace(self, pacing: Pacing) -> None:
        """Deliver under limits from now on, also what waits already."""
        if self._paces is None:
            self._paces = Paces(self.name, pacing)

    def _retire(self) -> None:
        """Close replaced sinks whose last try has ended."""
        open_now = self._crew.tries()
        for sink, tries in self._replaced:
            if not tries & open_now:
                self._desk.keep(sink.aclose())
        self._replaced = [(sink, its) for sink, its in self._replaced if its & open_now]

    def _watch(self, sink: Sink) -> None:
        """Watch a sink's nodes, if it has any, and have them counted where they are shown."""
        self._fleet = fleet = sink.fleet if isinstance(sink, Watching) else None
        names = () if fleet is None else fleet.names
        cells = self._desk.cells(self.name, names)
        if fleet is not None:
            fleet.count_in(cells)

    def _change_fleet(self, sink: Sink) -> None:
        """Watch other nodes, none of which is known yet, and count on."""
        before = self._fleet
        self._watch(sink)
        if before is not None:
            # Its last tries say nothing of nodes as they are seen now.
            before.count_in(None)
        if before is not None and self._fleet is not None:
            self._fleet.spilled += before.spilled
            self._fleet.rerouted += before.rerouted
        if isinstance(sink, Starting):
            sink.start()

    def nodes(self, seq: int, message: Envelope, event: bytes) -> Sequence[int]:
        """Find the nodes of a message in memory."""
        return self._reader.nodes(self._index, Kept(seq, message, event))

    def leave(self) -> None:
        """Deliver what was sent here, though the configuration names it no more."""
        self._leaving = True
        _LOG.info("%s is configured no more: it gets what it was sent until then", self.name)

    async def rest(self) -> None:
        """Close, until it is configured again: all that was for it is delivered."""
        self.is_at_rest = True
        await self.drain(0)
        if self._fleet is not None:
            self._fleet.count_in(None)
            # None is away any more, for want of anybody who would go there.
            self._desk.cells(self.name, ())

    @property
    def is_done(self) -> bool:
        """Whether all that is known to be for it was delivered."""
        idle = not (self._settled or self._planned or len(self._crew))
        return idle and self._window.is_empty and not self._reader.behind

    def standing(self) -> Standing:
        """How it stands."""
        return Standing(
            name=self.name,
            delivered=self._delivered,
            retried=self._retried,
            dead=self._dead,
            lost=self._lost,
            in_flight=len(self._crew),
            waiting=len(self._waits) + self._paced,
            held=self._window.held,
            parked=self._parked,
            down=self._gate.closed,
            breaker=self._gate.breaker.circuit,
            behind=self._reader.behind,
            leaving=self._leaving,
            oldest=self._window.oldest(),
            nodes=() if self._fleet is None else self._fleet.standing(),
        )


def _cause(error: Exception) -> str:
    """Name a cause without the text of messages: sinks write only addresses and statuses."""
    return str(error) if isinstance(error, SinkError) else type(error).__name__


def _place_of(error: Exception) -> str:
    """Say what was raised and where; not its text, which may be that of a message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
