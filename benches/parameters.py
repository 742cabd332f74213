"""The figures that ``docs/capacity.md`` counts on, out of all that was measured."""

from __future__ import annotations

import os
from statistics import median
from typing import TYPE_CHECKING, Any

from carry.curve import carried
from machine import cpu_name

if TYPE_CHECKING:
    from results import Results

_DIGITS = 4


def of(results: Results) -> dict[str, Any]:
    """Take them out, rounded to what they are worth."""
    carry, backlog = results.carry, results.processes.backlog
    day = carry["days"].get("stream") or carry["days"]["service"]
    curve = carry["curve"]["service"]["rates"]
    found = {
        "when": results.when,
        "commit": results.commit,
        "machine": cpu_name(),
        "cores": os.cpu_count(),
        "full_speed_us": _full_speed(results),
        "day_us": {
            "service": _costs(carry["days"]["service"]),
            "stream": _costs(day) if day["to"] == "stream" else None,
        },
        "day_rates": {"service": carry["days"]["service"]["mean"], day["to"]: day["mean"]},
        "latency_ms": {
            one["name"]: {
                "rate": round(one["rate"]),
                "p50": one["latency"]["p50"],
                "p99": one["latency"]["p99"],
            }
            for one in carry["days"]["service"]["rates"]
            if one["latency"] is not None
        },
        "curve_us": {str(one["rate"]): float(f"{one['cpu']:.0f}") for one in curve},
        "carried": carried(curve),
        "worker_mb": backlog["memory"]["1"],
        "claim_bytes": results.fleet["claim_bytes"],
        "waiting_bytes": _waiting(backlog),
        "journal_bytes": backlog["bytes"],
        "redis_bytes": _redis(day),
        "growth": {
            axis: {value: median(told["cpu"]) for value, told in values.items()}
            for axis, values in carry["growth"]["axes"].items()
        },
        "redis_us": results.fleet.get("redis_us", {}),
        "fleets": results.fleet["fleets"],
    }
    rounded: dict[str, Any] = _rounded(found)
    return rounded


def _full_speed(results: Results) -> dict[str, float]:
    """µs of CPU a message: of a gateway to a service, to a stream, and of its Redis then."""
    service = median(results.carry["growth"]["axes"]["workers"]["1"]["cpu"])
    beside = [pair["wxgate"] for pair in results.peers["pairs"].values()]
    if not beside:
        return {"service": service}
    return {
        "service": service,
        "stream": median(median(one["cpu"]) for one in beside),
        "redis": median(median(one["valkey"]) for one in beside),
    }


def _costs(day: dict[str, Any]) -> dict[str, float]:
    """µs of CPU a message, the gateway's processes together."""
    messages = day["seen"]["counts"]["messages"]
    costs: dict[str, float] = {}
    for cost in day["costs"]:
        name = cost["name"].partition(",")[0].replace(" ", "_")
        costs[name] = costs.get(name, 0.0) + cost["cpu"] / messages * 1e6
    return costs


def _waiting(backlog: dict[str, Any]) -> float:
    """Memory of the worker that a waiting message takes, its claim included."""
    memory = {int(count): megabytes for count, megabytes in backlog["memory"].items()}
    first, last = min(memory), max(memory)
    return (memory[last] - memory[first]) * 1e6 / (last - first)


def _redis(day: dict[str, Any]) -> float | None:
    """Memory of the Redis a message at most: its claim, its limits, its place in the stream."""
    if "redis_peak_bytes" not in day:
        return None
    messages: int = day["seen"]["counts"]["messages"]
    grown: int = day["redis_peak_bytes"] - day["redis_idle_bytes"]
    return grown / messages


def _rounded(value: Any) -> Any:  # noqa: ANN401 (as JSON has it)
    match value:
        case dict():
            return {key: _rounded(one) for key, one in value.items()}
        case list():
            return [_rounded(one) for one in value]
        case float():
            return float(f"{value:.{_DIGITS}g}")
        case _:
            return value
