"""What came of a run, in lines for people; and whether it may be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.bench.plan import Latency, Progress, Seen


def faults(seen: Seen) -> list[str]:
    """Return what is wrong with what was seen: of the gateway, or of the run itself."""
    counts = seen.counts
    checks = (
        (not seen.slip.trusted, f"the player was late for {seen.slip.share:.1%} of its calls"),
        (counts.given_up > 0, f"{counts.given_up} messages were never acknowledged"),
        (counts.denied > 0, f"{counts.denied} genuine calls were refused for good"),
        (counts.let_in > 0, f"{counts.let_in} forged calls were acknowledged"),
        (counts.repeats_unlike > 0, f"{counts.repeats_unlike} retries got another answer"),
        (
            counts.messages != counts.acknowledged + counts.given_up + counts.denied
            and not seen.stopped,
            "the counts do not add up",
        ),
    )
    return [reason for wrong, reason in checks if wrong]


def progress(at: Progress) -> str:
    """Tell how a run stands, in one line."""
    if at.signed < at.to_sign:
        return f"{at.signed / at.to_sign:4.0%}  of {at.to_sign:,} payments signed, before the start"
    share = at.messages / at.planned if at.planned else 1.0
    return (
        f"{min(share, 1.0):4.0%}  {at.messages:>11,} sent  {at.acknowledged:>11,} acknowledged  "
        f"{at.refused:>7,} refused  p99 {at.p99:8.2f} ms"
    )


def lines(seen: Seen) -> Iterator[str]:
    """Tell what was seen."""
    counts = seen.counts
    yield f"{counts.messages:,} messages in {seen.seconds:.1f} s: {_rate(seen):,.0f} a second"
    yield (
        f"  acknowledged {counts.acknowledged:,} · tried again {counts.tried_again:,} · "
        f"given up {counts.given_up:,} · payments among them {counts.payments:,}"
    )
    if counts.repeats:
        yield (
            f"  sent again all the same {counts.repeats:,}: "
            f"{counts.repeats_alike:,} got the same answer, {counts.repeats_unlike:,} another"
        )
    if counts.forged:
        yield f"  forged {counts.forged:,}: {counts.kept_out:,} kept out, {counts.let_in:,} let in"
    yield from summary(seen)
    if len(seen.legs) > 1:
        for leg in seen.legs:
            if leg.latency is not None:
                name = f"{leg.rate:,.0f}-{leg.to:,.0f}/s"
                yield f"  {name:<14} {distribution(leg.latency)}"


def summary(seen: Seen) -> Iterator[str]:
    """Tell what did not go through, how long answers took, and what the player was like."""
    counts = seen.counts
    if counts.refused or counts.unanswered or counts.broken:
        yield (
            f"  refused with 5xx {counts.refused:,} · unanswered {counts.unanswered:,} · "
            f"connections lost {counts.broken:,}"
        )
    yield from _latencies(seen)
    if seen.ahead.payments:
        yield (
            f"  {seen.ahead.payments:,} payments were signed before the start: "
            f"{seen.ahead.seconds:.1f} s"
        )
    yield (
        f"  player: {seen.cpu:.1f} s of CPU, {seen.cpu_per_call:.1f} µs a call; "
        f"late for {seen.slip.share:.2%}, at worst by {seen.slip.worst:.1f} ms"
    )


def _rate(seen: Seen) -> float:
    """While messages were due: after that it waited for retries only."""
    seconds = min(seen.seconds, sum(leg.seconds for leg in seen.legs))
    return seen.counts.messages / seconds if seconds else 0.0


def _latencies(seen: Seen) -> Iterator[str]:
    named = (("latency", seen.latency), ("retries", seen.repeats), ("refusals", seen.refusals))
    for name, latency in named:
        if latency is not None:
            yield f"  {name:<14} {distribution(latency)}"


def distribution(latency: Latency) -> str:
    """Tell a distribution, in milliseconds."""
    return (
        f"p50 {latency.p50:.2f} · p90 {latency.p90:.2f} · p99 {latency.p99:.2f} · "
        f"p99.9 {latency.p999:.2f} · max {latency.max:.1f} ms"
    )
