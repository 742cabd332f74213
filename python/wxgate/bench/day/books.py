"""The books of a day: what went in, what was acknowledged, what arrived, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import account
from wxgate.bench.day.meter import Cost, Sizes  # noqa: TC001 (msgspec reads the annotation)
from wxgate.bench.plan import Latency, Seen  # noqa: TC001 (likewise)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.bench.plan import LegSeen

_DAY_S = 86_400


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What callers saw at one rate."""

    name: str
    rate: float
    """Messages a second."""
    latency: Latency | None
    recorded: list[tuple[int, int]] = []
    """The whole distribution: microseconds, and how often."""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """A day that has been played."""

    to: str
    """``service`` or ``stream``."""
    state: str
    """``embedded`` or ``redis``."""
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
    sizes: list[Sizes]
    """While it was played."""
    rates: list[Rate]
    """Of a day of twenty million as it comes, not compressed."""

    @property
    def lost(self) -> int:
        """Acknowledged messages that did not arrive."""
        return max(0, self.seen.counts.acknowledged - self.ids)

    @property
    def days(self) -> float:
        """How many such days fit in a day."""
        return _DAY_S / (self.seen.seconds + self.drained)

    @property
    def hours(self) -> list[Rate]:
        """The quietest hour of the day as played, one at the mean rate, and the busiest.

        One for all where they are all alike.
        """
        legs = self.seen.legs
        if self.peak == self.mean:
            return [Rate(name="every hour", rate=self.mean, latency=self.seen.latency)]
        chosen = {
            "quietest hour": min(legs, key=_rate),
            "hour at the mean": min(legs, key=lambda leg: abs(_rate(leg) - self.mean)),
            "busiest hour": max(legs, key=_rate),
        }
        return [
            Rate(name=name, rate=_rate(leg), latency=leg.latency) for name, leg in chosen.items()
        ]


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
            # A try for want of an answer is a repetition only if the first one had been taken.
            not counts.repeats <= books.repeated <= counts.repeats + counts.tried_again,
            f"of {counts.repeats} repeats the gateway recognised {books.repeated}",
        ),
    )
    return account.faults(books.seen) + [reason for wrong, reason in checks if wrong]


def lines(books: Books) -> Iterator[str]:
    """Tell what the day was like."""
    seen, counts = books.seen, books.seen.counts
    yield (
        f"{counts.messages:,} messages to a {books.to}, state {books.state}: {books.mean:,.0f} a "
        f"second and {books.peak:,.0f} at the peak: {seen.seconds:,.0f} s, and "
        f"{books.drained:.1f} s until the last had arrived"
    )
    yield (
        f"in {counts.messages:,} = acknowledged {counts.acknowledged:,} = delivered {books.ids:,}; "
        f"lost {books.lost}; arrived twice {books.arrived - books.ids}"
    )
    yield (
        f"duplicates sent {counts.repeats:,} = answered alike {counts.repeats_alike:,} = "
        f"recognised {books.repeated:,}"
    )
    yield f"forged {counts.forged:,} = kept out {counts.kept_out:,}"
    yield f"{books.days:,.1f} such days fit in a day"
    yield from account.summary(seen)
    yield from _latencies("as played, compressed", books.hours)
    yield from _latencies("as a day of 20,000,000 comes", books.rates)
    yield from _costs(books)


def _latencies(heading: str, rates: list[Rate]) -> Iterator[str]:
    if not rates:
        return
    yield f"latency {heading}:"
    for one in rates:
        if one.latency is not None:
            told = account.distribution(one.latency)
            yield f"  {one.name:<17} {one.rate:7,.0f}/s  {told}"


def _costs(books: Books) -> Iterator[str]:
    messages = max(1, books.seen.counts.messages)
    yield f"{'':<18} {'CPU s':>8} {'s a million':>12} {'MB':>7}"
    for cost in books.costs:
        million = cost.cpu / messages * 1e6
        yield f"{cost.name:<18} {cost.cpu:8.1f} {million:12.1f} {cost.rss:7.1f}"
    million = sum(cost.cpu for cost in books.costs) / messages * 1e6
    yield f"{'all':<18} {'':8} {million:12.1f}"
    for at in books.sizes:
        sizes = " · ".join(f"{name} {size:,.1f}" for name, size in at.mb.items())
        yield f"MB after {at.messages:,}: {sizes}"


def _rate(leg: LegSeen) -> float:
    return (leg.rate + leg.to) / 2
