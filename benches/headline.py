"""What the READMEs show of the results."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from figures import Row, short
from machine import cpu_name
from peers.page import values
from table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results import Results

_STACKS = {
    "fastapi": "FastAPI + uvicorn + wechatpy + redis-py",
    "go-silenceper": "Go + silenceper/wechat + go-redis",
}

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
    shown = table(("", "wxgate", words["beside"], words["ratio"]), rows)
    return shown + "\n" + words["note"].format(cpu=cpu_name(), cores=os.cpu_count()) + "\n"


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
