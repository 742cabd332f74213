"""Whether a whole destination is down. Pure: time is an argument, in seconds.

Open, everything passes. After several messages in a row failed at their first try, it closes: then
one try at a time passes, the probe, on the schedule of retries, until one gets an answer. A message
that fails again and again says nothing new, so a stuck key alone never closes the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxgate.dispatch.retry import Schedule

CLOSES_AFTER = 5
"""First tries that fail in a row."""


class Gate:
    """The gate in front of one destination."""

    __slots__ = ("_failed", "_probes", "_probing", "_random", "_schedule", "closed", "probe_at")

    def __init__(self, schedule: Schedule, random: Callable[[], float]) -> None:
        """Start open."""
        self._schedule = schedule
        self._random = random
        self._failed = 0
        self._probes = 0
        self._probing = False
        self.closed = False
        self.probe_at = 0.0

    @property
    def waits_until(self) -> float | None:
        """When the next probe may go; None while open, or while one is under way."""
        return self.probe_at if self.closed and not self._probing else None

    def admits(self, now: float) -> bool:
        """Whether a try may start."""
        return not self.closed or (not self._probing and now >= self.probe_at)

    def enter(self) -> bool:
        """Start an admitted try; return whether it is the probe, which ``leave`` wants to know."""
        self._probing = self.closed
        return self._probing

    def leave(self, *, probe: bool) -> None:
        """End a try that says nothing of the destination, such as one that was called off."""
        if probe:
            self._probing = False

    def answered(self) -> bool:
        """Note that the destination answered, be it with a no; return whether that opened it."""
        self._failed = 0
        opened = self.closed
        self.closed = self._probing = False
        return opened

    def failed(self, now: float, after: float | None, *, first: bool, probe: bool) -> bool:
        """Note that a try failed; return whether that closed it.

        ``first`` says whether it was the message's first try.
        """
        if not self.closed:
            self._failed += first
            if self._failed < CLOSES_AFTER:
                return False
            self.closed, self._probes = True, 0
        elif not probe:
            # It started before the gate closed.
            return False
        closing = self._probes == 0
        self._probing = False
        self._probes += 1
        self.probe_at = now + self._schedule.delay(self._probes, after, self._random)
        return closing
