"""What is counted of each node of an upstream, and where: in memory that all workers show."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    Words: TypeAlias = memoryview[int]

COUNTERS = {
    "picked": "Requests begun, to each node of an upstream.",
    "spilled": "Requests that went on from a node because it had too many in flight.",
    "rerouted": "Requests that went on from a node because it was away or did not connect.",
    "ejected": "Times that a node was left out: ejected, or found down by its checks.",
}
GAUGES = {"away": "Workers that leave a node out, ejected or down by its checks."}
COLUMNS = (*COUNTERS, *GAUGES)
PICKED, SPILLED, REROUTED, EJECTED, AWAY = range(len(COLUMNS))


class Cells(NamedTuple):
    """Where the nodes of one upstream are counted: a cell is at a node's place and a column."""

    words: Words
    places: Sequence[int]
    """Of each node, in the order of the configuration, its first cell."""

    @classmethod
    def alone(cls, count: int) -> Cells:
        """Cells for so many nodes that nobody else sees."""
        words = memoryview(array("Q", bytes(8 * count * len(COLUMNS))))
        return cls(words, range(0, len(words), len(COLUMNS)))
