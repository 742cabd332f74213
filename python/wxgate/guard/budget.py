"""How much retrying a peer can be expected to bear. Pure: time is an argument, in seconds."""

from __future__ import annotations

_RESERVE_S = 10.0
"""For so long the floor is saved up."""


class RetryBudget:
    """A bucket that deliveries fill and retries in vain empty; while it is empty none starts.

    A retry that is taken costs nothing, so a peer that has recovered gets all that waited for it as
    fast as it takes it.
    """

    __slots__ = ("_at", "_floor", "_full", "_seen", "_share", "_tokens")

    def __init__(self, share: float, floor: float, now: float = 0.0) -> None:
        """Allow ``share`` retries in vain for each delivery, and ``floor`` of them each second."""
        self._share = share
        self._floor = floor
        self._full = max(1.0, floor * _RESERVE_S)
        self._tokens = self._full
        self._at = now
        self._seen = 0

    def allows(self, now: float, delivered: int) -> bool:
        """Whether a retry may start; ``delivered`` counts what was taken since the beginning."""
        earned = self._share * (delivered - self._seen) + self._floor * max(0.0, now - self._at)
        self._tokens = min(self._full, self._tokens + earned)
        self._seen = delivered
        self._at = now
        return self._tokens >= 1.0

    def spend(self) -> None:
        """Note that a retry failed. As many as are open at once may fail on one token."""
        self._tokens = max(0.0, self._tokens - 1.0)
