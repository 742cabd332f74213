"""How the destinations of all workers stand, in one shared block, and as Prometheus reads it.

Each worker writes only its own region, from one thread, when something has changed; whoever answers
a scrape adds them up.
"""

from __future__ import annotations

import mmap
from array import array
from typing import TYPE_CHECKING

from wxgate.label import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GAUGES = {
    "in_flight": "Tries that are open.",
    "waiting": "Routing keys that wait for a retry.",
    "held": "Undelivered messages in memory.",
    "parked": "Workers to which the destination said 410: they try nothing more.",
    "down": "Workers whose circuit breaker is not closed: they only probe it.",
    "behind": "Workers with undelivered messages that are not in memory.",
    "lost": "Messages that a journal could not give back.",
    "nodes_away": "Nodes left out: ejected, or down by their checks; once for each worker.",
}
_COUNTERS = {
    "spilled": "Requests to another node because their own had too many in flight.",
    "rerouted": "Requests to another node because their own was away or did not connect.",
    "opened": "Times that a circuit breaker opened.",
    "postponed": "Retries put off because too many others failed: the retry budget was spent.",
}
COLUMNS = (*_GAUGES, *_COUNTERS)
"""What a worker publishes of a destination, in this order."""
_WORD = 8


class Board:
    """The figures that one worker writes, and those of all that it can read."""

    def __init__(
        self,
        names: Sequence[str],
        rows: int,
        block: memoryview | None = None,
        worker: int = 0,
    ) -> None:
        """Write region ``worker`` of ``block``; without a block, memory of one's own.

        ``block`` has ``size(rows)`` bytes for each worker: who makes it does not know the names.
        """
        self.show(names, rows)
        words = (block or memoryview(mmap.mmap(-1, max(1, self.size(rows))))).cast("Q")
        length = self.size(rows) // _WORD
        self._regions = [words[at : at + length] for at in range(0, len(words), length)]
        self._own = self._regions[worker if block is not None else 0]

    def show(self, names: Sequence[str], rows: int) -> None:
        """Have a row for each name, as far as there are ``rows``; names come, and none goes."""
        self._names = {name: row for row, name in enumerate(names[:rows])}

    @staticmethod
    def size(rows: int) -> int:
        """Bytes of one worker's region."""
        return rows * len(COLUMNS) * _WORD

    def publish(self, destination: str, figures: Sequence[int]) -> None:
        """Write the figures of a destination, by name, in the order of ``COLUMNS``."""
        row = self._names.get(destination)
        if row is None:
            return
        at = row * len(COLUMNS)
        self._own[at : at + len(COLUMNS)] = memoryview(array("Q", figures))

    def total(self, name: str, column: str) -> int:
        """Return the sum over all workers."""
        at = self._names[name] * len(COLUMNS) + COLUMNS.index(column)
        return sum(region[at] for region in self._regions)

    def render(self) -> Iterator[str]:
        """Yield lines in Prometheus' text format."""
        for column, meaning in _GAUGES.items():
            yield from self._metric(column, f"wxgate_dispatch_{column}", "gauge", meaning)
        for column, meaning in _COUNTERS.items():
            yield from self._metric(column, f"wxgate_dispatch_{column}_total", "counter", meaning)

    def _metric(self, column: str, metric: str, kind: str, meaning: str) -> Iterator[str]:
        yield f"# HELP {metric} {meaning}"
        yield f"# TYPE {metric} {kind}"
        for name in self._names:
            yield f'{metric}{{destination="{label(name)}"}} {self.total(name, column)}'
