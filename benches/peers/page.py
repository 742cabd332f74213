"""The peers' part of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from figures import Row
from table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
Each answers the same calls in the same run: a text message of 332 B in safe mode. A *peer* verifies
`msg_signature`, decrypts, parses the XML, recognises a repetition by a key in Redis (`SET NX EX`),
hands the message over to a Redis stream (`XADD`) and answers `success`. wxgate does so with
`[state] redis`, `to = "stream:…"` and its journal, which is synced before it answers; peers keep
none. All use one Valkey {valkey}, each a database of its own. Before it is measured each must get
a message through, deliver its retry once, and refuse forged calls. A *limit* reads the body and
answers.

wxgate and the other take turns, {rounds} rounds: at full speed ({connections} connections, each
with its next message as soon as it is answered), then in an open loop at half of what the slower
of the two had taken. CPU is that of the server's processes, Valkey's apart. Latency runs from the
intended time of sending. A ratio is taken within a round; in brackets the lowest and highest.

"""
LATE = 0.01
"""Share of messages; above it the player has had its part in the latencies."""
_SPEED = (
    "at full speed",
    "messages a CPU-second",
    "wxgate's",
    "ratio",
    "messages/s",
    "wxgate's",
    "Valkey, µs a message",
    "wxgate's",
)
_LOAD = (
    "at equal load",
    "messages/s",
    "p50 ms",
    "wxgate's",
    "p99 ms",
    "wxgate's",
    "CPU µs a message",
    "wxgate's",
)


def section(seen: dict[str, Any]) -> str:
    """Write what ``run.py`` has seen."""
    pairs = list(seen["pairs"].values())
    rounds = max((len(pair["other"]["cpu"]) for pair in pairs), default=0)
    head = _HEAD.format(valkey=seen["valkey"], rounds=rounds, connections=seen["connections"])
    speed = table(_SPEED, map(_at_full_speed, pairs))
    load = table(_LOAD, map(_at_equal_load, pairs))
    return f"{head}{speed}\n{load}\n{''.join(_notes(seen))}"


def throughput(side: dict[str, Any]) -> Row:
    """Messages a second of CPU, by round, at full speed."""
    return Row(tuple(1e6 / cost for cost in side["cpu"]))


def _at_full_speed(pair: dict[str, Any]) -> tuple[str, ...]:
    ours, other = pair["wxgate"], pair["other"]
    mine, its = throughput(ours), throughput(other)
    rates = [Row(tuple(side["rate"])).text() for side in (other, ours)]
    valkey = ["–" if pair["role"] == "limit" else _text(other["valkey"]), _text(ours["valkey"])]
    return pair["name"], its.text(), mine.text(), f"{mine.over(its).text()}", *rates, *valkey


def _at_equal_load(pair: dict[str, Any]) -> tuple[str, ...]:
    shown = [
        _text(pair[side][what]) for what in ("p50", "p99", "loaded") for side in ("other", "wxgate")
    ]
    return pair["name"], f"{pair['load']:,}", *shown


def _notes(seen: dict[str, Any]) -> Iterator[str]:
    for pair in seen["pairs"].values():
        other = pair["other"]
        versions = ", ".join(f"{name} {at}" for name, at in other["versions"].items())
        yield (
            f"- {pair['name']}: {versions}. Start {other['start']:.0f} ms; "
            f"{other['memory']:.0f} MB at the end, all processes"
        )
        if other["let_in"]:
            yield f"; **let in forged calls**: {', '.join(other['let_in'])}"
        yield from _provisos(pair)
        yield ".\n"
    for absent in seen["absent"].values():
        what, _, why = absent["reason"].partition(": ")
        yield f"- {absent['name']}: **{what}**: {why}.\n"


def _provisos(pair: dict[str, Any]) -> Iterator[str]:
    for name, side in ((pair["name"], pair["other"]), ("wxgate", pair["wxgate"])):
        if side["refused"]:
            yield f"; {name} refused or dropped {side['refused']:,} calls, which were sent again"
        if side["lost"]:
            yield f"; **{name} acknowledged {side['lost']:,} messages that never arrived**"
        if side["late"] > LATE:
            yield f"; the player was late for {side['late']:.1%} of the messages to {name}"


def values(seen: float | list[float]) -> Row:
    """Take a value of each round, or the only one."""
    return Row(tuple(seen) if isinstance(seen, list) else (seen,))


def _text(seen: list[float]) -> str:
    return values(seen).text()
