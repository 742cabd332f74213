"""Calls to a host that is not ours, such as WeChat's API: few at once, briefly, and not in vain."""

from __future__ import annotations

import asyncio
import random as random_module
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from wxgate.dispatch.retry import Schedule
from wxgate.errors import WxGateError
from wxgate.guard.breaker import Breaker, Rules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class HostLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How a host is treated. The defaults are for WeChat's API."""

    timeout: float = 1.5
    """Seconds of a call, the wait for its turn included."""
    concurrency: int = 20
    """Calls at once."""
    queue: int = 100
    """Calls that may wait for their turn; further ones are refused at once."""
    breaker: Rules = Rules(slow_after=1.0, patience=5.0, full=20)
    reopen: Schedule = Schedule(first=1.0, factor=2.0, max=30.0)
    """For how long calls are refused once most have failed."""


class GuardError(WxGateError):
    """A call was not made."""


class OpenError(GuardError):
    """The host fails or is slow, and is left alone for the moment."""

    def __init__(self, host: str, after: float) -> None:
        """``after`` are the seconds until it is tried again."""
        super().__init__(f"{host} is left alone for another {after:.1f} s")
        self.after = after


class CrowdedError(GuardError):
    """As many calls as are allowed are under way, and as many as are allowed wait."""

    def __init__(self, host: str) -> None:
        """Name the host."""
        super().__init__(f"{host} has as many calls open and waiting as it is allowed")


class HostGuard:
    """Stands in front of one host: a timeout, a bulkhead and a circuit breaker around each call.

    Holds no connection, so it goes with any client. To be used inside one event loop.
    """

    def __init__(
        self,
        host: str,
        limits: HostLimits | None = None,
        *,
        faults: type[Exception] | tuple[type[Exception], ...] = Exception,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        """Guard ``host``, a name for errors and figures.

        Only ``faults`` say that the host is unwell; any other exception is an answer like another.
        If one has ``after``, in seconds, the host is left alone for at least that long.
        """
        self.host = host
        self._limits = limits or HostLimits()
        self._faults = faults
        self.breaker = Breaker(
            self._limits.breaker, partial(self._limits.reopen.delay, random=random)
        )
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self.waiting = 0
        """Calls that wait for their turn."""

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Return what ``function`` does, if it may be called now.

        Raises ``OpenError`` or ``CrowdedError`` at once if not, ``TimeoutError`` if it takes too
        long, and whatever ``function`` raises.
        """
        self._must_admit()
        if self._slots.locked() and self.waiting >= self._limits.queue:
            raise CrowdedError(self.host)
        async with asyncio.timeout(self._limits.timeout) as scope:
            self.waiting += 1
            try:
                await self._slots.acquire()
            finally:
                self.waiting -= 1
            try:
                # Its turn may come when the host has been found to be down.
                self._must_admit()
                return await self._judged(function, scope)
            finally:
                self._slots.release()

    def _must_admit(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.breaker.admits(now):
            raise OpenError(self.host, max(0.0, (self.breaker.waits_until or now) - now))

    async def _judged(self, function: Callable[[], Awaitable[T]], scope: asyncio.Timeout) -> T:
        """Call, and tell the breaker what came of it, whatever that is."""
        clock = asyncio.get_running_loop().time
        began = clock()
        token = self.breaker.begin(began)
        try:
            answer = await function()
        except self._faults as error:
            after = getattr(error, "after", None)
            self.breaker.failed(token, clock(), clock() - began, after=after)
            raise
        except asyncio.CancelledError:
            # Called off from outside, or begun too late to say anything of the host?
            if scope.expired() and clock() - began >= self._limits.timeout / 2:
                self.breaker.failed(token, clock(), clock() - began, after=None)
            else:
                self.breaker.leave(token)
            raise
        except Exception:
            self.breaker.answered(token, clock(), clock() - began)
            raise
        except BaseException:
            self.breaker.leave(token)
            raise
        self.breaker.answered(token, clock(), clock() - began)
        return answer
