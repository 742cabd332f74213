"""What came of fleets, in lines for people; and what does not hold of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.bench.fleet.play import Fleet, Fleets

NOT_PLAYED = "not played"
"""What is said of nodes that share a Redis, where there was none."""
_FEW = 0.01
"""Of the messages."""


def faults(fleets: Fleets) -> list[str]:
    """Return what must hold and does not.

    Of messages that nodes decided on by themselves nothing is known: so many may be wrong.
    """
    return [f"{one.nodes:,} nodes: {reason}" for one in fleets.fleets for reason in _faults(one)]


def _faults(one: Fleet) -> Iterator[str]:
    known, passed = one.known, one.passed
    unsure = (one.late or 0) + (one.apart or 0)
    if unsure > known.messages * _FEW:
        yield f"{unsure:,} messages were decided on without the Redis: this says nothing of it"
    if one.ring.moved > one.ring.least:
        yield f"{one.ring.moved:.2%} of the keys moved, {one.ring.least:.2%} had to"
    if known.alone > known.repeats - known.elsewhere:
        yield "nodes by themselves knew of messages of others"
    if known.shared is not None and known.shared < known.repeats - unsure:
        yield f"of {known.repeats:,} repetitions {known.repeats - known.shared:,} were not known"
    if known.lost:
        yield f"{known.lost:,} messages were taken by nobody"
    if passed.parts_over > 1:
        yield f"in parts {passed.parts_over:.2%} of what a limit allows passed"
    if passed.shared_over is not None and passed.shared_over > 1 and not unsure:
        yield f"{passed.shared_over:.2%} of what a limit allows passed"
    if passed.shared_under is not None and passed.shared_under < 1 and not unsure:
        yield f"only {passed.shared_under:.2%} passed of what is under a limit"


def lines(fleets: Fleets) -> Iterator[str]:
    """Tell what came of them."""
    for one in fleets.fleets:
        ring, known, passed = one.ring, one.known, one.passed
        yield f"{one.nodes:,} nodes"
        yield (
            f"  ring: the fullest node has {ring.busiest:.2f} times the mean; moved "
            f"{ring.moved:.2%} of the keys with one lost ({ring.least:.2%} had to), "
            f"{ring.joined:.2%} with one added"
        )
        yield (
            f"  of {known.repeats:,} repetitions, {known.elsewhere:,} of them to another node: "
            f"known to nodes by themselves {known.alone:,}, with a Redis {_known(one)}"
        )
        yield (
            f"  of what a limit allows, twice that came: passed in parts {passed.parts_over:.1%}, "
            f"with a Redis {_share(passed.shared_over)}"
        )
        yield (
            f"  of four fifths of it: passed in parts {passed.parts_under:.1%}, "
            f"with a Redis {_share(passed.shared_under)}"
        )
    yield f"a claim takes {fleets.claim_bytes:.0f} bytes in a node; {fleets.seconds:.0f} s"


def _known(one: Fleet) -> str:
    known = one.known
    if known.shared is None:
        return NOT_PLAYED
    return (
        f"{known.shared:,}, {known.open:,} of them while the first try was open; decided without "
        f"it {one.late:,} late, {one.apart:,} while it was away"
    )


def _share(share: float | None) -> str:
    return NOT_PLAYED if share is None else f"{share:.1%}"
