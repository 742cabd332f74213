"""Lanes that wait for their next try, the earliest first."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate.dispatch.lane import Lane


class Waits:
    """A heap of lanes by the time at which they are due."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[float, int, Lane]] = []
        self._added = 0

    def __len__(self) -> int:
        """How many lanes wait."""
        return len(self._heap)

    @property
    def next(self) -> float | None:
        """When the first one is due; None if none waits."""
        return self._heap[0][0] if self._heap else None

    def add(self, lane: Lane, due: float, *, patient: bool) -> None:
        """Let a lane wait; ``patient`` if it was told how long, and so outlasts ``release``."""
        self._added += 1
        lane.patient = patient
        heapq.heappush(self._heap, (due, self._added, lane))

    def due(self, now: float) -> list[Lane]:
        """Remove and return the lanes that need wait no longer."""
        lanes = []
        while self._heap and self._heap[0][0] <= now:
            lanes.append(heapq.heappop(self._heap)[2])
        return lanes

    def release(self) -> list[Lane]:
        """Remove and return the lanes that wait only because their destination was down."""
        lanes = [lane for *_, lane in self._heap if not lane.patient]
        self._heap = [entry for entry in self._heap if entry[2].patient]
        heapq.heapify(self._heap)
        return lanes
