"""Calls to a host that is not ours, such as WeChat's API: few at once, briefly, and not in vain."""

from __future__ import annotations

import asyncio
import random as random_module
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from wxgate.dispatch.retry import Schedule
from wxgate.errors import WxGateError
from wxgate.guard.breaker import PASSING, Breaker, Rules
from wxgate.guard.budget import RetryBudget

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
    retry: Schedule = Schedule(first=0.1, factor=2.0, max=1.0, budget=0.2, budget_floor=1.0)
    """The pauses before a call is repeated, and how many may be in vain: a share of those that were
    answered, and so many each second. A host that asks for a longer pause is not asked again."""


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


class _Try:
    """What is to be known of one try to decide about the next."""

    __slots__ = ("after", "failed", "first", "probes")

    def __init__(self, *, first: bool) -> None:
        self.first = first
        self.probes = False
        """Whether the breaker counts it: it bounds these by itself."""
        self.failed = False
        """Whether it says that the host is unwell."""
        self.after: float | None = None
        """For how long that wants to be left alone."""


class HostGuard:
    """Stands in front of one host: timeout, bulkhead, circuit breaker and a budget for retries.

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
        self._budget = RetryBudget(self._limits.retry.budget, self._limits.retry.budget_floor)
        self._random = random
        self._answered = 0
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self.waiting = 0
        """Calls that wait for their turn."""

    async def call(self, function: Callable[[], Awaitable[T]], *, retries: int = 0) -> T:
        """Return what ``function`` does, if it may be called now.

        Where it may be done twice, ``retries`` says how often it is repeated if it fails or takes
        too long. All calls have one budget for that: a host that is down gets few more of them.

        Raises ``OpenError`` or ``CrowdedError`` at once if it may not be called, ``TimeoutError``
        if the last try takes too long, and whatever ``function`` raises.
        """
        for number in range(1, retries + 1):
            attempt = _Try(first=number == 1)
            try:
                return await self._try(function, attempt)
            except Exception:
                if not self._may_repeat(attempt):
                    raise
            await asyncio.sleep(self._limits.retry.delay(number, attempt.after, self._random))
        return await self._try(function, _Try(first=not retries))

    def _may_repeat(self, attempt: _Try) -> bool:
        """Whether what failed may be tried again, be it in vain."""
        if not attempt.failed or (attempt.after or 0.0) > self._limits.retry.max:
            return False
        now = asyncio.get_running_loop().time()
        return self.breaker.admits(now) and self._budget.allows(now, self._answered)

    async def _try(self, function: Callable[[], Awaitable[T]], attempt: _Try) -> T:
        """Call once, in its turn."""
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
                return await self._judged(function, scope, attempt)
            finally:
                self._slots.release()

    def _must_admit(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.breaker.admits(now):
            raise OpenError(self.host, max(0.0, (self.breaker.waits_until or now) - now))

    async def _judged(
        self, function: Callable[[], Awaitable[T]], scope: asyncio.Timeout, attempt: _Try
    ) -> T:
        """Call, and tell the breaker what came of it, whatever that is."""
        clock = asyncio.get_running_loop().time
        began = clock()
        token = self.breaker.begin(began)
        attempt.probes = token != PASSING
        try:
            answer = await function()
        except self._faults as error:
            attempt.after = getattr(error, "after", None)
            self._failed(attempt, token, began)
            raise
        except asyncio.CancelledError:
            # Called off from outside, or begun too late to say anything of the host?
            if scope.expired() and clock() - began >= self._limits.timeout / 2:
                self._failed(attempt, token, began)
            else:
                self.breaker.leave(token)
            raise
        except Exception:
            self._told(token, began)
            raise
        except BaseException:
            self.breaker.leave(token)
            raise
        self._told(token, began)
        return answer

    def _failed(self, attempt: _Try, token: int, began: float) -> None:
        now = asyncio.get_running_loop().time()
        attempt.failed = True
        if not attempt.first and not attempt.probes:
            self._budget.spend()
        self.breaker.failed(token, now, now - began, first=attempt.first, after=attempt.after)

    def _told(self, token: int, began: float) -> None:
        """Note that the host has answered."""
        now = asyncio.get_running_loop().time()
        self._answered += 1
        self.breaker.answered(token, now, now - began)
