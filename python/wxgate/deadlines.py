"""Waiting with an end, where thousands wait equally long: one timer for all of them.

A timer of its own costs each waiter 2 µs of a loop, and ``asyncio.timeout`` costs it 6.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
Early: TypeAlias = "tuple[float, Callable[[T], object]]"


class Deadlines(Generic[T]):
    """Those who wait for the same number of seconds, in the order in which their time is up."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        expire: Callable[[T], object],
        early: Early[T] | None = None,
    ) -> None:
        """Call ``expire`` with whoever has entered and not left for ``seconds``.

        ``early`` names fewer seconds, and what is called with whoever waits for longer than that,
        again and again until it leaves.
        """
        self.seconds = seconds
        self.loop = loop
        self._expire = expire
        self._early = early
        self._glance = seconds if early is None else min(seconds, early[0])
        self._open: dict[T, float] = {}
        self._looks = False

    def enter(self, who: T) -> None:
        """Begin to wait."""
        now = self.loop.time()
        self._open[who] = now + self.seconds
        if not self._looks:
            self._looks = True
            self.loop.call_at(now + self._glance, self._look)

    def leave(self, who: T) -> bool:
        """Wait no more; whether the time was not up yet."""
        return self._open.pop(who, None) is not None

    def _look(self) -> None:
        now = self.loop.time()
        while self._open:
            who, until = next(iter(self._open.items()))
            if until > now:
                self._tell_early(now)
                self.loop.call_at(min(until, now + self._glance), self._look)
                return
            del self._open[who]
            self._expire(who)
        self._looks = False

    def _tell_early(self, now: float) -> None:
        if self._early is None:
            return
        after, tell = self._early
        for who, until in self._open.items():
            if until - self.seconds + after > now:
                break
            tell(who)


Tasks = Deadlines[asyncio.Task[object]]


def tasks(
    loop: asyncio.AbstractEventLoop,
    seconds: float,
    early: Early[asyncio.Task[object]] | None = None,
) -> Tasks:
    """Deadlines of tasks for ``within``."""
    return Deadlines(loop, seconds, asyncio.Task.cancel, early)


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
