"""Which configuration is in force, and how reloads went: counted once for all workers.

The parent writes and whoever is scraped reads; without a parent, the one process does both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    Result = Literal["applied", "unchanged", "invalid", "refused"]

RESULTS: tuple[Result, ...] = ("applied", "unchanged", "invalid", "refused")
SIZE = 8 * (1 + len(RESULTS))
"""Bytes of the block that the parent makes."""


class History:
    """A generation's number, and a counter for each way in which a reload can end."""

    def __init__(self, block: memoryview | None = None) -> None:
        """Use the parent's block, or memory of one's own."""
        self._words = (block or memoryview(bytearray(SIZE))).cast("Q")

    @property
    def generation(self) -> int:
        """The number of the configuration in force."""
        return self._words[0]

    def applied(self, generation: int) -> None:
        """Note which configuration is in force."""
        self._words[0] = generation

    def count(self, result: Result) -> None:
        """Count a reload."""
        self._words[1 + RESULTS.index(result)] += 1

    def total(self, result: Result) -> int:
        """Return how many reloads ended so."""
        return self._words[1 + RESULTS.index(result)]

    def render(self) -> Iterator[str]:
        """Yield lines in Prometheus' text format."""
        yield "# HELP wxgate_reload_total Reloads of the configuration, by result."
        yield "# TYPE wxgate_reload_total counter"
        for result in RESULTS:
            yield f'wxgate_reload_total{{result="{result}"}} {self.total(result)}'
        yield "# HELP wxgate_generation Which configuration is in force; 1 at the start."
        yield "# TYPE wxgate_generation gauge"
        yield f"wxgate_generation {self.generation}"
