"""How the nodes of all upstreams fare in all workers, in one block, and as Prometheus reads it."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from wxgate.label import label
from wxgate.sinks.cells import AWAY, COLUMNS, COUNTERS, GAUGES, Cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Named = tuple[str, str]
    """A destination, and one of its nodes."""

_WORD = 8


class NodeBoard:
    """The cells in which one worker counts, and those of all that it can read.

    A worker counts where it is read: there is nothing to publish.
    """

    def __init__(
        self,
        names: Sequence[Named],
        rows: int,
        block: memoryview | None = None,
        worker: int = 0,
    ) -> None:
        """Count in region ``worker`` of ``block``; without a block, in memory of one's own.

        ``block`` has ``size(rows)`` bytes for each worker.
        """
        self._spare = rows * len(COLUMNS)
        words = (block or memoryview(mmap.mmap(-1, self.size(rows)))).cast("Q")
        length = self.size(rows) // _WORD
        self._regions = [words[at : at + length] for at in range(0, len(words), length)]
        self._own = self._regions[worker if block is not None else 0]
        self.show(names)

    def show(self, names: Sequence[Named]) -> None:
        """Have a row for each, as far as there are any; names come, and none goes."""
        places = range(0, self._spare, len(COLUMNS))
        self._places = dict(zip(names, places, strict=False))

    @staticmethod
    def size(rows: int) -> int:
        """Bytes of one worker's region: one row more, for nodes that have none."""
        return (rows + 1) * len(COLUMNS) * _WORD

    def cells(self, destination: str, names: Sequence[str]) -> Cells:
        """Return where the nodes of a destination are counted; of those, none is away yet."""
        for (named, _), place in self._places.items():
            if named == destination:
                self._own[place + AWAY] = 0
        places = [self._places.get((destination, name), self._spare) for name in names]
        return Cells(self._own, places)

    def render(self) -> Iterator[str]:
        """Yield lines in Prometheus' text format."""
        kinds = [(COUNTERS, "counter", "_total"), (GAUGES, "gauge", "")]
        for columns, kind, ending in kinds:
            for column, meaning in columns.items():
                metric = f"wxgate_node_{column}{ending}"
                yield f"# HELP {metric} {meaning}"
                yield f"# TYPE {metric} {kind}"
                offset = COLUMNS.index(column)
                for (destination, name), place in self._places.items():
                    total = sum(region[place + offset] for region in self._regions)
                    labels = f'destination="{label(destination)}",node="{label(name)}"'
                    yield f"{metric}{{{labels}}} {total}"
