"""More than a gateway can take: what is acknowledged, what is refused, and how soon.

The gateway has one processor to itself; the player of ``crates/wxload`` and whoever takes its
deliveries have another. The loop is open: a message has its time, whatever became of others, and
its latency runs from then. Capacity is what is acknowledged for as long as a flood lasts, at the
rate of a ramp at which most was.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from servers import PATH, Server, acknowledged, delivered_by, receiver, started
from wechat import AES_KEY, APPID, TOKEN
from wxgate.bench import usage
from wxgate.bench.parts import Part, Played
from wxgate.bench.plan import Leg, Run, play

CONNECTIONS = 512
TIMES = (1.0, 2.0, 3.0)
_CLASSES = {
    # Of a hundred messages; the names are those of wxgate's classes.
    "pay": (("virtual_payment", 6.0),),
    "refund": (("virtual_refund", 2.0),),
    "authorisation": (("revocation", 2.0),),
    "user": (("text", 75.0),),
    "passing": (("location", 10.0), ("view", 5.0)),
}
_STEP = 1.2
_STEPS = 10
"""Of a ramp; it starts at a fifth of its last step."""
_SETTLE = 0.4
"""Of each flood's length, before it counts: the level is found meanwhile."""


class _Target(NamedTuple):
    """Where messages go, and a rate (1/s) that is too much for it."""

    name: str
    to: str
    too_much: float
    more: str = ""
    apart: bool = False
    """Whether granian's threads may use the player's processor."""


class _Gateway(NamedTuple):
    """One that runs."""

    pid: int
    port: int
    admin: int


def run(seconds: float, times: tuple[float, ...] = TIMES) -> dict[str, object]:
    """Find the capacity of each target, then send so many times that, for ``seconds`` each."""
    spare = _pinned()
    seen = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(receiver(folder))
        for at, target in enumerate(_targets(upstream)):
            server = Server(target.name, to=target.to, more=target.more)
            with started(server, folder / str(at)) as served:
                gateway = _Gateway(*served)
                acknowledged(gateway.port, 1)
                for one in usage.family(gateway.pid):
                    _pin(one, spare, apart=target.apart)
                seen[target.name] = _measured(gateway, target.too_much, seconds, times)
    return seen


def _targets(upstream: int) -> tuple[_Target, ...]:
    service = f"http://127.0.0.1:{upstream}/"
    handler = _Target(
        "answered by a Python handler of 1 ms", "python:handler:work", 1200.0, 'reply = "wait"\n'
    )
    return (
        handler,
        _Target("to an HTTP service", service, 20_000.0),
        _Target("to an HTTP service, granian's threads apart", service, 20_000.0, apart=True),
    )


def _measured(
    gateway: _Gateway, too_much: float, seconds: float, times: tuple[float, ...]
) -> dict[str, object]:
    """Its capacity is what it carries for a while, at the rate of which it took most at once."""
    capacity = _capacity(gateway, too_much, seconds)
    capacity *= _flood(gateway, 1.0, capacity, seconds)["goodput"]
    floods = [_flood(gateway, factor, capacity, seconds) for factor in times]
    return {"capacity": capacity, "floods": floods}


def _capacity(gateway: _Gateway, too_much: float, seconds: float) -> float:
    """The most that is acknowledged in a second, at whatever rate of a ramp."""
    legs = [Leg(seconds / 4, too_much / _STEP**step) for step in reversed(range(_STEPS))]
    seen = _play(gateway, legs)
    return max(leg.latency.count / leg.seconds for leg in seen.legs if leg.latency)


def _flood(gateway: _Gateway, factor: float, capacity: float, seconds: float) -> dict[str, Any]:
    before = delivered_by(gateway.admin)
    rate = capacity * factor
    cpu = usage.cpu_seconds(gateway.pid)
    seen = _play(gateway, [Leg(seconds * _SETTLE, rate), Leg(seconds, rate)])
    cpu = usage.cpu_seconds(gateway.pid) - cpu
    counts = seen.counts
    delivered = delivered_by(gateway.admin) - before
    leg = seen.legs[1]
    taken = leg.latency.count if leg.latency else 0
    return {
        "times": factor,
        "goodput": taken / seconds / capacity,
        "delivered": delivered / max(1, counts.acknowledged),
        "classes": _classes(leg.parts),
        "taken": _percentiles(leg.latency),
        "refused": _percentiles(leg.refusals),
        "broken": counts.broken + counts.unanswered,
        "slip": seen.slip.share,
        "cpu": cpu / seen.seconds,
        "player": seen.cpu / seen.seconds,
    }


def _classes(parts: list[Any]) -> dict[str, float]:
    """What part of each class got through."""
    counted = iter(parts)
    shares = {}
    for name, kinds in _CLASSES.items():
        of = [next(counted) for _ in kinds]
        sent = sum(part.messages for part in of)
        shares[name] = sum(part.acknowledged for part in of) / max(1, sent)
    return shares


def _percentiles(latency: Any) -> list[float]:  # noqa: ANN401 (a Latency or None)
    """The median, the 90th and the 99th, in milliseconds; nothing of nothing."""
    return [latency.p50, latency.p90, latency.p99] if latency else []


def _play(gateway: _Gateway, legs: list[Leg]) -> Any:  # noqa: ANN401 (a Seen)
    account = Played(
        name=PATH.rpartition("/")[2],
        style="official_xml",
        receiver=APPID,
        token=TOKEN,
        aes_key=AES_KEY,
    )
    kinds = [part for parts in _CLASSES.values() for part in parts]
    return play(
        Run(
            address=f"127.0.0.1:{gateway.port}",
            accounts=[account],
            mix=[Part(account.name, what, share) for what, share in kinds],
            legs=legs,
            connections=CONNECTIONS,
            # What is refused is not sent again: the load is as many times the capacity as it says.
            tries=1,
            skew=0.0,
            epoch=int(time.time()),
        )
    )


def _pinned() -> set[int]:
    """Leave one processor, if there are several, to the gateway; return it."""
    all_of_them = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(all_of_them[1:]) or set(all_of_them))
    return {all_of_them[0]}


def _pin(pid: int, processors: set[int], *, apart: bool) -> None:
    """Have all threads of a process run there; ``apart``: only the first, which runs the loop."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        if not apart or thread.name == str(pid):
            os.sched_setaffinity(int(thread.name), processors)
        else:
            os.sched_setaffinity(int(thread.name), range(os.cpu_count() or 1))


if __name__ == "__main__":
    sys.stdout.write(f"{run(float(sys.argv[1]) if sys.argv[1:] else 4.0)}\n")
