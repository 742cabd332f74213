"""One call of the event loop, set again and again; none while there is nothing to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Timer:
    """At most one scheduled call."""

    __slots__ = ("_action", "_handle", "_loop", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
        """Call ``action`` when the time has come."""
        self._loop = loop
        self._action = action
        self._handle: asyncio.TimerHandle | None = None
        # The handle does not say it where the time has passed: uvloop's is that of `call_soon`.
        self._when = 0.0

    def set(self, when: float | None) -> None:
        """Wait until ``when`` on the loop's clock, or for nothing."""
        if self._handle is not None:
            if self._when == when:
                return
            self._handle.cancel()
            self._handle = None
        if when is not None:
            self._when = when
            self._handle = self._loop.call_at(when, self._fire)

    def set_no_later(self, when: float) -> None:
        """Wait until ``when`` at most: a call that comes earlier is as good, and costs nothing."""
        if self._handle is None or self._when > when:
            self.set(when)

    def _fire(self) -> None:
        self._handle = None
        self._action()
