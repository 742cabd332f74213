"""What the READMEs show of the results."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from figures import Row, short
from limit import EVENLY, ahead
from machine import cpu_name
from peers.page import values
from table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results import Results

_STACKS = {
    "fastapi": ("FastAPI", "FastAPI + uvicorn + wechatpy + redis-py"),
    "go-silenceper": ("Go", "Go + silenceper/wechat + go-redis"),
    "node-co-wechat": ("Node", "Node + Koa + co-wechat + ioredis"),
}
"""What the rows of a pair are called by, and what the other is in full."""
_SHORT = {
    "fastapi": "FastAPI",
    "flask": "Flask",
    "go-silenceper": "Go",
    "go-powerwechat": "Go (PowerWeChat)",
    "node-co-wechat": "Node",
    "node-easywechat": "Node (node-easywechat)",
    "spring": "Spring Boot",
    "spring-wxjava": "Spring Boot (WxJava)",
}

_ENGLISH = {
    "beside": "compared with",
    "ratio": "ratio",
    "open": "verify, decrypt and parse a message of 325 B",
    "open, long": "the same, 6 KB",
    "pay": "verify and open a payment notice",
    "message": "{pair}: a message from WeChat to a Redis stream, CPU of the server at full speed¹",
    "loaded": "{pair}: the same at {load:,} messages/s each²",
    "soon": "{pair}: acknowledged, at {load:,} messages/s each²",
    "start": "{pair}: start, until the first message is acknowledged",
    "memory": "{pair}: memory, all processes (PSS)",
    "mean": "the mean",
    "peak": "the peak",
    "holiday's peak": "a holiday's peak",
    "answer": "acknowledged at {rate:,.0f} messages/s, {name} of 20,000,000 a day, synced to disk",
    "note": (
        "¹ at full speed: verified, decrypted, repetitions recognised in Redis, appended to a "
        "stream; wxgate syncs its journal as well. Measured on {cpu}, {cores} cores, "
        "by `make bench`; a ratio is the median of the rounds' own. Every figure, its spread and "
        "the targets that are missed: [benches/RESULTS.md](benches/RESULTS.md).\n\n"
        "² half of what the slower of the two takes at full speed; ratios are those of the "
        "medians. With little to do a message costs wxgate more, since each has a sync and a turn "
        "of its own: [capacity](docs/capacity.md#what-a-monitor-shows), "
        "[decision 28](docs/decisions/0028-the-limit.md). {evenly}"
    ),
    "evenly": "Of {count} peers these take less there than wxgate, which takes so many times "
    "theirs: {lists}. None of them has a message on disk when it answers.",
    "none": "none",
    "loaded of": "by CPU",
    "p50 of": "by p50",
    "p99 of": "by p99",
    ",": ", ",
    ";": "; ",
}
_CHINESE = {
    "beside": "对照",
    "ratio": "倍数",
    "open": "验签、解密并解析一条 325 B 的消息",
    "open, long": "同上，6 KB",
    "pay": "验签并解开一条支付通知",
    "message": "{pair}：一条消息从微信到 Redis stream，满负荷时服务端所耗 CPU¹",
    "loaded": "{pair}：同上，双方都是每秒 {load:,} 条²",
    "soon": "{pair}：应答延迟，双方都是每秒 {load:,} 条²",
    "start": "{pair}：启动到第一条消息得到应答",
    "memory": "{pair}：全部进程的内存（PSS）",
    "answer": "每秒 {rate:,.0f} 条（日 2000 万条的{name}），落盘后应答",
    "mean": "均值",
    "peak": "高峰",
    "holiday's peak": "节日高峰",
    "note": (
        "¹ 满负荷：验签、解密、用 Redis 去重、写入 stream；wxgate 另将 journal 落盘（fsync）。"
        "由 `make bench` 测得，机器为 {cpu}，{cores} 核；"
        "倍数逐轮相除后取中位数。全部数据、波动范围，以及哪些目标没有达到，见 "
        "[benches/RESULTS.md](benches/RESULTS.md)（英文）。\n\n"
        "² 取两者中较慢一方满负荷时的一半；倍数为中位数之比。"
        "负载低时，wxgate 每条消息的开销反而更高，因为每条都要单独落盘、"
        "单独调度，见[容量](docs/capacity.md#what-a-monitor-shows)与"
        "[决策 28](docs/decisions/0028-the-limit.md)（均为英文）。{evenly}"
    ),
    "evenly": "{count} 个对照方案中，此时低于 wxgate 的如下，倍数为 wxgate 与其之比：{lists}。"
    "它们应答时，消息都还没有落盘。",
    "none": "无",
    "loaded of": "CPU",
    "p50 of": "p50",
    "p99 of": "p99",
    ",": "、",
    ";": "；",
}


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
    for key, names in _STACKS.items():
        if (pair := results.peers["pairs"].get(key)) is not None:
            rows += _headline(pair, names, words)
    rows += _answers(results.carry["days"]["service"]["rates"], words)
    shown = table(("", "wxgate", words["beside"], words["ratio"]), rows)
    ahead_of_it = evenly(results.peers["pairs"], chinese=chinese)
    note = words["note"].format(cpu=cpu_name(), cores=os.cpu_count(), evenly=ahead_of_it)
    return f"{shown}\n{note}\n"


def evenly(pairs: dict[str, Any], *, chinese: bool = False) -> str:
    """Name the peers that are ahead where both have the same to do."""
    words, lists = _CHINESE if chinese else _ENGLISH, []
    for what in EVENLY:
        told = (f"{_SHORT[key]} {short(times)}×" for key, times in ahead(pairs, what).items())
        lists.append(f"{words[f'{what} of']} {words[','].join(told) or words['none']}")
    count = sum(pair["role"] == "peer" for pair in pairs.values())
    return words["evenly"].format(count=count, lists=words[";"].join(lists))


def _headline(
    pair: dict[str, Any], names: tuple[str, str], words: dict[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """What the README shows of one peer."""
    label, name = names
    for what, key, unit in (
        ("message", "cpu", "µs"),
        ("start", "start", "ms"),
        ("memory", "memory", "MB"),
    ):
        ours, rival = (values(pair[side][key]) for side in ("wxgate", "other"))
        yield words[what].format(pair=label), *_beside(ours, rival, name, unit)
        if what == "message":
            yield from at_equal_load(pair, names, words)


def at_equal_load(
    pair: dict[str, Any], names: tuple[str, str], words: dict[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """What both cost, and how soon both answer, where both have the same to do."""
    label, name = names
    ours, its = (
        {key: values(pair[side][key]).median for key in ("loaded", "p50", "p99")}
        for side in ("wxgate", "other")
    )
    ratio = {key: f"{short(its[key] / ours[key])}×" for key in ours}
    mine, theirs = (f"{short(one['loaded'])} µs" for one in (ours, its))
    what = words["loaded"].format(pair=label, load=pair["load"])
    yield what, mine, f"{theirs}, {name}", ratio["loaded"]
    mine, theirs = (f"p50 {one['p50']:.2f} ms, p99 {one['p99']:.2f} ms" for one in (ours, its))
    what = words["soon"].format(pair=label, load=pair["load"])
    yield what, mine, f"{theirs}, {name}", f"p50 {ratio['p50']}, p99 {ratio['p99']}"


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
