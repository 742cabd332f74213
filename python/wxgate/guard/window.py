"""What the calls of the last seconds were like. Pure: time is an argument, in seconds."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

_SLICES = 10
"""In which a window moves on."""


class Counts(NamedTuple):
    """Of calls that have ended."""

    calls: int
    failed: int
    slow: int


class Window:
    """Counts over a time that moves on. Counting costs additions; only a question adds up."""

    __slots__ = ("_calls", "_ends", "_failed", "_past", "_seconds", "_slice", "_slow")

    def __init__(self, seconds: float) -> None:
        """Count over so many seconds, within a tenth."""
        self._seconds = seconds
        self._slice = seconds / _SLICES
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._past: deque[tuple[float, Counts]] = deque()
        self._ends = 0.0
        self._calls = self._failed = self._slow = 0

    def count(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count a call that has ended."""
        if now >= self._ends:
            self._move_on(now)
        self._calls += 1
        self._failed += failed
        self._slow += slow

    def counts(self, now: float) -> Counts:
        """Return what ended within the window."""
        if now >= self._ends:
            self._move_on(now)
        calls, failed, slow = self._calls, self._failed, self._slow
        for _, past in self._past:
            calls += past.calls
            failed += past.failed
            slow += past.slow
        return Counts(calls, failed, slow)

    def _move_on(self, now: float) -> None:
        if self._calls:
            self._past.append((self._ends, Counts(self._calls, self._failed, self._slow)))
            self._calls = self._failed = self._slow = 0
        # The slice that begins now is part of the window.
        oldest = now - self._seconds + self._slice
        while self._past and self._past[0][0] <= oldest:
            self._past.popleft()
        self._ends = now + self._slice
