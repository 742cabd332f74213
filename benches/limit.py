"""How near the gateway is to what is possible: targets that need a whole machine's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carry.page import at_half
from figures import Row
from peers.page import values
from table import table, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results import Results

_BESIDE = (
    ("granian-rsgi", "CPU a message, of granian's empty RSGI handler", "≤ 1.5×", 1.5),
    ("fastapi", "messages a CPU-second, of FastAPI, wechatpy and redis-py", "≥ 10×", 10.0),
    ("go-silenceper", "messages a CPU-second, of Go, silenceper/wechat, go-redis", "≥ 1.5×", 1.5),
)
_WAITS = (("p50", 2.0), ("p99", 10.0))
_WHY = """
What is not met, why, and what would change it: [decision 28](../docs/decisions/0028-the-limit.md).
By the profile above a message takes {cpu:.0f} µs of CPU: {granian:.0f} in granian's own threads,
{kernel:.0f} in the kernel on the loop's, {journal:.0f} in the journal's threads, {python:.0f} in
CPython and the libraries around it, {core:.0f} in wxcore.
"""
_PARTS = {
    "granian": ("granian's threads",),
    "kernel": ("loop: the kernel",),
    "journal": ("journal's threads",),
    "python": ("loop: CPython", "loop: uvloop", "loop: libc", "loop: hiredis"),
    "core": ("loop: wxcore",),
}


def section(results: Results) -> str:
    """Write the table, and where the profile says that the rest goes."""
    rows = [*_beside(results.peers["pairs"]), *_waits(results.carry["curve"])]
    profile = results.apart.get("profile")
    return table(("what", "target", "measured", ""), rows) + (
        "" if profile is None else why(profile)
    )


def why(profile: dict[str, Any]) -> str:
    """Say where a message's CPU goes."""
    spent = {
        part: sum(share for name, share in profile["threads"].items() if name.startswith(names))
        * profile["cpu"]
        for part, names in _PARTS.items()
    }
    return _WHY.format(cpu=profile["cpu"], **spent)


def _beside(pairs: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for key, what, target, times in _BESIDE:
        if (pair := pairs.get(key)) is None:
            yield what, target, "–", "not measured"
            continue
        ours, other = (values(pair[side]["cpu"]) for side in ("wxgate", "other"))
        at_most = target.startswith("≤")
        ratio = ours.over(other) if at_most else other.over(ours)
        met = ratio.median <= times if at_most else ratio.median >= times
        yield what, target, f"{ratio.text()}×", verdict(met=met)


def _waits(curves: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for to, seen in curves.items():
        fair = at_half(seen["half"])
        rate = seen["half"][0]["rate"]
        for which, target in _WAITS:
            what = f"{which} at half of capacity, {rate:,.0f}/s, to a {to}"
            if not fair:
                yield what, f"< {target:g} ms", "–", "the player was late"
                continue
            took = Row(tuple(one["latency"][which] for one in fair))
            met = verdict(met=took.median < target)
            yield what, f"< {target:g} ms", f"{took.text()} ms", met
