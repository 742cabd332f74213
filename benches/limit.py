"""How near the gateway is to what is possible: targets that need a whole machine's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carry.page import at_half
from figures import Row, short
from peers.page import LATE, throughput, values
from table import table, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from results import Results

_BESIDE = (
    ("granian-rsgi", "CPU a message, of granian's empty RSGI handler", "≤ 1.5×", 1.5),
    ("fastapi", "messages a CPU-second, of FastAPI, wechatpy and redis-py", "≥ 10×", 10.0),
    ("go-silenceper", "messages a CPU-second, of Go, silenceper/wechat, go-redis", "≥ 1.5×", 1.5),
)
EVENLY = {"loaded": "CPU a message", "p50": "p50", "p99": "p99"}
"""What is compared where both have the same to do, and what it is called."""
_AT_EQUAL_LOAD = """
*Equal load* is half of what the slower of the two carries at full speed, pair by pair as the table
of peers has it; ratios there are those of the medians. No peer has a message on a disk when
it answers, and none sees to the order of a user's messages.{late}
"""
_LATE = """
The player was late for more than 1 % of the messages in the pairs with {names}: those latencies are
its own too."""
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
    pairs, profile = results.peers["pairs"], results.apart.get("profile")
    rivals = {key: pair for key, pair in pairs.items() if pair["role"] == "peer"}
    rows = [*_beside(pairs), *_of_each(rivals), *_waits(results.carry["curve"])]
    return (
        table(("what", "target", "measured", ""), rows)
        + (_AT_EQUAL_LOAD.format(late=_too_late(rivals)) if rivals else "")
        + ("" if profile is None else why(profile))
    )


def ahead(pairs: Mapping[str, dict[str, Any]], what: str) -> dict[str, float]:
    """Return the peers that take less than wxgate at equal load; how many times theirs it takes."""
    times = {key: _evenly(pair, what) for key, pair in pairs.items() if pair["role"] == "peer"}
    return {key: times[key] for key in sorted(times, key=times.__getitem__)[::-1] if times[key] > 1}


def _evenly(pair: dict[str, Any], what: str) -> float:
    ours, its = (values(pair[side][what]).median for side in ("wxgate", "other"))
    return ours / its


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
        if at_most:
            loaded = values(pair["wxgate"]["loaded"]).over(values(pair["other"]["loaded"]))
            met = verdict(met=loaded.median <= times)
            yield "↳ at equal load, half of what wxgate carries", target, f"{loaded.text()}×", met


def _of_each(rivals: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Compare with each of the peers: at full speed the nearest is told, else those ahead."""
    if not rivals:
        return
    beside = {
        pair["name"]: throughput(pair["wxgate"]).over(throughput(pair["other"])).median
        for pair in rivals.values()
    }
    nearest = min(beside, key=beside.__getitem__)
    of = f"of each of the {len(rivals)} peers"
    shown, met = f"{short(beside[nearest])}× or more ({nearest})", beside[nearest] > 1
    yield f"messages a CPU-second at full speed, {of}", "> 1×", shown, verdict(met=met)
    for what, called in EVENLY.items():
        before = ahead(rivals, what)
        told = "; ".join(f"{rivals[key]['name']} {short(times)}×" for key, times in before.items())
        told = f"above {len(before)}: {told}" if before else "above none"
        yield f"{called} at equal load, {of}", "≤ 1×", told, verdict(met=not before)


def _too_late(rivals: dict[str, dict[str, Any]]) -> str:
    late = [
        pair["name"]
        for pair in rivals.values()
        if max(pair[side]["late"] for side in ("wxgate", "other")) > LATE
    ]
    return _LATE.format(names="; ".join(late)) if late else ""


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
