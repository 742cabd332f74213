"""The results as a page, and the headline for the README."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carry.page import carried, fleets, growth
from figures import Row, short
from peers.page import section as peers
from peers.page import values
from wechat import LONG, TEXT, push

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from figures import Processes

_ROOT = Path(__file__).parents[1]
_LOG = "wxgate, to `log:`"
_HANDLER = "wxgate, to a Python handler"
_HTTP = "wxgate, to an HTTP service"
_EMPTY = "granian RSGI, empty"
_STACKS = {
    "fastapi": "FastAPI + uvicorn + wechatpy + redis-py",
    "go-silenceper": "Go + silenceper/wechat + go-redis",
}
_BUSY = 0.5
"""A load above which others take part in the result."""
_SIZES = ("325 B", "6 KB")
_STAGES = (
    *("sha1", "base64", "aes", "xml", "json", "ring"),
    *("request", "verify", "open", "parse", "route", "limit", "admit", "record", "reply"),
    *("pay", "gateway"),
)
_VERSIONS = (
    "granian",
    "uvloop",
    "wechatpy",
    "wechatpayv3",
    "cryptography",
    "xmltodict",
)

_ENGLISH = {
    "beside": "beside it",
    "ratio": "ratio",
    "open": "verify, decrypt and parse a message of 325 B",
    "open, long": "the same, 6 KB",
    "pay": "verify and open a payment notice",
    "message": "a message from WeChat to a Redis stream, CPU of the server¹",
    "start": "start, until the first message is acknowledged",
    "memory": "memory, all processes (PSS)",
    "mean": "the mean",
    "peak": "the peak",
    "holiday's peak": "a holiday's peak",
    "answer": "acknowledged at {rate:,.0f} messages/s, {name} of 20,000,000 a day, synced to disk",
    "note": (
        "¹ at full speed: verified, decrypted, repetitions recognised in Redis, appended to a "
        "stream; wxgate syncs its journal as well. Measured on {cpu}, {cores} cores, "
        "by `make bench`; a ratio is the median of the rounds' own. Every figure, its spread and "
        "the targets that are missed: [benches/RESULTS.md](benches/RESULTS.md)."
    ),
}
_CHINESE = {
    "beside": "对照",
    "ratio": "倍数",
    "open": "验签、解密并解析一条 325 B 的消息",
    "open, long": "同上，6 KB",
    "pay": "验签并解开一条支付通知",
    "message": "一条消息从微信到 Redis stream，服务端所耗 CPU¹",
    "start": "启动到第一条消息得到应答",
    "memory": "全部进程的内存（PSS）",
    "answer": "每秒 {rate:,.0f} 条（日 2000 万条的{name}），落盘后应答",
    "mean": "均值",
    "peak": "高峰",
    "holiday's peak": "节日高峰",
    "note": (
        "¹ 满负荷：验签、解密、用 Redis 去重、写入 stream；wxgate 另将 journal 落盘（fsync）。"
        "由 `make bench` 测得，机器为 {cpu}，{cores} 核；"
        "倍数逐轮相除后取中位数。全部数据、波动范围，以及哪些目标没有达到，见 "
        "[benches/RESULTS.md](benches/RESULTS.md)（英文）。"
    ),
}

_HEAD = """\
# Results

Written by `make bench`; do not edit. Numbers of one machine on one day: compare the ratios, which
were taken within one run, rather than the microseconds.

"""
_METHOD = """\
- Every bench asserts its answer before it is timed, and the servers' client checks each answer.
- Rivals run in the same run, on the same bytes, in rounds: each of them once, then all again. A
  ratio is taken within a round; shown is the median over the rounds, in brackets the lowest and the
  highest.
- `Envelope.open` verifies, decrypts and parses; further rows then read the message's text, the
  sender and the type, or all fields. wechatpy makes a `str` of every field in each of them,
  wxcore of those that are read. CPython needs 3 µs to make one of the text of 6 KB.
- *Primitives alone* are SHA-1, base64 and AES of the same bytes, by the functions that the core
  itself calls; *read* is verify, open and parse; *receive* goes on to the identity, the route and
  the event.
- **325 B** is a text message, a short question in Chinese, XML. **6 KB** is a text message too, a
  list of orders with complaints, {ascii:.0%} of its characters ASCII, longer than most that WeChat
  sends. Both lie in `benches/messages`. In safe mode, as here, their requests have bodies of
  {short_body:,} and {long_body:,} bytes.
- *CPU a message* is `utime` + `stime` of the server's processes over a round, through a closed loop
  of {connections} kept-alive connections, one message after the other on each. Every message has an
  id of its own. The client runs in a process of its own, and its cost is in no figure.
- *Memory* is of the worker that answers, from `smaps_rollup`: RSS counts shared pages in full, PSS
  by share. MB are millions of bytes.
- *Start* runs from the start of the process until the first message is acknowledged; where an HTTP
  service is the destination, it has the message by then.
"""


_DEAD_FOR_LONG = 1000.0
_DAY_MEAN = 20_000_000 / 86_400
_JOURNAL = """\
Groups of records of 1 KB, each with a sync of its own, one waiting while the one before it is on
its way; they are delivered as they come, so that segments are used again. The disk's own rate is
that of one write and one `fdatasync` after another into a file that was filled with zeros, measured
in turn with the journal's in the same run; *of the disk* is the median of the pairs' ratios.

"""


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured."""

    core: dict[str, Row]
    python: dict[tuple[str, str], Row]
    told: dict[tuple[str, str], dict[str, Any]]
    """What benches in Python counted beside the time."""
    processes: Processes
    peers: dict[str, Any]
    """As ``peers/run.py`` wrote it."""
    carry: dict[str, Any]
    """As ``carry/run.py`` wrote it."""
    journal: str
    """The journal beside its disk: a table, and what a start with 1 GB took."""
    when: str
    commit: str
    rust: str
    load: float
    """Of the machine, before any of it began."""


def page(results: Results) -> str:
    """The whole of ``RESULTS.md``."""
    processes = results.processes
    sections = [
        _HEAD + _machine(results),
        "## Targets\n\n" + _targets(results),
        "## In Python, beside what teams use\n\n" + _python(results.python),
        "## Rings and limits, as exact as they can be\n\n" + _exact(results),
        "## Peers, doing the same work\n\n"
        + peers(results.peers)
        + _picture("peers", "CPU a message, wxgate and others"),
        "## What it carries\n\n"
        + carried(results.carry, os.cpu_count() or 1)
        + _picture("throughput", "latency by messages a second")
        + _picture("latency", "percentiles of latency at the rates of a day"),
        "## How the cost of a message grows\n\n"
        + growth(results.carry["growth"], processes.backlog)
        + _picture("growth", "CPU a message by accounts, routes, size, workers and backlog"),
        "## Whole processes\n\n"
        + _processes(processes)
        + _picture("stages", "CPU a message by part"),
        "## A destination that is dead, then back\n\n" + _backlog(processes.backlog),
        "## Claims that machines share\n\n" + _state(processes.state),
        "## More than it can take\n\n" + _overload(processes.overload),
        "## Fleets at their size\n\n" + fleets(results.carry["fleet"]),
        "## The journal, beside its disk\n\n" + _JOURNAL + results.journal,
        "## Stages in Rust\n\n" + _core(results.core),
        "## How it is measured\n\n" + _method(processes),
    ]
    return "\n".join(sections)


def headline(results: Results, *, chinese: bool = False) -> str:
    """What the README shows."""
    python = results.python
    words = _CHINESE if chinese else _ENGLISH
    rows = []
    for what, group, other in (
        (words["open"], "Envelope.open, 325 B", "wechatpy"),
        (words["open, long"], "Envelope.open, 6 KB", "wechatpy"),
        (words["pay"], "PayVerifier.open", "wechatpayv3"),
    ):
        ours, rival = python[group, "wxcore"], python.get((group, other))
        rows.append((what, *_beside(ours, rival, other, "µs")))
    for key, name in _STACKS.items():
        if (pair := results.peers["pairs"].get(key)) is not None:
            rows += _headline(pair, name, words)
    rows += _answers(results.carry["days"]["service"]["rates"], words)
    table = _table(("", "wxgate", words["beside"], words["ratio"]), rows)
    return table + "\n" + words["note"].format(cpu=cpu_name(), cores=os.cpu_count()) + "\n"


def _headline(
    pair: dict[str, Any], name: str, words: dict[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """What the README shows of one peer."""
    for what, key, unit in (
        ("message", "cpu", "µs"),
        ("start", "start", "ms"),
        ("memory", "memory", "MB"),
    ):
        ours, rival = (values(pair[side][key]) for side in ("wxgate", "other"))
        yield words[what], *_beside(ours, rival, name, unit)


def _answers(
    rates: list[dict[str, Any]], words: dict[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """How soon callers have their answers at the rates of a day."""
    for one in rates:
        if (latency := one["latency"]) is not None:
            what = words["answer"].format(rate=one["rate"], name=words[one["name"]])
            yield what, f"p50 {latency['p50']:.2f} ms, p99 {latency['p99']:.2f} ms", "–", "–"


def _beside(ours: Row, rival: Row | None, name: str, unit: str) -> tuple[str, str, str]:
    own = f"{short(ours.median)} {unit}"
    if rival is None:
        return own, "–", "–"
    ratio = rival.over(ours).median
    return own, f"{short(rival.median)} {unit}, {name}", f"{short(ratio)}×"


def _machine(results: Results) -> str:
    versions = ", ".join(map(_version, _VERSIONS))
    rows = [
        ("day", results.when),
        ("wxgate", f"{version('wxgate')}, commit {results.commit}"),
        ("CPU", f"{cpu_name()}, {os.cpu_count()} cores"),
        ("load before", _load(results.load)),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("Rust", results.rust),
        ("beside wxgate", versions),
        ("commands", "`make bench`; `make bench-quick` takes two minutes and writes nothing"),
    ]
    return _table(("", ""), rows)


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} **absent**"


def _load(load: float) -> str:
    note = ": not quiet, so the figures are rough" if load > _BUSY else ""
    return f"{load:.2f}{note}"


def _targets(results: Results) -> str:
    core, python, processes = results.core, results.python, results.processes
    rows = []
    for size in _SIZES:
        group = f"Envelope.open, {size}"
        what = f"`Envelope.open`, {size}, against wechatpy"
        if (group, "wechatpy") not in python:
            rows.append((what, "≥ 15×", "–", "not measured: wechatpy is absent"))
            continue
        rival = python[group, "wechatpy"]
        rows.append(_at_least(what, rival.over(python[group, "wxcore"]), 15, "×"))
        most = rival.median / core[f"gateway/primitives alone, {size}"].median
        rows.append(("↳ if the primitives were all of it", "–", f"{short(most)}×", "the ceiling"))
    for size in _SIZES:
        alone = core[f"gateway/primitives alone, {size}"]
        what = f"verify, open and parse in Rust, {size}, of its primitives' speed"
        rows.append(_at_least(what, alone.over(core[f"gateway/read, {size}"]), 0.5, ""))
        whole = alone.over(core[f"gateway/receive, {size}"])
        rows.append(
            ("↳ and all of `Gateway::receive`, to the event", "–", whole.text(), "beside it")
        )
    ratio = core["pay/rival/RSA-2048 of aws-lc-rs alone"].over(core["pay/verify"])
    rows.append(_at_least("Pay v3's verification in Rust, of RSA's speed alone", ratio, 0.85, ""))
    rows += [_below(f"start: {name}", processes.starts[name], 300, "ms") for name in (_LOG, _HTTP)]
    for name in (_LOG, _HANDLER, _HTTP):
        row = _resident(processes, name)
        what = f"RSS after {_sent(processes):,} messages: {name}"
        rows.append(_below(what, row, 45, "MB"))
    return _table(("what", "target", "measured", ""), rows)


def _at_least(what: str, row: Row, target: float, unit: str) -> tuple[str, str, str, str]:
    return what, f"≥ {target:g}{unit}", row.text() + unit, _verdict(met=row.median >= target)


def _below(what: str, row: Row, target: float, unit: str) -> tuple[str, str, str, str]:
    return what, f"< {target:g} {unit}", f"{row.text()} {unit}", _verdict(met=row.median < target)


def _verdict(*, met: bool) -> str:
    return "met" if met else "**not met**"


def _python(python: dict[tuple[str, str], Row]) -> str:
    rows = []
    for (group, by), row in python.items():
        if by != "wxcore":
            continue
        name, comma, rest = group.partition(",")
        what = f"`{name}`{comma}{rest}"
        rivals = [other for measured, other in python if measured == group and other != by]
        for other in rivals:
            rival = python[group, other]
            rows.append((what, row.text(), other, rival.text(), rival.over(row).text()))
        if not rivals:
            rows.append((what, row.text(), "–", "–", "–"))
    return _table(("µs", "wxgate", "rival", "its µs", "ratio"), rows)


def _exact(results: Results) -> str:
    """How far ring and limiter are from what is possible; their benches have asserted it."""
    rings, limits = [], []
    for (group, by), told in results.told.items():
        if "nodes" in told:
            picks = f"{1e6 / results.python[group, by].median:,.0f}"
            moved, least = told["moved"], 1 / told["nodes"]
            shares = (f"{moved:.2%}", f"{least:.2%}", f"{moved / least:.2f}×")
            rings.append((f"{told['nodes']:,}", by, picks, *shares, str(told["beyond"])))
        elif "admitted" in told:
            admitted, allowed = told["admitted"], told["allowed"]
            limits.append(
                (told["limit"], f"{admitted:,}", f"{allowed:,.1f}", f"{admitted / allowed:.4f}")
            )
    least = "1/n"
    heads = ("nodes", "by", "picks/s", "moved", least, "moved / " + least, "moved of other nodes")
    return (
        "Of 100,000 keys those that move when the node goes that has most of them. What it had "
        "must move; what other nodes had need not.\n\n"
        + _table(heads, sorted(rings, key=lambda row: int(row[0].replace(",", ""))))
        + "\nAdmitted when three times the rate and more is asked for: never above burst + rate × "
        "time. An hour is one of a clock that is an argument; two nodes ask one Valkey at once.\n\n"
        + _table(("limit", "admitted", "burst + rate × time", "of it"), limits)
    )


def _backlog(seen: dict[str, Any]) -> str:
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
    return f"{_table(('worker', 'RSS'), rows)}\n{told}\n"


def _state(seen: dict[str, Any]) -> str:
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
        + _table(heads, rows)
        + "\nHow long a message waits for its claim, in an open loop; the server, this process "
        "and what makes the load share the same two cores:\n\n"
        + _table(("messages", "median", "99 of 100"), waits)
    )


def _overload(seen: dict[str, Any]) -> str:
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
    return f"{_table(head, rows)}\n{told}\n"


def _ms(percentiles: list[float]) -> str:
    return " / ".join(f"{one:.1f}" for one in percentiles) or "–"


def _processes(processes: Processes) -> str:
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
        + _table(("µs", "CPU a message", "times the empty RSGI application"), cpu)
        + "\nThe empty applications read the body and answer `success`.\n\n"
        + _added(processes)
        + "Start:\n\n"
        + _table(("ms", "to the first acknowledged message"), starts)
        + f"\nImports of `{_HTTP}`, by package, under Python's own import timer, which makes them "
        f"slower: {short(processes.imports['all'])} ms in all; {imports} ms.\n\nMemory:\n\n"
        + _table(("MB", "after", "RSS", "PSS", "PSS with the parent"), memory)
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
        "delivered.\n\n" + _table(head, rows) + "\n"
    )


def _core(core: dict[str, Row]) -> str:
    names = sorted(core, key=lambda name: (_STAGES.index(name.partition("/")[0]), name))
    return _table(("µs", "median"), ((name, core[name].text()) for name in names))


def _method(processes: Processes) -> str:
    text = LONG.decode()
    return _METHOD.format(
        connections=processes.raw["load"]["connections"],
        ascii=sum(map(str.isascii, text)) / len(text),
        short_body=len(push(TEXT).body),
        long_body=len(push(LONG).body),
    )


def _picture(name: str, what: str) -> str:
    return f"\n![{what}](plots/{name}.svg)\n"


def _resident(processes: Processes, server: str) -> Row:
    return Row((processes.memory(server)[f"{_sent(processes)} messages"]["rss"],))


def _sent(processes: Processes) -> int:
    """How many messages each server has had at the end."""
    rounds = len(processes.raw["load"]["servers"][_LOG]["cpu"])
    return processes.messages * (rounds + 1)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield "|---" * len(head) + "|"
        for row in rows:
            yield f"| {' | '.join(row)} |"

    return "\n".join(lines()) + "\n"


def cpu_name() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
