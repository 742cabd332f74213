"""Whether one node can be sent to: what its answers say, and what it says when it is asked.

Pure: time and randomness are arguments. A node is *ejected* when it fails several times in a row
and comes back by itself, each time later; it is *down* while the checks that the operator asked for
fail. Whoever comes back is *slow* for a while: it gets a part of its load that grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    State = Literal["up", "slow", "ejected", "down"]

_LEAST = 0.1
"""Of its load a node gets as soon as it is back."""
_HIGHEST_POWER = 32
_JITTER = 0.2
"""Of an ejection's length, so that not all workers come back at once."""


class Policy(msgspec.Struct, frozen=True):
    """When a node is left out, and for how long; seconds where nothing else is said."""

    failures: int = 5
    """Tries that fail in a row."""
    eject: float = 10.0
    """The first time; then twice as long each time."""
    eject_max: float = 300.0
    most: float = 0.5
    """The share of nodes that may be ejected at once; one may be in any case, if there are two."""
    slow_start: float = 10.0
    rise: int = 2
    """Checks that must succeed in a row until a node is no more down."""
    fall: int = 3
    """Checks that must fail in a row until it is."""


class Health:
    """One node as one worker sees it."""

    __slots__ = (
        "_back_at",
        "_checks",
        "_down",
        "_ejections",
        "_failed",
        "_policy",
        "plain",
        "until",
    )

    def __init__(self, policy: Policy) -> None:
        """Start well."""
        self._policy = policy
        self._failed = 0
        self._ejections = 0
        self.until = 0.0
        """When its ejection ends."""
        self._back_at: float | None = None
        """Since when it is back; None if it never was away, or has long been back."""
        self._down = False
        self._checks = 0
        """How many checks in a row said otherwise."""
        self.plain = True
        """Whether there is nothing to be said about it, which is how it is nearly always."""

    def state(self, now: float) -> State:
        """How it stands."""
        if self.plain:
            return "up"
        if self._down:
            return "down"
        if now < self.until:
            return "ejected"
        return "slow" if self.share(now) < 1 else "up"

    def away(self, now: float) -> bool:
        """Whether it is to be left out."""
        return not self.plain and (self._down or now < self.until)

    def share(self, now: float) -> float:
        """Return how much of its load it may get, from a tenth up to 1."""
        if self._back_at is None or now < self._back_at:
            return 1.0
        ramp = self._policy.slow_start
        grown = (now - self._back_at) / ramp if ramp else 1.0
        if grown < 1:
            return max(_LEAST, grown)
        # It has kept up: the next ejection is counted from the beginning.
        self._back_at, self._ejections = None, 0
        self._settle()
        return 1.0

    def answered(self) -> None:
        """Note that it answered, be it with a no."""
        self._failed = 0

    def failed(self, now: float, random: Callable[[], float], *, may_go: bool) -> bool:
        """Note that it failed; return whether it is ejected for that.

        ``may_go`` says whether there are enough others. What started before an ejection and fails
        during it says nothing new.
        """
        if now < self.until:
            return False
        self._failed += 1
        # One that was let back has to prove itself.
        enough = 1 if self.share(now) < 1 else self._policy.failures
        if self._failed < enough or not may_go:
            return False
        policy = self._policy
        power = min(self._ejections, _HIGHEST_POWER)
        length = min(policy.eject_max, policy.eject * 2.0**power)
        self._ejections += 1
        self._failed = 0
        self.until = self._back_at = now + length * (1 + _JITTER * (random() - 0.5))
        self.plain = False
        return True

    def checked(self, now: float, *, ok: bool) -> bool:
        """Note what a check found; return whether that changed anything."""
        if ok != self._down:
            self._checks = 0
            return False
        self._checks += 1
        if self._checks < (self._policy.rise if self._down else self._policy.fall):
            return False
        self._down, self._checks = not ok, 0
        if ok:
            self._failed, self._back_at = 0, max(now, self.until)
        self.plain = False
        return True

    def _settle(self) -> None:
        self.plain = not self._down and self._back_at is None
