"""What comes of a try: settled, tried again, tried elsewhere, parked, or a dead letter."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from wxgate.dispatch.message import Letter, subject_of
from wxgate.dispatch.raised import told
from wxgate.errors import SinkError, SinkGoneError, SinkRefusedError, SinkRetryError, StoreError
from wxgate.guard.breaker import Circuit
from wxgate.label import shown
from wxgate.replies import NotAReplyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxgate.dispatch.batch import Batch
    from wxgate.dispatch.gate import Attempt, Gate
    from wxgate.dispatch.lane import Item, Lane, Window
    from wxgate.dispatch.place import Desk
    from wxgate.dispatch.progress import Progress
    from wxgate.dispatch.retry import Schedule
    from wxgate.dispatch.waits import Waits

_LOG = logging.getLogger("wxgate.dispatch")


class Outcome:
    """Judges the tries of one destination."""

    def __init__(  # noqa: PLR0913 (the parts of a destination that a try may change)
        self,
        name: str,
        index: int,
        desk: Desk,
        *,
        gate: Gate,
        window: Window,
        waits: Waits,
        progress: Progress,
        retry: Schedule,
        plan: Callable[[], None],
    ) -> None:
        """Judge for the destination ``index``; ``plan`` has it look what may be done now."""
        self.gate = gate
        self.retry = retry
        self.parked = False
        """Whether the destination said 410: nothing more is tried."""
        self._changed_at = -math.inf
        self._name = name
        self._shown = shown(name)
        self._index = index
        self._desk = desk
        self._now = desk.loop.time
        self._window = window
        self._waits = waits
        self._progress = progress
        self._plan = plan

    def start_anew(self, gate: Gate) -> None:
        """Judge another sink from now on: what began before says nothing of it."""
        self.gate = gate
        self.parked = False
        self._changed_at = self._now()

    # One message

    def taken(self, lane: Lane, item: Item, answer: bytes, attempt: Attempt) -> None:
        """Settle a message that was handed over."""
        self._progress.delivered += 1
        self._answered(attempt)
        if item.wait:
            desk = self._desk
            tell = desk.waiters.answer if item.seq <= desk.last else desk.waiters.keep
            tell(item.seq, self._index, answer)
        self._finish(lane, item)

    async def failed(self, lane: Lane, item: Item, error: Exception, attempt: Attempt) -> None:
        """Decide what becomes of a message that was not taken."""
        if isinstance(error, SinkGoneError):
            self._park([lane], error, attempt)
            return
        item.attempts += 1
        item.seek_another(error)
        if isinstance(error, SinkRefusedError):
            self._answered(attempt)
            await self._bury(lane, item, f"refused: {error}")
            return
        after = error.after if isinstance(error, SinkRetryError) else None
        self._note_failure(after, error, attempt, first=item.attempts == 1)
        if self.retry.over(item.accepted, self._desk.clock()):
            await self._bury(lane, item, f"gave_up: {_cause(error)}")
        else:
            self.wait(lane, item, after)

    def wait(self, lane: Lane, item: Item, after: float | None) -> None:
        """Try a lane again after ``after`` seconds, or as the schedule says."""
        delay = self.retry.delay(item.attempts, after, self._desk.random)
        self._waits.add(lane, self._now() + delay, patient=after is not None)
        self._window.yield_places(lane)
        self._plan()

    def lost(self, lane: Lane, item: Item, attempt: Attempt) -> None:
        """Go on without a message that the journal cannot give back."""
        self.gate.leave(attempt)
        self._progress.lost += 1
        _LOG.critical("%s: the journal has lost message %d", self._shown, item.seq)
        self._window.finish(lane, 1)
        self._plan()

    def _finish(self, lane: Lane, item: Item) -> None:
        self._progress.settled.append(item.seq)
        self._window.finish(lane, 1)
        self._plan()

    async def _bury(self, lane: Lane, item: Item, reason: str) -> None:
        """Hand a message to the dead letters; only once it is there is it settled."""
        letter = self._letter(lane, item, reason)
        try:
            await self._desk.dead.bury(letter)
        except StoreError as error:
            _LOG.error("%s: %s cannot be buried: %s", self._shown, letter.id, error)
            self.wait(lane, item, None)
            return
        self._progress.dead += 1
        _LOG.error("%s: %s is a dead letter, %s", self._shown, letter.id, reason)
        waiters = self._desk.waiters
        tell = waiters.keep if item.wait and item.seq > self._desk.last else waiters.fail
        tell(item.seq, self._index, SinkRefusedError(reason))
        self._finish(lane, item)

    def _letter(self, lane: Lane, item: Item, reason: str) -> Letter:
        message = item.message
        assert message is not None  # noqa: S101 (it was tried just now; for mypy)
        return Letter(
            id=message.id,
            destination=self._name,
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

    # A batch

    def batch_taken(self, batch: Batch, attempt: Attempt) -> None:
        """Settle all of a batch."""
        self._answered(attempt)
        self._progress.delivered += len(batch.items)
        self._progress.settled += [item.seq for item in batch.items]
        for lane, count in batch.parts:
            self._window.finish(lane, count)
        self._plan()

    def batch_failed(self, batch: Batch, error: Exception, attempt: Attempt) -> bool:
        """Take apart a batch that failed as a whole, to find out why; whether its lanes are ready.

        Else they wait, or nothing more is tried.
        """
        if isinstance(error, SinkGoneError):
            self._park(batch.lanes, error, attempt)
            return False
        if isinstance(error, SinkRefusedError):
            self._answered(attempt)
            batch.take_apart()
            self._window.ready.extend(batch.lanes)
            return True
        after = error.after if isinstance(error, SinkRetryError) else None
        first = batch.blame(error)
        self._note_failure(after, error, attempt, first=first)
        if not self.gate.closed:
            batch.take_apart()
        for lane in batch.lanes:
            self.wait(lane, lane.items[0], after)
        return False

    # What it says of the destination

    def _answered(self, attempt: Attempt) -> None:
        """Tell the gate; if it lets more pass now, that is what waited only because of it."""
        gate = self.gate
        was_closed = gate.closed
        if attempt[1] < self._changed_at or not gate.answered(attempt, self._now()):
            return
        if gate.breaker.circuit is not Circuit.OPEN:
            self._window.ready.extend(self._waits.release())
        if gate.closed != was_closed:
            how = "answers again" if was_closed else "is too slow, and is only probed"
            _LOG.warning("%s %s", self._shown, how)
        self._plan()

    def _note_failure(
        self, after: float | None, error: Exception, attempt: Attempt, *, first: bool
    ) -> None:
        self._progress.retried += 1
        if first and not isinstance(error, SinkError):
            _LOG.error("%s: the function %s", self._shown, told(error))
        if attempt[1] < self._changed_at:
            return
        was_closed = self.gate.closed
        if self.gate.failed(attempt, self._now(), first=first, after=after) and not was_closed:
            _LOG.warning("%s fails, and is only probed: %s", self._shown, _cause(error))

    def _park(self, lanes: list[Lane], error: Exception, attempt: Attempt) -> None:
        self._window.ready.extendleft(reversed(lanes))
        if not self.parked and attempt[1] >= self._changed_at:
            self.parked = True
            _LOG.error("%s is parked, nothing more is tried there: %s", self._shown, error)
        self._plan()
        self.gate.leave(attempt)


def _cause(error: Exception) -> str:
    """Name a cause without the text of messages: sinks write only addresses and statuses."""
    is_safe = isinstance(error, SinkError | NotAReplyError)
    return str(error) if is_safe else type(error).__name__
