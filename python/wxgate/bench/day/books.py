"""The books of a day: what went in, what was acknowledged, what arrived, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import account
from wxgate.bench.plan import Seen  # noqa: TC001 (msgspec reads the annotation)

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY_S = 86_400


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one process and those below it have used."""

    name: str
    cpu: float
    """Seconds."""
    rss: float
    """MB of the busiest of them, resident."""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """A day that has been played."""

    seen: Seen
    mean: float
    """Messages a second."""
    peak: float
    accepted: int
    """As the gateway counts: messages recorded, each once."""
    repeated: int
    """As the gateway counts: further tries of messages, answered like the first."""
    arrived: int
    """Events at the far end."""
    ids: int
    """Different ones among them."""
    drained: float
    """Seconds from the last acknowledgement to the last arrival."""
    costs: list[Cost]

    @property
    def lost(self) -> int:
        """Acknowledged messages that did not arrive."""
        return max(0, self.seen.counts.acknowledged - self.ids)

    @property
    def days(self) -> float:
        """How many such days fit in a day."""
        return _DAY_S / (self.seen.seconds + self.drained)


def faults(books: Books) -> list[str]:
    """Return what does not agree."""
    counts = books.seen.counts
    checks = (
        (books.lost > 0, f"{books.lost} acknowledged messages did not arrive"),
        (books.ids > counts.messages, "more arrived than was sent"),
        (
            books.arrived != books.ids,
            f"{books.arrived - books.ids} events arrived twice",
        ),
        (
            counts.acknowledged != counts.messages,
            f"{counts.messages - counts.acknowledged} messages were not acknowledged",
        ),
        (
            books.repeated < counts.repeats_alike,
            f"of {counts.repeats} repeats the gateway recognised {books.repeated}",
        ),
    )
    return account.faults(books.seen) + [reason for wrong, reason in checks if wrong]


def lines(books: Books) -> Iterator[str]:
    """Tell what the day was like."""
    seen, counts = books.seen, books.seen.counts
    yield (
        f"{counts.messages:,} messages, {books.mean:,.0f} a second and {books.peak:,.0f} at the "
        f"peak: {seen.seconds:,.0f} s, and {books.drained:.1f} s until the last had arrived"
    )
    yield (
        f"in {counts.messages:,} = acknowledged {counts.acknowledged:,} = arrived {books.ids:,}; "
        f"lost {books.lost}; arrived twice {books.arrived - books.ids}"
    )
    yield (
        f"repeats sent {counts.repeats:,} = answered alike {counts.repeats_alike:,}; "
        f"the gateway recognised {books.repeated:,}"
    )
    yield f"forged {counts.forged:,} = kept out {counts.kept_out:,}"
    yield f"{books.days:,.1f} such days fit in a day"
    yield from list(account.lines(seen))[2:]
    for cost in books.costs:
        million = cost.cpu / max(1, counts.messages) * 1e6
        yield (
            f"{cost.name:<8} {cost.cpu:8.1f} s of CPU, {million:6.1f} s a million messages, "
            f"{cost.rss:6.1f} MB"
        )
