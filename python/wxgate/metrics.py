"""Counters of all workers in one shared block, and the text that Prometheus reads.

A worker writes only its own region, from one thread; whoever answers a scrape adds them up.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from wxcore._wxcore import reasons

from wxgate.label import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNKNOWN = "-"
"""The row of requests to no account."""

_OUTCOMES = ("answered", "accepted", "repeated", "absorbed", "replied", "late")
_DELIVERIES = ("delivered", "retried", "buried")
_LIMITS = ("limit_passed", "limit_denied")
_REPLY_PROBLEMS = (
    "reply.unreadable",
    "reply.unknown_type",
    "reply.missing_field",
    "reply.wrong_format",
    "reply.too_large",
)
_HELP = {
    "answered": "URL verifications and probes answered.",
    "accepted": "Messages recorded, each once, however often it was sent.",
    "repeated": "Further tries of messages, answered like the first.",
    "absorbed": "Messages over a limit, acknowledged and dropped.",
    "limit_passed": "Messages that passed a limit; deliveries, of one that paces.",
    "limit_denied": "Messages that a limit denied; of one that paces, deliveries that had to wait.",
    "delivered": "Deliveries taken: one for each message and destination.",
    "retried": "Deliveries not taken, to be tried again.",
    "buried": "Dead letters: deliveries given up.",
    "replied": "Messages answered with a reply.",
    "late": "Messages acknowledged before the awaited answer came.",
    "refused": "Requests refused, and answers that were no reply, by code.",
}
_WORD = 8


class Layout:
    """Which counter stands where: those of accounts first, then rows of destinations.

    What messages count of their accounts is nearly always the same: so one outcome of all accounts
    stands together, and 10,000 of them take 80 KB of the caches, not a line of memory each.
    """

    def __init__(
        self,
        accounts: Sequence[str],
        destinations: Sequence[str],
        places: int,
        limits: Sequence[str] = (),
        rows: tuple[int, int] | None = None,
    ) -> None:
        """Rows of the accounts and of unknown ones, ``places`` of destinations, rows of the limits.

        ``rows`` is for how many accounts and limits there is room, if for more than those.

        The parent of the workers, who makes the block, does not know the names of destinations.
        """
        self.accounts = (UNKNOWN, *accounts)
        self.destinations = tuple(destinations[:places])
        self.columns = (*_OUTCOMES, *_REPLY_PROBLEMS, *(code for code, *_ in reasons()))
        most, self._limit_rows = rows or (len(accounts), len(limits))
        self._rows = {name: row for row, name in enumerate(self.accounts)}
        self._places = {name: place * (most + 1) for place, name in enumerate(self.columns)}
        self._deliveries = (most + 1) * len(self.columns)
        self._deliveries_of = {
            name: self._deliveries + row * len(_DELIVERIES)
            for row, name in enumerate(self.destinations)
        }
        self._count = places
        self.limits = tuple(limits)
        self._limits = self._deliveries + places * len(_DELIVERIES)

    @property
    def size(self) -> int:
        """Bytes of one worker's region."""
        return (self._limits + self._limit_rows * len(_LIMITS)) * _WORD

    def at(self, account: str, column: str) -> int:
        """Index of a counter; of the unknown row for names that are not configured."""
        return self._rows.get(account, 0) + self._places[column]

    def delivery(self, destination: str) -> int:
        """Index of a destination's first counter; the last row is for all that have none."""
        last = self._deliveries + (self._count - 1) * len(_DELIVERIES)
        return self._deliveries_of.get(destination, last)

    def limit(self, row: int) -> int:
        """Index of the first counter of a limit, by its place among ``limits``."""
        return self._limits + row * len(_LIMITS)


class Counters:
    """The counters that one worker writes, and the regions of all that it can read."""

    def __init__(self, layout: Layout, block: memoryview | None = None, worker: int = 0) -> None:
        """Write region ``worker`` of ``block``; without a block, memory of one's own."""
        self._layout = layout
        words = (block or memoryview(mmap.mmap(-1, layout.size))).cast("Q")
        length = layout.size // _WORD
        self._regions = [words[at : at + length] for at in range(0, len(words), length)]
        self._own = self._regions[worker]

    def show(self, layout: Layout) -> None:
        """Count by a layout of the same size, in which every name keeps its row."""
        self._layout = layout

    def add(self, account: str, column: str, count: int = 1) -> None:
        """Count one, or so many."""
        self._own[self._layout.at(account, column)] += count

    def tally(self, destination: str, delivered: int, retried: int, buried: int) -> None:
        """Count what became of deliveries to a destination, by its name."""
        at = self._layout.delivery(destination)
        for offset, count in enumerate((delivered, retried, buried)):
            self._own[at + offset] += count

    def limited(self, row: int, *, passed: bool) -> None:
        """Count one decision of a limit, by its place among those of the layout."""
        self._own[self._layout.limit(row) + (not passed)] += 1

    def passed(self, rows: Sequence[int]) -> None:
        """Count a message that has passed limits, by their places among those of the layout."""
        for row in rows:
            self._own[self._layout.limit(row)] += 1

    def total(self, account: str, column: str) -> int:
        """Return the sum over all workers."""
        return self._sum(self._layout.at(account, column))

    def _sum(self, at: int) -> int:
        return sum(region[at] for region in self._regions)

    def render(self) -> str:
        """Return Prometheus' text format."""
        return "\n".join(
            [*self._outcomes(), *self._deliveries(), *self._limits(), *self._refusals(), ""]
        )

    def _outcomes(self) -> Iterator[str]:
        for column in _OUTCOMES:
            yield from _head(column)
            for account in self._layout.accounts:
                total = self.total(account, column)
                yield f'wxgate_{column}_total{{account="{account}"}} {total}'

    def _deliveries(self) -> Iterator[str]:
        for offset, column in enumerate(_DELIVERIES):
            yield from _head(column)
            for name in self._layout.destinations:
                total = self._sum(self._layout.delivery(name) + offset)
                yield f'wxgate_{column}_total{{destination="{label(name)}"}} {total}'

    def _limits(self) -> Iterator[str]:
        for offset, column in enumerate(_LIMITS):
            yield from _head(column)
            for rule, name in enumerate(self._layout.limits):
                total = self._sum(self._layout.limit(rule) + offset)
                yield f'wxgate_{column}_total{{limit="{name}"}} {total}'

    def _refusals(self) -> Iterator[str]:
        yield from _head("refused")
        for account in self._layout.accounts:
            for code in self._layout.columns[len(_OUTCOMES) :]:
                if count := self.total(account, code):
                    yield f'wxgate_refused_total{{account="{account}",code="{code}"}} {count}'


def _head(column: str) -> Iterator[str]:
    name = f"wxgate_{column}_total"
    yield f"# HELP {name} {_HELP[column]}"
    yield f"# TYPE {name} counter"
