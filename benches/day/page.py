"""A whole day of twenty million: its part of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from table import table, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = 20_000_000
_DAY_S = 86_400
_MINUTES = 30
_MB = 45
_KEPT_UP = 0.99
"""Of the rate that was asked for; below, the player was behind for good."""
_HEAD = """\
All hours alike, as fast as this machine's {cores} cores carry it with the player, the far end and
Valkey {valkey} on them: `make bench-day`, {when}, commit {commit}. Verification, decryption,
claims and limits in Redis, fsync and delivery to a stream are on; {workers} worker; the far end is
a group of the stream that acknowledges what it has read. What is refused is sent again by the
player, who has signed the payments before the clock runs, each for its time: WeChat signs them on
machines of its own. All run under the scheduling policy `batch`, as
[deployment](../docs/deployment.md#systemd) advises for the gateway and a Redis beside it{first}.

"""
_FIRST = """\
; the player alone goes before all of them
(`fifo`, `--player-first`): WeChat waits for no processor of ours"""
_LINE = (
    "A day of {messages:,} messages, as fast as {cores} cores carry it with the player, Valkey and "
    "the reader of the stream on them: {minutes:.1f} minutes, {lost:,} lost, {twice:,} delivered "
    "twice; the player had signed the payments before, and was late for {late:.1%} of its calls "
    "(`make bench-day`).\n"
)
_LINE_ZH = (
    "一天 {messages:,} 条消息，压测程序、Valkey 和消费端都在同一台 {cores} 核机器上，全速跑完用时 "
    "{minutes:.1f} 分钟，丢失 {lost:,} 条，重复投递 {twice:,} 条；"
    "支付通知的签名已事先算好，压测程序有 {late:.1%} 的请求发送迟于计划（`make bench-day`）。\n"
)
_LATE = 0.01
_NONE = "No day is part of these results: `make bench-day` plays one.\n"


def section(seen: dict[str, Any] | None) -> str:
    """Write the day that was played last."""
    if seen is None:
        return _NONE
    return (
        _HEAD.format(**seen | {"first": _FIRST if seen.get("first") else ""})
        + table(("", "", "target", ""), _rows(seen))
        + "\n"
        + table(("process", "CPU s", "CPU s a million", "MB at the end"), _costs(seen))
        + "\nWhat was resident of each process meanwhile, and the journal's place on the disk:\n\n"
        + _sizes(seen)
    )


def line(seen: dict[str, Any], *, chinese: bool = False) -> str:
    """Say in a sentence what came of a day, for the READMEs."""
    counts = seen["counts"]
    return (_LINE_ZH if chinese else _LINE).format(
        messages=counts["messages"],
        cores=seen["cores"],
        minutes=seen["seconds"] / 60,
        lost=counts["acknowledged"] - seen["delivered"],
        twice=seen["arrived"] - seen["delivered"],
        late=seen["late"],
    )


def _rows(seen: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    counts, latency = seen["counts"], seen["latency"]
    whole, minutes = counts["messages"] == WHOLE, seen["seconds"] / 60
    yield "messages in", f"{counts['messages']:,}", f"{WHOLE:,}", verdict(met=whole)
    taken = counts["acknowledged"] == counts["messages"] == seen["delivered"] == seen["arrived"]
    yield (
        "= acknowledged = delivered",
        f"{counts['acknowledged']:,} = {seen['delivered']:,}",
        "equal, each once",
        verdict(met=taken),
    )
    lost = counts["acknowledged"] - seen["delivered"]
    yield "lost", f"{lost:,}", "0", verdict(met=not lost)
    alike = counts["repeats"] <= seen["recognised"] <= counts["repeats"] + counts["tried_again"]
    yield (
        "duplicates sent, recognised",
        f"{counts['repeats']:,}, {seen['recognised']:,}",
        "equal",
        verdict(met=alike),
    )
    kept_out = f"{counts['forged']:,}, {counts['kept_out']:,}"
    yield "forged, kept out", kept_out, "equal", verdict(met=not counts["let_in"])
    yield "refused, sent again", f"{counts['refused']:,}, {counts['tried_again']:,}", "–", "–"
    yield "minutes", f"{minutes:.1f}", f"< {_MINUTES}", verdict(met=whole and minutes < _MINUTES)
    rate = counts["messages"] / seen["seconds"]
    yield "messages/s, asked and reached", f"{seen['rate']:,.0f}, {rate:,.0f}", "–", "–"
    yield "such days in a day", f"{_DAY_S / seen['seconds']:.0f}", "–", "–"
    times = (latency[one] for one in ("p50", "p99", "p999"))
    # Calls that are due wait in the player for one of its connections.
    queued = ", in the player's queue too" if rate < seen["rate"] * _KEPT_UP else ""
    yield (
        f"p50, p99, p99.9 ms under it{queued}",
        ", ".join(f"{one:,.1f}" for one in times),
        "–",
        "–",
    )
    ahead = seen["ahead"]
    signed = f"{ahead['payments']:,}, {ahead['seconds']:,.0f}"
    yield "payments the player had signed before, in seconds", signed, "–", "–"
    late = seen["late"]
    what = "calls for which the player was late: above 1 % `wxgate bench` refuses the latencies"
    yield what, f"{late:.1%}", f"≤ {_LATE:.0%}", verdict(met=late <= _LATE)
    for after, size in seen["worker_mb"].items():
        what = f"MB of a worker after {int(after):,}"
        yield what, f"{size:.1f}", f"< {_MB}", verdict(met=size < _MB)
    yield "Valkey's memory at most, MB", f"{seen['redis_peak_mb']:,.0f}", "–", "–"


def _costs(seen: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    messages, total = seen["counts"]["messages"], 0.0
    for cost in seen["costs"]:
        total += cost["cpu"]
        million = cost["cpu"] / messages * 1e6
        yield cost["name"], f"{cost['cpu']:,.0f}", f"{million:.1f}", f"{cost['rss']:.1f}"
    yield "all", f"{total:,.0f}", f"{total / messages * 1e6:.1f}", "–"


def _sizes(seen: dict[str, Any]) -> str:
    names = list(seen["sizes"][0]["mb"]) if seen["sizes"] else []
    rows = (
        (f"{one['messages']:,}", *(f"{one['mb'].get(name, 0.0):,.1f}" for name in names))
        for one in seen["sizes"]
    )
    return table(("MB after", *names), rows)
