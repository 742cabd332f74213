"""What may be tried at a destination: its circuit breaker and its retry budget together.

A stuck key alone never opens the breaker, since only first tries count as failures. Where it opens,
messages wait in the journal; it stays open on the schedule of retries, or as long as the
destination asked for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wxgate.guard.breaker import Breaker, Circuit
from wxgate.guard.budget import RetryBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxgate.dispatch.lane import Lane
    from wxgate.dispatch.place import Limits
    from wxgate.dispatch.waits import Waits

    Attempt = tuple[int, float]
    """A try: its token of the breaker, and when it began."""


class Gate:
    """The gate in front of one destination."""

    __slots__ = ("_budget", "_postpone", "breaker", "postponed")

    def __init__(
        self,
        limits: Limits,
        random: Callable[[], float],
        now: float,
        before: Gate | None = None,
    ) -> None:
        """Let everything pass; count on where the gate ``before`` it stopped."""
        retry = limits.retry
        self.breaker = Breaker(limits.breaker, partial(retry.delay, random=random))
        self._budget = RetryBudget(retry.budget, retry.budget_floor, now)
        self._postpone = partial(retry.delay, 1, None, random)
        self.postponed: int = 0 if before is None else before.postponed
        """Retries that were put off because too many others failed."""
        if before is not None:
            self.breaker.follow(before.breaker)

    @property
    def closed(self) -> bool:
        """Whether the destination is down: at most probes pass."""
        return self.breaker.circuit is not Circuit.CLOSED

    @property
    def room(self) -> int:
        """For how many tries workers are to be woken; only where not everything passes."""
        return max(1, self.breaker.room)

    def admits(self, now: float) -> bool:
        """Whether a try may start."""
        return self.breaker.plain or self.breaker.admits(now)

    def passes(self, lane: Lane, waits: Waits, now: float, delivered: int) -> bool:
        """Whether the head of an admitted lane may be tried; if not, it waits among ``waits``.

        ``delivered`` counts what the destination has taken.
        """
        if not lane.items[0].attempts or self._budget.allows(now, delivered):
            return True
        self.postponed += 1
        waits.add(lane, now + self._postpone(), patient=False)
        return False

    def begin(self, now: float) -> Attempt:
        """Start an admitted try, which ends with one of the following."""
        return self.breaker.begin(now), now

    def leave(self, attempt: Attempt) -> None:
        """End a try that says nothing of the destination, such as one that was called off."""
        self.breaker.leave(attempt[0])

    def answered(self, attempt: Attempt, now: float) -> bool:
        """Note that the destination answered, be it with a no; return whether that changed it."""
        token, began = attempt
        return self.breaker.answered(token, now, now - began)

    def failed(self, attempt: Attempt, now: float, *, first: bool, after: float | None) -> bool:
        """Note that a try failed; return whether that changed it.

        ``first`` says whether it was the message's first try.
        """
        token, began = attempt
        if not first and not token:
            self._budget.spend()
        return self.breaker.failed(token, now, now - began, first=first, after=after)
