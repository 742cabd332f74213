"""Fleets at their size, and what they cost their Redis: their part of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from figures import short
from table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLEET = """\
All nodes in one process ({seconds:.0f} s). 400,000 keys on an upstream's ring of so many nodes.
Messages as to a fleet that has 20 billion a day, millisecond by millisecond: 231 in each, to any
node, one in ten again within 20 ms, to any. Each is a genuine one under a limit that denies nobody.
A limit of 1,000 a second of which 800 come, and twice as many, for 5 s of a clock that is moved and
not waited for, to any node. *Alone* and *in parts* are nodes with the claims and limits of their
own process; *with a Redis* each has what a gateway has (`RedisClaims`) and a connection of its own
to one Valkey. What a claim takes in a node: {claim:.0f} bytes.

"""
_HOLDS = """\

The run fails if more than must moves, if a repetition is new to nodes that share a Redis, if a
message is taken by nobody, or if more passes than burst and rate times the time.

"""
_COST = """\
What a message to a stream costs the Valkey with everything on (its claim, two limits, the append
and a reader), beyond what that has when all is quiet: one worker, at ever more messages a second.

"""
_ABSENT = "Nodes that share a Redis were not played, nor was its cost measured: {absent}.\n"
_NOT_PLAYED = "–"


def section(seen: dict[str, Any]) -> str:
    """Write what came of fleets at their size."""
    head = (
        *("nodes", "fullest node", "moved / least, one lost", "moved / least, one added"),
        *("µs a pick", "repeats known alone", "with a Redis", "first try still open"),
        *("decided without it", "at 80 % pass in parts", "with a Redis"),
        *("at 200 % pass of what may, in parts", "with a Redis"),
    )
    about = _FLEET.format(seconds=seen["seconds"], claim=seen["claim_bytes"])
    rows = (_row(one) for one in seen["fleets"])
    return about + table(head, rows) + _HOLDS + _cost(seen)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    ring, known, passed = one["ring"], one["known"], one["passed"]
    without = _NOT_PLAYED if one["late"] is None else f"{one['late'] + one['apart']:,}"
    return (
        f"{one['nodes']:,}",
        f"{ring['busiest']:.2f}×",
        f"{ring['moved']:.2%} / {ring['least']:.2%}",
        f"{ring['joined']:.2%} / {1 / (one['nodes'] + 1):.2%}",
        f"{ring['pick']:.2f}",
        f"{known['alone']:,} of {known['repeats']:,}",
        _count(known["shared"], f" of {known['repeats']:,}"),
        _count(known["open"]),
        without,
        *_passed(passed, "under"),
        *_passed(passed, "over"),
    )


def _count(count: int | None, of: str = "") -> str:
    return _NOT_PLAYED if count is None else f"{count:,}{of}"


def _passed(passed: dict[str, Any], what: str) -> Iterator[str]:
    for by in ("parts", "shared"):
        share = passed[f"{by}_{what}"]
        yield _NOT_PLAYED if share is None else f"{share:.2%}"


def _cost(seen: dict[str, Any]) -> str:
    if "absent" in seen:
        return _ABSENT.format(**seen)
    rows = ((f"{int(rate):,}", short(cost)) for rate, cost in seen["redis_us"].items())
    return _COST + table(("messages/s of the worker", "µs of the Valkey a message"), rows)
