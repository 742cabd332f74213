"""The whole processes' part of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from figures import Row, short
from table import table

if TYPE_CHECKING:
    from figures import Processes

LOG = "wxgate, to `log:`"
HANDLER = "wxgate, to a Python handler"
HTTP = "wxgate, to an HTTP service"
_EMPTY = "granian RSGI, empty"
_DEAD_FOR_LONG = 1000.0
_DAY_MEAN = 20_000_000 / 86_400


def whole(processes: Processes) -> str:
    """Write CPU, starts and memory of the servers."""
    empty = processes.cpu[_EMPTY]
    cpu = [(name, row.text(), row.over(empty).text()) for name, row in processes.cpu.items()]
    starts = [("a bare interpreter, start to end", processes.bare.text())]
    starts += [(name, row.text()) for name, row in processes.starts.items()]
    memory = []
    for name in processes.cpu:
        for when, seen in processes.memory(name).items():
            sizes = (seen["rss"], seen["pss"], seen["all processes"])
            memory.append((name, when, *(short(size) for size in sizes)))
    imports = ", ".join(
        f"{name} {short(cost)}" for name, cost in processes.imports.items() if name != "all"
    )
    return (
        f"CPU a message of 325 B, {processes.messages:,} in a round:\n\n"
        + table(("µs", "CPU a message", "times the empty RSGI application"), cpu)
        + "\nThe empty applications read the body and answer `success`.\n\n"
        + _added(processes)
        + "Start:\n\n"
        + table(("ms", "to the first acknowledged message"), starts)
        + f"\nImports of `{HTTP}`, by package, under Python's own import timer, which makes them "
        f"slower: {short(processes.imports['all'])} ms in all; {imports} ms.\n\nMemory:\n\n"
        + table(("MB", "after", "RSS", "PSS", "PSS with the parent"), memory)
    )


def _added(processes: Processes) -> str:
    """What it costs to have a message on disk and out again."""
    rows = [
        (name, again.text(), processes.cpu[name].less(again).text())
        for name, again in processes.again.items()
    ]
    if not rows:
        return ""
    head = ("µs of CPU", "a retry", "what recording and delivering add")
    return (
        "The same messages once more: known, so that they are answered and neither recorded nor "
        "delivered.\n\n" + table(head, rows) + "\n"
    )


def backlog(seen: dict[str, Any]) -> str:
    """Write how a destination was dead, then back."""
    piled = [(f"{int(count):,} waiting", f"{rss:.1f} MB") for count, rss in seen["memory"].items()]
    shown = [piled[0], *piled[1:-1][:: max(1, len(piled) // 5)], piled[-1]]
    rows = [
        *shown,
        ("started again, all of it waiting", f"{seen['memory after a start']:.1f} MB"),
        ("drained", f"{seen['memory after the drain']:.1f} MB"),
    ]
    out, came = seen["out"], seen["in"]
    told = (
        f"From the start to the first acknowledged message, {seen['messages']:,} undelivered before"
        f" it: {seen['start']:.0f} ms. Drained over HTTP, one by one, at {out:,.0f} messages/s:"
        f" {out / _DEAD_FOR_LONG:.0f} times the 1,000/s at which the fault catalogue has them come"
        f" in while a destination is dead, {out / _DAY_MEAN:.0f} times the mean of a day of 20"
        f" million, {out / came:.1f} times the rate at which a client that sends as fast as it can"
        f" had piled them up ({came:,.0f}/s). Claims are part of this memory: each message is known"
        " as sent for 60 seconds, so that they grow with the rate, up to that time's worth, and not"
        " with the backlog."
    )
    return f"{table(('worker', 'RSS'), rows)}\n{told}\n"


def state(seen: dict[str, Any]) -> str:
    """Write what claims cost that machines share."""
    if absent := seen.get("absent"):
        return f"Not measured: {absent}.\n"
    rows = []
    for waiting, cpu in seen["cpu"].items():
        added = [b - a for a, b in zip(cpu["embedded"], cpu["shared"], strict=True)]
        columns = (cpu["embedded"], cpu["shared"], added, cpu["server"])
        rows.append((waiting, *(Row(tuple(column)).text() for column in columns)))
    heads = ("waiting in one tick", "embedded", "shared", "added, target ≤ 8 at 64", "Valkey's own")
    waits = [
        (f"{int(rate):,}/s", *(f"{one[name] * 1e3:.2f} ms" for name in ("median", "p99")))
        for rate, one in seen["latency"].items()
    ]
    return (
        "µs of CPU a message, from its claim to its completion, in one process without HTTP:\n\n"
        + table(heads, rows)
        + "\nHow long a message waits for its claim, in an open loop; the server, this process "
        "and what makes the load share the same two cores:\n\n"
        + table(("messages", "median", "99 of 100"), waits)
    )


def overload(seen: dict[str, Any]) -> str:
    """Write what became of floods."""
    if not seen:
        return "Not part of this run: `benches/process/run.py --flood 1.5` measures it.\n"
    classes = ("pay", "refund", "authorisation", "user", "passing")
    head = ("", "sent", "goodput", *classes, "taken ms", "refused ms", "slip")
    rows = []
    for name, target in seen.items():
        for flood in target["floods"]:
            shares = [f"{flood['classes'].get(one, 0):.0%}" for one in classes]
            times = [_ms(flood[one]) for one in ("taken", "refused")]
            sent = f"{flood['times']:g} × {target['capacity']:,.0f}/s"
            goodput, slip = f"{flood['goodput']:.0%}", f"{flood['slip']:.1%}"
            rows.append((f"wxgate, {name}", sent, goodput, *shares, *times, slip))
    told = (
        "An open loop from another processor against a gateway that has one for all its threads;"
        " *apart*: only the event loop is bound to it, granian's threads share the player's."
        " *Capacity* is what is acknowledged a second in the best case, for as long as a flood"
        " lasts; *goodput* is what was acknowledged, of that; then what was acknowledged of each"
        " class, and the median, 90th and 99th percentile from the time at which a message was due"
        " to its answer. What is refused is not sent again. *Slip* is the share of messages for"
        " which the player itself was late."
    )
    return f"{table(head, rows)}\n{told}\n"


def _ms(percentiles: list[float]) -> str:
    return " / ".join(f"{one:.1f}" for one in percentiles) or "–"
