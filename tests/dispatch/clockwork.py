"""An event loop whose time passes only when there is nothing else to do: hours take no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    Ready = list[tuple[selectors.SelectorKey, int]]

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Jumps to the next timer in place of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.rest: asyncio.Future[None] | None = None
        self.outside = False

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is None and not self.outside:
            # No timer, and nothing to run: whoever waits for that may go on.
            assert self.rest is not None, "everybody waits for somebody else"
            self.rest.set_result(None)
            self.rest = None
            return []
        if timeout is not None:
            self.now += timeout
            timeout = 0
        return super().select(timeout)


class Loop(asyncio.SelectorEventLoop):
    """The loop of a test."""

    def __init__(self) -> None:
        """Start at a time that is not 0."""
        self.clock = _Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        """Seconds that have passed for the code under test."""
        return self.clock.now

    def wall(self) -> int:
        """The same as a wall clock, in milliseconds since 1970."""
        return 1_700_000_000_000 + round(self.clock.now * 1000)

    async def rest(self) -> None:
        """Wait until nothing is left to run and no timer is set: until all is idle."""
        self.clock.rest = self.create_future()
        await self.clock.rest


def loop() -> Loop:
    """The running loop."""
    running = asyncio.get_running_loop()
    assert isinstance(running, Loop)
    return running


def play(coroutine: Coroutine[Any, Any, T], *, outside: bool = False) -> T:
    """Run a coroutine; ``outside`` if threads may wake the loop."""

    def factory() -> Loop:
        made = Loop()
        made.clock.outside = outside
        return made

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(coroutine)
