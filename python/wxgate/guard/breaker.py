"""A circuit breaker. Pure: time is an argument, in seconds, and so is how long it stays open.

Closed, every call passes. It opens when too many of the last seconds' calls failed or were slow, or
when several in a row failed. Open, nothing passes for a while. Then it is half open: a probe
passes, with each that is answered one more beside it, and enough of them close it. Closed again it
lets the load grow as calls are answered, until it needs to count them no longer.

Whoever begins a call gets a token, and gives it back with what came of the call, or with the word
that it never ran. A token that does not come back is replaced after a time: half-open never sticks.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from wxgate.guard.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    Pause = Callable[[int, float | None], float]
    """Seconds to stay open, given how often in a row it opened, and what the peer asked for."""

PASSING = 0
"""The token of a call that nobody counts."""


class Circuit(StrEnum):
    """What a breaker lets pass: everything, nothing, or probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, and what closes it."""

    window: float = 10.0
    """Seconds of which calls are counted."""
    calls: int = 20
    """Of which there must be so many before a share of them says anything."""
    errors: float = 0.5
    """The share that failed at which it opens."""
    slow: float = 0.8
    """The share that was slow at which it opens."""
    slow_after: float = math.inf
    """Seconds from which on a call is slow."""
    in_a_row: int = 5
    """Failures without an answer between them at which it opens, however few the calls."""
    probes: int = 3
    """Calls that decide while it is half open."""
    patience: float = 60.0
    """Seconds after which a probe that was not heard of is replaced."""
    full: int = 64
    """Calls at once from which on they are no longer counted: the peer's share of concurrency."""


class Breaker:
    """The breaker in front of one peer."""

    __slots__ = (
        "_answered",
        "_closed_at",
        "_failed",
        "_limit",
        "_out",
        "_pause",
        "_row",
        "_rules",
        "_token",
        "_until",
        "_window",
        "circuit",
        "level",
        "opened",
        "plain",
    )

    def __init__(self, rules: Rules, pause: Pause) -> None:
        """Start closed."""
        self._rules = rules
        self._pause = pause
        self._window = Window(rules.window)
        self._row = 0
        self._token = PASSING
        """Of the calls that are counted just now; those of an earlier time count no more."""
        self._out = self._answered = self._failed = 0
        self._limit = 0
        """Counted calls that may be under way at once."""
        self._until = 0.0
        """When it is open no longer; else when tokens that are still out count as lost."""
        self._closed_at = -math.inf
        self.circuit = Circuit.CLOSED
        self.plain = True
        """Whether everything passes, uncounted: then ``PASSING`` is every call's token."""
        self.level = 0
        """How often in a row it has opened: how long it stays open grows with it."""
        self.opened = 0
        """How often it has opened in all."""

    def follow(self, before: Breaker) -> None:
        """Count on where another stopped, in its place; none of its tokens is one of this one's."""
        self.opened = before.opened
        self._token = before._token + 1

    @property
    def room(self) -> int:
        """How many calls may begin beside those that are under way; only where not plain."""
        return max(0, self._limit - self._out)

    @property
    def waits_until(self) -> float | None:
        """When a call may begin without any other ending; None if one may begin already."""
        if self.plain or (self.circuit is not Circuit.OPEN and self.room):
            return None
        return self._until

    def admits(self, now: float) -> bool:
        """Whether a call may begin."""
        if self.plain:
            return True
        if self.circuit is Circuit.OPEN:
            return now >= self._until
        return self._out < self._limit or now >= self._until

    def begin(self, now: float) -> int:
        """Begin an admitted call; return its token."""
        if self.plain:
            return PASSING
        if now >= self._until:
            # Either it has been open for long enough, or what is still out is lost.
            if self.circuit is Circuit.OPEN:
                self.circuit = Circuit.HALF_OPEN
            self._count_anew()
        self._out += 1
        self._until = now + self._rules.patience
        return self._token

    def leave(self, token: int) -> None:
        """End a call that says nothing of the peer: it never ran, or was called off."""
        if token and token == self._token:
            self._out -= 1

    def answered(self, token: int, now: float, seconds: float) -> bool:
        """Note that the peer answered after so long, be it with a no.

        Returns whether the breaker has turned, or lets more probes pass than before.
        """
        slow = seconds >= self._rules.slow_after
        if self.circuit is Circuit.CLOSED:
            self._row = 0
            self._window.count(now, failed=False, slow=slow)
            if slow and self._is_too_bad(now):
                self._open(now, None)
                return True
            if token:
                self._grow(token)
            return False
        return self._judge(token, now, None, failed=slow)

    def failed(
        self, token: int, now: float, seconds: float, *, first: bool = True, after: float | None
    ) -> bool:
        """Note that a call failed after so long; return whether the breaker has turned.

        ``first`` says whether it was what is called for the first time: what fails again and again
        says nothing new. ``after`` is for how long the peer wants to be left alone.
        """
        if self.circuit is not Circuit.CLOSED:
            return self._judge(token, now, after, failed=True)
        self.leave(token)
        if not first:
            return False
        self._row += 1
        self._window.count(now, failed=True, slow=seconds >= self._rules.slow_after)
        if self._row < self._rules.in_a_row and not self._is_too_bad(now):
            return False
        self._open(now, after)
        return True

    def _is_too_bad(self, now: float) -> bool:
        rules = self._rules
        calls, failed, slow = self._window.counts(now)
        return calls >= rules.calls and (
            failed >= rules.errors * calls or slow >= rules.slow * calls
        )

    def _open(self, now: float, after: float | None) -> None:
        if self.circuit is Circuit.CLOSED and now - self._closed_at > self._rules.window:
            self.level = 0
        self.level += 1
        self.opened += 1
        self.circuit = Circuit.OPEN
        self.plain = False
        self._token += 1
        self._limit = 0
        self._until = now + self._pause(self.level, after)

    def _count_anew(self) -> None:
        self._token += 1
        self._out = self._answered = self._failed = 0
        self._limit = 1

    def _judge(self, token: int, now: float, after: float | None, *, failed: bool) -> bool:
        """Note what came of a probe; of what began before it opened nothing is noted."""
        if self.circuit is not Circuit.HALF_OPEN or token != self._token:
            return False
        self._out -= 1
        self._failed += failed
        self._answered += not failed
        probes = self._rules.probes
        # The first probe decides by itself; after an answer, a share of all of them does.
        if failed and (not self._answered or self._failed >= self._rules.errors * probes):
            self._open(now, after)
            return True
        self._limit = min(1 + self._answered, probes)
        if self._answered and self._answered + self._failed >= probes:
            self._close(now)
        return not failed

    def _close(self, now: float) -> None:
        self.circuit = Circuit.CLOSED
        self._closed_at = now
        self._row = 0
        self._window.clear()
        # A peer that keeps coming and going is given more time than one that failed once.
        self.level //= 2
        self._limit = self._rules.probes + 1
        self.plain = self._limit >= self._rules.full

    def _grow(self, token: int) -> None:
        """Let one more pass for each that is answered: twice as many with each round trip."""
        if token != self._token:
            return
        self._out -= 1
        self._limit += 1
        self.plain = self._limit >= self._rules.full
