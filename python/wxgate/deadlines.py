"""Waiting with an end, where thousands wait equally long: one timer for all of them.

A timer of its own costs each waiter 2 µs of a loop, and ``asyncio.timeout`` costs it 6.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Those who wait for the same number of seconds, in the order in which their time is up."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, expire: Callable[[T], object]
    ) -> None:
        """Call ``expire`` with whoever has entered and not left for ``seconds``."""
        self.seconds = seconds
        self.loop = loop
        self._expire = expire
        self._open: dict[T, float] = {}
        self._looks = False

    def enter(self, who: T) -> None:
        """Begin to wait."""
        until = self.loop.time() + self.seconds
        self._open[who] = until
        if not self._looks:
            self._looks = True
            self.loop.call_at(until, self._look)

    def leave(self, who: T) -> bool:
        """Wait no more; whether the time was not up yet."""
        return self._open.pop(who, None) is not None

    def _look(self) -> None:
        now = self.loop.time()
        while self._open:
            who, until = next(iter(self._open.items()))
            if until > now:
                self.loop.call_at(until, self._look)
                return
            del self._open[who]
            self._expire(who)
        self._looks = False


Tasks = Deadlines[asyncio.Task[object]]


def tasks(loop: asyncio.AbstractEventLoop, seconds: float) -> Tasks:
    """Deadlines of tasks for ``within``."""
    return Deadlines(loop, seconds, asyncio.Task.cancel)


async def within(deadlines: Tasks, awaited: Awaitable[bytes]) -> bytes:
    """Await in the current task. Raises ``TimeoutError`` when the time is up."""
    task = asyncio.current_task(deadlines.loop)
    assert task is not None  # noqa: S101 (for mypy: a coroutine that is awaited runs in one)
    deadlines.enter(task)
    try:
        return await awaited
    except asyncio.CancelledError:
        # Another may have cancelled it as well: then it is that.
        if deadlines.leave(task) or task.uncancel():
            raise
        raise TimeoutError from None
    finally:
        deadlines.leave(task)
