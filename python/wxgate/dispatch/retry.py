"""When to try again. Pure: randomness is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_HIGHEST_POWER = 100
"""Any sensible maximum is reached long before, and a float still holds it."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential delays with jitter, in seconds."""

    first: float = 1.0
    """Before the second try."""
    factor: float = 2.0
    """By which each delay is longer than the one before."""
    max: float = 60.0
    """No delay is longer."""
    give_up: float = 86400.0
    """Age, counted from acceptance, after which a failed try is the last."""
    budget: float = 0.2
    """Retries in vain for each delivery, beyond which the others are put off."""
    budget_floor: float = 10.0
    """Retries in vain each second that are allowed whatever is delivered."""

    def delay(self, attempts: int, after: float | None, random: Callable[[], float]) -> float:
        """Return the seconds to wait after ``attempts`` failed tries.

        Half of it is jitter, so that what failed together does not come back together. ``after``
        is what the destination asked for, which is kept to unless it is longer than ``give_up``.
        """
        power = min(attempts - 1, _HIGHEST_POWER)
        own: float = min(self.max, self.first * self.factor**power)
        delay = own * (0.5 + random() / 2)
        return delay if after is None else max(delay, min(after, self.give_up))

    def over(self, accepted: int, now: int) -> bool:
        """Whether a message accepted at ``accepted`` has been tried long enough at ``now`` (ms)."""
        return now - accepted >= self.give_up * 1000
