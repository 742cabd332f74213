"""The targets, and how far each is met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from figures import Row, short
from process.page import HANDLER, HTTP, LOG
from table import table, verdict

if TYPE_CHECKING:
    from figures import Processes
    from results import Results

_SIZES = ("325 B", "6 KB")


def targets(results: Results) -> str:
    """Write the table of targets."""
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
    rows += [_below(f"start: {name}", processes.starts[name], 300, "ms") for name in (LOG, HTTP)]
    rows.append(_below(*start_behind(processes), 300, "ms"))
    for name in (LOG, HANDLER, HTTP):
        row = _resident(processes, name)
        what = f"RSS after {_sent(processes):,} messages: {name}"
        rows.append(_below(what, row, 45, "MB"))
    return table(("what", "target", "measured", ""), rows)


def _at_least(what: str, row: Row, target: float, unit: str) -> tuple[str, str, str, str]:
    return what, f"≥ {target:g}{unit}", row.text() + unit, verdict(met=row.median >= target)


def _below(what: str, row: Row, target: float, unit: str) -> tuple[str, str, str, str]:
    return what, f"< {target:g} {unit}", f"{row.text()} {unit}", verdict(met=row.median < target)


def start_behind(processes: Processes) -> tuple[str, Row]:
    """Take the start with all that a destination which was dead has left."""
    seen = processes.backlog
    return f"↳ with {seen['messages']:,} undelivered before it", Row((seen["start"],))


def _resident(processes: Processes, server: str) -> Row:
    return Row((processes.memory(server)[f"{_sent(processes)} messages"]["rss"],))


def _sent(processes: Processes) -> int:
    """How many messages each server has had at the end."""
    rounds = len(processes.raw["load"]["servers"][LOG]["cpu"])
    return processes.messages * (rounds + 1)
