"""What a message waits for at half of what the machine carries: its part of a profile."""

from __future__ import annotations

import os
from array import array
from pathlib import Path
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, Any

from table import table
from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMED = Path(__file__).with_name("timed")
_SPANS = (
    "asked for its body, until the loop has it",
    "checked, decrypted, parsed, routed: wxcore",
    "until the claims of this turn of the loop go to Redis",
    "Redis, and until the loop hears of it",
    "until the messages of this turn go to the journal",
    "written and synced, and until the loop hears of it",
    "until granian's threads have the answer",
)
"""Between each two stations of ``timed/sitecustomize.py``."""
_REST = "the rest: sockets, granian's threads, the player's own"
_WARM, _RUSH, _S = 10_000, 60_000, 20.0
_CONNECTIONS = 32
_HEAD = """
What a message waits for, at half of what goes through ({rate:,.0f} messages a second), with a clock
read at each station; the player saw {p50:.2f} ms in the middle and {mean:.2f} in the mean, and was
late for {slip:.1%}:

"""


async def waits(url: str, folder: Path) -> dict[str, Any]:
    """Play at half of capacity to a stream in the Redis at ``url``; the gateway lies in ``folder``.

    Returns the rate (messages a second), what the player saw (ms) and, of each span, the mean, the
    median and the 90th percentile (ms).
    """
    output = folder / "waits"
    os.environ |= {"PYTHONPATH": str(_TIMED), "WXGATE_BENCH_WAITS": str(output)}
    try:
        async with standing(folder, Setting(to="stream", redis=url), 0.0) as stand:
            await stand.rush(_WARM, _CONNECTIONS)
            rush = await stand.rush(_RUSH, _CONNECTIONS)
            rate = rush.seen.counts.messages / (rush.seen.seconds + rush.behind) / 2
            seen = (await stand.stretch(rate, _S)).seen
    finally:
        del os.environ["PYTHONPATH"], os.environ["WXGATE_BENCH_WAITS"]
    latency = seen.latency
    assert latency is not None
    # The last ones are those of the even load.
    spans = list(_spans(_rows(output)[-int(rate * _S / 2) :]))
    return {
        "rate": rate,
        "p50": latency.p50,
        "mean": latency.mean,
        "slip": seen.slip.share,
        "spans": spans,
    }


def _rows(output: Path) -> list[array[float]]:
    """Read the times (s) of each message at the stations."""
    times = array("d", output.read_bytes())
    width = len(_SPANS) + 1
    return [times[at : at + width] for at in range(0, len(times), width)]


def _spans(rows: list[array[float]]) -> Iterator[list[float]]:
    for at in range(len(_SPANS)):
        took = [(row[at + 1] - row[at]) * 1e3 for row in rows]
        tenths = quantiles(took, n=10)
        yield [fmean(took), tenths[4], tenths[8]]


def section(seen: dict[str, Any]) -> str:
    """Write the table."""
    rows = [
        (name, *(f"{ms:.2f}" for ms in span))
        for name, span in zip(_SPANS, seen["spans"], strict=True)
    ]
    # Of means alone: medians do not add up.
    rest = seen["mean"] - sum(mean for mean, _, _ in seen["spans"])
    rows.append((_REST, f"{rest:.2f}", "", ""))
    return _HEAD.format(**seen) + table(("ms", "mean", "half within", "nine in ten within"), rows)
