"""How the shared store stands in all workers, in one block, and as Prometheus reads it."""

from __future__ import annotations

from array import array
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from wxgate.stores.redis.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

_GAUGES = {
    "shared": "Workers whose claims and limits are shared with other machines just now.",
    "alone": "Workers that decide alone just now: the store is slow, gone, or being told.",
    "untold": "Messages that the store has still to be told of.",
}
_COUNTERS = {
    "calls": "Calls of the store.",
    "claims": "Messages asked for in the store.",
    "late": "Messages decided alone since no answer came in time.",
    "doubled": "Of these the ones that another machine had: delivered twice.",
    "decided_alone": "Messages decided alone while the store was out of use.",
    "merged": "Messages that the store was told of afterwards.",
    "forgotten": "How often the store had lost what it knew.",
    "failures": "How often the store went out of use.",
    "reconnects": "Connections lost and opened again in time.",
}
_WORD = 8


class Panel:
    """The figures that one worker writes, and those of all that it can read."""

    SIZE = (len(_GAUGES) + len(_COUNTERS)) * _WORD
    """Bytes of one worker's region."""

    def __init__(self, block: memoryview | None = None, worker: int = 0) -> None:
        """Write region ``worker`` of ``block``; without a block, memory of one's own."""
        words = (block or memoryview(bytearray(self.SIZE))).cast("Q")
        length = self.SIZE // _WORD
        self._regions = [words[at : at + length] for at in range(0, len(words), length)]
        self._own = self._regions[worker if block is not None else 0]

    def publish(self, *, shared: bool, untold: int, tally: Tally) -> None:
        """Write how this worker stands."""
        figures = (shared, not shared, untold, *astuple(tally))
        self._own[:] = memoryview(array("Q", figures))

    def render(self) -> Iterator[str]:
        """Yield lines in Prometheus' text format."""
        totals = iter([sum(column) for column in zip(*self._regions, strict=True)])
        for name, meaning in _GAUGES.items():
            yield from _metric(f"wxgate_state_{name}", "gauge", meaning, next(totals))
        for name, meaning in _COUNTERS.items():
            yield from _metric(f"wxgate_state_{name}_total", "counter", meaning, next(totals))


def _metric(name: str, kind: str, meaning: str, total: int) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    yield f"{name} {total}"


assert len(fields(Tally)) == len(_COUNTERS)  # noqa: S101 (one place for each)
