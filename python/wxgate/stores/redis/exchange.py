"""Everything that waits in one tick goes to the server in one call, and no ask waits for long."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

from hiredis import ReplyError

from wxgate.errors import StoreError
from wxgate.redis.link import LostError
from wxgate.redis.place import target
from wxgate.stores.redis.call import SCRIPT, read
from wxgate.stores.redis.run import Run

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from wxcore._wxcore import Received

    from wxgate.redis.place import Place
    from wxgate.redis.session import Session
    from wxgate.stores import Denied, Held, Waiter
    from wxgate.stores.redis.call import Frame, Note
    from wxgate.stores.redis.tally import Tally

_OPEN = 2
"""Calls on their way at once. What comes meanwhile makes the next one larger, and cheaper."""
_LINGER_S = 0.005
"""That notes alone wait for a claim to go along with: nobody asks for these messages again so soon,
and to go alone would double the calls of a node that has little to do."""
_MISSES = 3
"""Calls in a row over the budget, after which the server counts as gone."""
_STUCK = 10
"""Budgets after which one is enough."""
_BEAT_S = 1.0
"""Between two calls where nobody asks: so that a loss is known before the next message."""
_SENDS = 5
"""Of one call on new connections."""
_REOPEN_S = 0.001
"""Between two attempts to connect, as long as somebody may still wait for it."""
_AGAIN_S = 0.005
"""Until a Cluster that moves keys is asked again."""


class Asked:
    """Waits for the answer to one ask, for who would rather await a future."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Not answered yet."""
        self.future: asyncio.Future[Held | Denied] = loop.create_future()

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return self.future.done()

    def decided(self, claimed: Held | Denied) -> None:
        """Hear the answer."""
        self.future.set_result(claimed)


class Owner(Protocol):
    """Whose claims these are."""

    @property
    def limits(self) -> object | None:
        """None if nothing is limited."""
        ...

    def verdict(
        self, message: Received, letter: int, more: bytes, full: Denied | None
    ) -> Held | Denied:
        """Take note of what the script said of a message, and say what that means.

        ``full`` is what it was asked for with, here and in the following.
        """
        ...

    def alone(self, message: Received, full: Denied | None) -> Held | Denied:
        """Decide without the server on a message that is new here."""
        ...

    def unheard(self, message: Received, full: Denied | None) -> None:
        """Note that a message is ours, and that nobody is there any more to take it."""
        ...

    def failed(self, reason: str, notes: Iterable[Note]) -> None:
        """Note that the server cannot be used now, and what it may not have heard."""
        ...


class Exchange:
    """In use or not. Not in use it holds nothing, and nothing may be asked of it."""

    def __init__(
        self, frame: Frame, place: Place, owner: Owner, tally: Tally, budget: float
    ) -> None:
        """Give each ask so many seconds."""
        self._frame = frame
        self._place = place
        self._owner = owner
        self._tally = tally
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._next: Run | None = None
        self._open: dict[Run, None] = {}
        """Sent and not answered, in this order."""
        self._misses = 0
        self._beat: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: asyncio.Future[None] | None = None
        self._server = ""
        self.session: Session | None = None
        self.epoch = b""
        self.in_use = False

    def use(self, session: Session, epoch: bytes) -> None:
        """Go on with a server that knows all that we know."""
        self.session, self.epoch = session, epoch
        self._server = session.about.run
        session.link.on_lost = self._lost
        self._misses = 0
        self.in_use = True
        self._beat = self._loop.call_later(_BEAT_S, self._look)

    def ask(self, message: Received, waiter: Waiter, full: Denied | None = None) -> None:
        """Ask for a message that is new here: without its limits, if one is ``full`` already."""
        run = self._next or self._begin()
        if not run.is_due:
            self._due(run)
        if self._owner.limits is None or full is not None:
            run.claims.append((message.claim_key, (), b""))
        else:
            run.claims.append((message.claim_key, message.limit_keys, message.limit_terms))
        run.asks.append((waiter, message, full))
        if run.is_full:
            self._flush()

    def note(self, key: bytes, value: bytes, life: int) -> None:
        """Tell of a message."""
        run = self._next
        if run is None:
            run = self._begin()
            run.timer = self._loop.call_later(_LINGER_S, self._due, run)
        run.notes.append((key, value, life))
        if run.is_full:
            self._due(run)
            self._flush()

    def fail(self, reason: str, *, hang_up: bool = True) -> None:
        """Stop using the server; whoever waits is answered without it."""
        if not self.in_use:
            return
        self.in_use = False
        if self._beat is not None:
            self._beat.cancel()
        if self.session is not None:
            self.session.link.on_lost = None
            if hang_up:
                self.session.link.close()
                self.session = None
        runs = [*self._open, *([self._next] if self._next else [])]
        self._open.clear()
        self._next = None
        for run in runs:
            run.end()
            self._answer_alone(run)
        self._owner.failed(reason, [note for run in runs for note in run.notes])
        self._rest()

    async def settle(self, seconds: float) -> None:
        """Wait until the server has heard everything, but not longer."""
        if self._next is not None:
            self._due(self._next)
        if self._open or self._next:
            self._resting = self._loop.create_future()
            await asyncio.wait({self._resting}, timeout=seconds)

    def close(self) -> None:
        """Hang up."""
        self.fail("closed")
        for task in self._tasks:
            task.cancel()
        if self.session is not None:
            self.session.link.close()
            self.session = None

    def _begin(self) -> Run:
        run = self._next = Run()
        return run

    def _due(self, run: Run) -> None:
        """Send it at the end of this tick, and have its time run from now on."""
        if run.is_due:
            return
        if run.timer is not None:
            run.timer.cancel()
        run.is_due = True
        run.timer = self._loop.call_later(self._budget, self._expire, run)
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        run = self._next
        if (
            run is None
            or not run.is_due
            or (len(self._open) >= _OPEN and not (run.is_full or run.is_late))
        ):
            return
        self._next = None
        run.written = self._frame.write(run.notes, run.claims)
        self._tally.calls += 1
        self._tally.claims += len(run.claims)
        self._open[run] = None
        if self.session is not None:
            self.session.link.send(run.written, partial(self._answered, run))

    def _answered(self, run: Run, answer: object) -> None:
        if run.is_over or isinstance(answer, LostError):
            return  # what is lost is sent again by who opens the next connection
        if isinstance(answer, ReplyError):
            self._refused(run, str(answer))
        elif (said := read(answer, len(run.claims))) is not None:
            self._hear(run, *said)
        else:
            self.fail("it does not answer as the script does")

    def _hear(self, run: Run, epoch: bytes, letters: bytes, more: list[bytes]) -> None:
        run.end()
        del self._open[run]
        if run.is_late:
            self._tally.doubled += len(letters) - letters.count(b"n")
        else:
            self._misses = 0
            self._give(run, letters, more)
        if epoch != self.epoch:
            self.fail("it has lost what it knew", hang_up=False)
        elif self._next is not None:
            self._flush()
        else:
            self._rest()

    def _give(self, run: Run, letters: bytes, more: list[bytes]) -> None:
        rest, limited = iter(more), self._owner.limits is not None
        for (waiter, message, full), letter in zip(run.asks, letters, strict=True):
            verdict: Held | Denied = True
            if letter != _NEW or limited:
                with_more = next(rest) if letter in _WITH_MORE else b""
                verdict = self._owner.verdict(message, letter, with_more, full)
            if not waiter.is_over:
                waiter.decided(verdict)
            elif verdict is True:
                self._owner.unheard(message, full)

    def _answer_alone(self, run: Run) -> None:
        if run.is_late:
            return
        run.is_late = True
        self._tally.late += len(run.asks)
        for waiter, message, full in run.asks:
            if waiter.is_over:
                self._owner.unheard(message, full)
            else:
                waiter.decided(self._owner.alone(message, full))

    def _expire(self, run: Run) -> None:
        # It may be this process that was busy: first have a look at what has come meanwhile.
        run.timer = self._loop.call_later(0, self._miss, run)

    def _miss(self, run: Run) -> None:
        self._answer_alone(run)
        if run is self._next:
            self._flush()
        self._misses += 1
        if self._misses >= _MISSES:
            self.fail(f"no answer within {self._budget * 1000:.0f} ms, {self._misses} times")
        else:
            run.timer = self._loop.call_later(self._budget * (_STUCK - 1), self._give_up)

    def _give_up(self) -> None:
        self.fail(f"no answer within {self._budget * _STUCK * 1000:.0f} ms")

    def _refused(self, run: Run, error: str) -> None:
        """Do what the error asks for, or do without the server."""
        match error.split(" ", 1)[0]:
            case "NOSCRIPT" if self.session is not None:
                self.session.link.send(SCRIPT.whole(run.written), partial(self._answered, run))
            case "MOVED" if self.session is not None:
                self._place.moved(target(error, self.session.address))
                self.session.link.close("the slot has moved")
            case "ASK" | "TRYAGAIN":
                # A call has old keys and new ones: no primary takes it until the move is over.
                self._loop.call_later(_AGAIN_S, self._send_again, run)
            case _:
                self.fail(error)

    def _send_again(self, run: Run) -> None:
        if not run.is_over and self.session is not None:
            self.session.link.send(run.written, partial(self._answered, run))

    def _lost(self) -> None:
        self.session = None
        if self.in_use:
            self._spawn(self._reopen())

    async def _reopen(self) -> None:
        """Connect again at once, and send again what may or may not have been heard."""
        last = self._loop.time() + self._budget
        session = None
        while session is None:
            try:
                session = await self._place.open()
            except StoreError as error:
                if not self.in_use or self._loop.time() > last:
                    self.fail(str(error))
                    return
                await asyncio.sleep(_REOPEN_S)
        if not self.in_use or self.session is not None:
            session.link.close()  # others were quicker
            return
        self._tally.reconnects += 1
        self.session = session
        if session.about.run != self._server:
            self.fail("it is another server, or was started anew", hang_up=False)
            return
        session.link.on_lost = self._lost
        for run in list(self._open):
            run.sends += 1
            if run.sends > _SENDS:
                self.fail(f"the connection was lost {_SENDS} times with the same call")
                return
            self._send_again(run)

    def _rest(self) -> None:
        if self._resting is not None and not (self._open or self._resting.done()):
            self._resting.set_result(None)

    def _look(self) -> None:
        self._beat = self._loop.call_later(_BEAT_S, self._look)
        if not self._open and self._next is None:
            self._due(self._begin())

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_NEW = ord("n")
_WITH_MORE = frozenset(b"ax")
