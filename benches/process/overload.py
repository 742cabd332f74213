"""More than a gateway can take: what is acknowledged, what is refused, and how soon.

The gateway has one processor to itself, whoever floods it and whoever takes its deliveries have
another. Its capacity is the highest rate at which it acknowledges everything and delivers as much.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from servers import HERE, PATH, Server, acknowledged, receiver, started
from wxgate.bench import usage

CONNECTIONS = 512
TIMES = (1.0, 2.0, 3.0, 10.0)
_SETTLE = 0.25
"""Of each flood, until it counts: the level is found meanwhile."""
_TAKEN = 200
_STEPS = 0.85
_WELL = 0.995


class _Row(NamedTuple):
    """What became of a message; times in seconds."""

    kind: str
    status: int
    due: float
    late: float
    """Of the one who sends, not of the gateway."""
    took: float


class _Target(NamedTuple):
    """Where messages go, and a rate (1/s) that is too much for it."""

    name: str
    to: str
    too_much: float


def run(seconds: float, times: tuple[float, ...] = TIMES) -> dict[str, object]:
    """Find the capacity of each target, and then send so many times that."""
    spare = _pinned()
    seen = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(receiver(folder))
        for at, target in enumerate(
            (
                _Target("to an HTTP service", f"http://127.0.0.1:{upstream}/", 7000.0),
                _Target("to a Python handler of 1 ms", "python:handler:work", 1200.0),
            )
        ):
            server = Server(target.name, to=target.to)
            pid, port, _ = stack.enter_context(started(server, folder / str(at)))
            acknowledged(port, 1)
            for one in usage.family(pid):
                _pin(one, spare)
            seen[target.name] = _measured(port, target.too_much, seconds, times)
    return seen


def _measured(
    port: int, too_much: float, seconds: float, times: tuple[float, ...]
) -> dict[str, object]:
    numbers = count(2, int(too_much * max(times) * seconds) + 1)
    rate = too_much
    while rate > 1 and _taken(_flood(port, next(numbers), rate, seconds)) < _WELL:
        rate *= _STEPS
    floods = []
    for factor in times:
        rows = _flood(port, next(numbers), rate * factor, seconds)
        floods.append({"times": factor, **_summary(rows, rate, seconds)})
    return {"capacity": rate, "floods": floods}


def _taken(rows: list[_Row]) -> float:
    settled = rows[int(len(rows) * _SETTLE) :]
    return sum(row.status == _TAKEN for row in settled) / max(1, len(settled))


def _flood(port: int, first: int, rate: float, seconds: float) -> list[_Row]:
    job = {
        "port": port,
        "path": PATH,
        "first": first,
        "messages": max(1, int(rate * seconds)),
        "rate": rate,
        "connections": CONNECTIONS,
    }
    with subprocess.Popen(  # noqa: S603
        [sys.executable, str(HERE / "flood.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        print(json.dumps(job), file=process.stdin, flush=True)
        assert process.stdout.readline() == "ready\n"
        print("go", file=process.stdin, flush=True)
        seen = process.stdout.readline()
    assert seen, "the flood failed: see its message above"
    return [_Row(*row) for row in json.loads(seen)]


def _summary(rows: list[_Row], capacity: float, seconds: float) -> dict[str, Any]:
    settled = [row for row in rows if row.due >= seconds * _SETTLE]
    taken = [row for row in settled if row.status == _TAKEN]
    sent, through = Counter(row.kind for row in settled), Counter(row.kind for row in taken)
    # Until the last answer: a flood that takes longer to work off was not borne.
    span = max(row.due + row.late + row.took for row in settled) - seconds * _SETTLE
    return {
        "goodput": len(taken) / span / capacity,
        "classes": {kind: through[kind] / sent[kind] for kind in sent},
        "taken": _percentiles([row.took for row in taken]),
        "refused": _percentiles([row.took for row in settled if row.status != _TAKEN]),
        "late": _percentiles([row.late for row in settled]),
    }


def _percentiles(seconds: list[float]) -> list[float]:
    """The median and the 99th, in milliseconds; nothing of nothing."""
    ordered = sorted(seconds)
    return [ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99)] if ordered else []


def _pinned() -> set[int]:
    """Leave one processor, if there are several, to the gateway; return it."""
    all_of_them = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(all_of_them[1:]) or set(all_of_them))
    return {all_of_them[0]}


def _pin(pid: int, processors: set[int]) -> None:
    """Have all threads of a process run there."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), processors)
