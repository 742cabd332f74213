"""What one machine carries, and how that grows: their parts of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carry.days import BUSIEST
from figures import Row, short
from table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAT = 0.05
_CARRY = """\
Open loops with everything on: verification, decryption, claims, limits, fsync, routing, delivery,
counted at the far end; one worker; the player and the far end (and the Redis, where there is one)
on the same {cores} cores. Messages of all kinds, users by Zipf, 1 % of the calls forged. Latency
runs from the intended time of sending. *Late* is the share of calls that the player took up more
than a millisecond after their time: above 1 % the latencies are its own too, and stand in brackets.
They count for nothing: not for what is carried, nor for any target. *Still* is how long the machine
itself stood still at most, as a process saw that goes before all others and wakes every three
milliseconds: nobody's latency is shorter then. *Behind* is how long after the last acknowledgement
the last message had arrived.

"""
_HALF = """\
Half of capacity, {rounds} times: of the highest rate above at which nothing was refused, half was
acknowledged within 20 ms, and the player was on time.

"""
_DAYS = """\
Short days by `wxgate bench day`, {messages:,} messages each: with `--even` at half of that
capacity; as the hours of a day go, and as those of a holiday (`--holiday`), the busiest hour at
{busiest:.0%} of it:

"""
_RATES = """\
Latency at the rates of a day of 20,000,000 as it comes, not compressed:

"""
_ADDED = """\
And how much later a message is acknowledged for it: two gateways are up, one with its claims and
limits in its own process and one with them in Valkey; they take turns, fsync on, to a service over
HTTP. The player, the far end and Valkey share the same cores.

"""
_ADDED_HEADS = (
    *("p50 ms, embedded", "shared", "added"),
    *("p99 ms, embedded", "shared", "added"),
)
_GROWTH = """\
µs of CPU a message of all processes of the gateway, {to}: {messages:,}
messages a round over {connections} connections, each with its next one as soon as it is answered;
all gateways are up at once and take turns. *Against the first* is round by round. The target is
5 % for accounts, routes and backlog. (The backlog is one run, to a service that is dead, with
claims in the process; its first fifth is what it is measured against.)

"""


def carried(seen: dict[str, Any], cores: int) -> str:
    """Write what was seen of one machine."""
    curves = (_INTRO[to] + _curve(of["rates"]) + "\n" for to, of in seen["curve"].items())
    half = _half({to: of["half"] for to, of in seen["curve"].items()})
    return _CARRY.format(cores=cores) + "".join(curves) + half + _days(seen["days"])


def _curve(seen: list[dict[str, Any]]) -> str:
    rows = [
        (
            f"{one['rate']:,}",
            f"{one['acknowledged'] / one['sent']:.1%}",
            *_counted(one),
            f"{one['cpu']:.0f}",
            f"{one['slip']:.1%}",
            f"{one['still']:.1f}",
            f"{one['behind']:.2f}",
        )
        for one in seen
    ]
    head = (
        "messages/s",
        "acknowledged",
        *_HEADS,
        "CPU µs a message",
        "late",
        "still ms",
        "behind s",
    )
    return table(head, rows)


def _counted(one: dict[str, Any]) -> tuple[str, ...]:
    """Its percentiles, in brackets where the player was late."""
    shown = _percentiles(one["latency"])
    return shown if one["counts"] else tuple(f"({figure})" for figure in shown)


def _half(seen: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for to, rounds in seen.items():
        fair = at_half(rounds)
        figures = (
            Row(tuple(one["latency"][name] for one in fair)).text() if fair else "–"
            for name in ("p50", "p90", "p99", "p999")
        )
        rate, cpu = rounds[0]["rate"], Row(tuple(one["cpu"] for one in rounds)).text()
        still = Row(tuple(one["still"] for one in rounds)).text()
        rows.append((f"to a {to}", f"{rate:,.0f}", f"{len(fair)}", *figures, still, cpu))
    head = ("", "messages/s", "rounds that count", *_HEADS[:-1], "still ms", "CPU µs a message")
    rounds = len(next(iter(seen.values())))
    return _HALF.format(rounds=rounds) + table(head, rows) + "\n"


def at_half(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those in which the player was on time."""
    return [one for one in rounds if one["counts"] and one["latency"] is not None]


_INTRO = {
    "service": "To a service over HTTP, claims and limits in the gateway's own process:\n\n",
    "stream": "To a stream, claims and limits in the same Redis:\n\n",
}


_HEADS = ("p50 ms", "p90", "p99", "p99.9", "max")


def _percentiles(latency: dict[str, float] | None) -> tuple[str, ...]:
    if latency is None:
        return ("–",) * len(_HEADS)
    return tuple(f"{latency[name]:.2f}" for name in ("p50", "p90", "p99", "p999", "max"))


def _days(days: dict[str, Any]) -> str:
    played = {name: day for name, day in days.items() if isinstance(day, dict)}
    counts = played["service"]["seen"]["counts"]
    costs = [
        (
            _KINDS[name],
            cost["name"],
            f"{cost['cpu'] / counts['messages'] * 1e6:.0f}",
            f"{cost['rss']:.1f}",
        )
        for name, day in played.items()
        for cost in day["costs"]
    ]
    rates = [
        (_KINDS[name], one["name"], f"{one['rate']:,.0f}", *_percentiles(one["latency"]))
        for name, day in played.items()
        for one in day["rates"]
    ]
    under = [
        (_KINDS[name], *_counted(_stretch(day)), f"{day['seen']['slip']['share']:.1%}")
        for name, day in played.items()
    ]
    sums = "".join(f"- {_KINDS[name]}: {_balance(day)}\n" for name, day in played.items())
    absent = f"No day to a stream: {days['absent']}.\n" if "absent" in days else ""
    return (
        _DAYS.format(messages=counts["messages"], busiest=BUSIEST)
        + sums
        + absent
        + "\n"
        + table(("", *_HEADS, "late"), under)
        + "\n"
        + table(("", "process", "CPU µs a message (s a million)", "MB"), costs)
        + "\n"
        + _RATES
        + table(("", "", "messages/s", *_HEADS), rates)
    )


_KINDS = {
    "service": "to a service, even",
    "stream": "to a stream, even",
    "curve": "to a stream, a day's hours",
    "holiday": "to a stream, a holiday's",
}


def _stretch(day: dict[str, Any]) -> dict[str, Any]:
    seen = day["seen"]
    return {"latency": seen["latency"], "counts": seen["slip"]["trusted"]}


def _balance(day: dict[str, Any]) -> str:
    counts = day["seen"]["counts"]
    peak = f" in the mean, {day['peak']:,.0f}/s at its peak" if day["peak"] > day["mean"] else ""
    return (
        f"{day['mean']:,.0f}/s{peak}, in {counts['messages']:,} = "
        f"acknowledged {counts['acknowledged']:,} = delivered {day['ids']:,}; "
        f"duplicates sent {counts['repeats']:,}, recognised {day['repeated']:,}; "
        f"lost {counts['acknowledged'] - day['ids']}; forged {counts['forged']:,}, let in "
        f"{counts['let_in']}"
    )


def added(seen: dict[str, Any] | None) -> str:
    """Write what claims in a Redis add to the time of an acknowledgement."""
    if seen is None or "absent" in seen:
        return f"Not measured: {seen['absent'] if seen else 'not part of this run'}.\n"
    rows = []
    for rate, told in seen.items():
        columns = [f"{int(rate):,}/s"]
        for name in ("p50", "p99"):
            here, there = ([one[name] for one in told[of]] for of in ("embedded", "shared"))
            more = [b - a for a, b in zip(here, there, strict=True)]
            columns += [Row(tuple(column)).text() for column in (here, there, more)]
        both = [one for of in told.values() for one in of]
        taken = min(one["acknowledged"] for one in both)
        late = max(one["slip"] for one in both)
        rows.append((*columns, f"{taken:.1%}", f"{late:.1%}"))
    heads = ("messages", *_ADDED_HEADS, "acknowledged at least", "late at most")
    return _ADDED + table(heads, rows)


def growth(seen: dict[str, Any], backlog: dict[str, Any]) -> str:
    """Write how the cost of a message grows."""
    rows = []
    for axis, values in seen["axes"].items():
        first = Row(tuple(next(iter(values.values()))["cpu"]))
        for value, told in values.items():
            row = Row(tuple(told["cpu"]))
            ratio = row.over(first)
            flat = axis in {"accounts", "routes"} and value != "1"
            rows.append(
                (
                    axis,
                    f"{_number(value)}",
                    row.text(),
                    ratio.text(),
                    _verdict(ratio.median) if flat else "–",
                )
            )
    rows += _backlog(backlog)
    head = ("", "", "CPU µs a message", "against the first", "within 5 %")
    to = {
        "stream": "to a stream, with claims and limits in Redis and fsync on",
        "service": "to a service over HTTP in batches, with claims in the process",
    }
    return _GROWTH.format(**seen | {"to": to[seen["to"]]}) + table(head, rows)


def waiting(backlog: dict[str, Any]) -> list[tuple[int, float]]:
    """µs of CPU a message by how many wait: five figures of a tenth of the messages each."""
    series = [(int(count), cost) for count, cost in backlog["cpu"].items()]
    size = max(1, len(series) // 5)
    parts = [series[at : at + size] for at in range(0, size * 5, size)]
    return [(part[-1][0], sum(cost for _, cost in part) / len(part)) for part in parts if part]


def _backlog(backlog: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    steps = waiting(backlog)
    first = steps[0][1]
    for count, cost in steps:
        ratio = cost / first
        verdict = "–" if count == steps[0][0] else _verdict(ratio)
        yield "backlog (closed loop)", f"up to {count:,}", short(cost), short(ratio), verdict


def _number(value: str) -> str:
    return f"{int(value):,}" if value.isdigit() else value


def _verdict(ratio: float) -> str:
    return "yes" if ratio <= 1 + _FLAT else "**no**"
