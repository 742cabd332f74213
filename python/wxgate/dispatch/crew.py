"""The tries that are open at once: long-lived workers, woken when there is something to do.

A task for each message, and a timeout around each try, would cost more than all else that dispatch
does. So workers stay, and one timer watches over the tries of all of them.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Protocol

from wxgate.dispatch.timer import Timer

if TYPE_CHECKING:
    from wxgate.dispatch.lane import Lane

    Tries = set[tuple[asyncio.Task[None], float]]

_LOG = logging.getLogger("wxgate.dispatch")
_YIELD_EVERY = 63
"""A mask: after so many tries a worker lets others run, for not every sink ever waits."""
_LAST_GRACE = 1.0
"""Seconds that a cancelled try has to end."""


class Work(Protocol):
    """What the crew does."""

    def take(self) -> Lane | None:
        """Return the next lane to serve, if any may be served."""

    async def serve(self, lane: Lane, task: asyncio.Task[None]) -> None:
        """Try to deliver the head of a lane."""


class Crew:
    """At most ``size`` workers of one destination."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Work, size: int) -> None:
        """Hire nobody yet."""
        self._loop = loop
        self._work = work
        self._size = size
        self._workers: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._open: dict[asyncio.Task[None], float] = {}
        self._overdue: set[asyncio.Task[None]] = set()
        self._timer = Timer(loop, self._sweep)
        self._stopping = False
        self._hastened = False

    def __len__(self) -> int:
        """How many tries are open."""
        return len(self._open) + len(self._overdue)

    def wake(self, count: int = 1) -> None:
        """Have ``count`` more workers look for something to do, as far as there are any."""
        while count > 0:
            if self._idle:
                self._idle.pop().set_result(None)
            elif len(self._workers) < self._size and not self._stopping:
                task = self._loop.create_task(self._run())
                self._workers.add(task)
                task.add_done_callback(self._left)
            else:
                return
            count -= 1

    async def _run(self) -> None:
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101 (inside a task there is one; for mypy)
        tries = 0
        while not self._stopping and len(self._workers) <= self._size:
            lane = self._work.take()
            if lane is None:
                turn = self._loop.create_future()
                self._idle.append(turn)
                await turn
                continue
            await self._work.serve(lane, task)
            tries += 1
            if not tries & _YIELD_EVERY:
                await asyncio.sleep(0)
        # At once: else all would leave where one is too many.
        self._workers.discard(task)

    def resize(self, size: int) -> None:
        """Have ``size`` workers at most: those that are too many leave after what they do now.

        Tries that start after one with more time are called off with it at the earliest.
        """
        self._size = size
        for _ in range(min(len(self._idle), len(self._workers) - size)):
            self._idle.pop().set_result(None)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._workers.discard(task)
        self._open.pop(task, None)
        self._overdue.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.critical("a worker failed: its message stays for the next start", exc_info=error)

    def begin(self, task: asyncio.Task[None], deadline: float) -> None:
        """Note that a try has started; all tries of a crew have the same time to end."""
        self._open[task] = deadline

    def is_overdue(self, task: asyncio.Task[None]) -> bool:
        """Whether a try was called off for being too slow."""
        return task in self._overdue

    def end(self, task: asyncio.Task[None]) -> bool:
        """Note that a try has ended; return whether it was called off for being too slow."""
        if self._open.pop(task, None) is not None:
            return False
        self._overdue.discard(task)
        task.uncancel()
        return True

    def tries(self) -> Tries:
        """Return the tries that are open, so that they can be told from those that come."""
        return {*self._open.items(), *((task, 0.0) for task in self._overdue)}

    def watch(self) -> None:
        """Set the timer for the try that started first; for none, if none is open."""
        first = next(iter(self._open.values()), math.inf)
        if first < math.inf:
            self._timer.set_no_later(first)
        else:
            self._timer.set(None)

    def _sweep(self) -> None:
        now = self._loop.time()
        while self._open:
            task, deadline = next(iter(self._open.items()))
            if deadline > now:
                break
            del self._open[task]
            self._overdue.add(task)
            task.cancel()
        self.watch()

    async def leave(self, seconds: float) -> None:
        """Start nothing more; give what is open ``seconds`` to end, then call it off."""
        self._stopping = True
        self._timer.set(None)
        self.wake(len(self._idle))
        if self._workers and not self._hastened:
            await asyncio.wait(self._workers, timeout=seconds)
        for task in self._workers:
            task.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=_LAST_GRACE)

    def hasten(self) -> None:
        """Call off what is open when the crew leaves, or at once if it is leaving."""
        self._hastened = True
        if self._stopping:
            for task in self._workers:
                task.cancel()
