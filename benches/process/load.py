"""CPU time of one message, and memory, under a closed loop; servers take turns."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from servers import HERE, PATH, acknowledged, delivered, receiver, servers, started, taken
from wxgate.bench import usage

CONNECTIONS = 32
_SIZE = "325 B"


@dataclass(slots=True)
class _Row:
    """A running server and what was seen of it."""

    pid: int
    port: int
    admin: int
    to: str | None
    sent: int = 1
    microseconds: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    """The same of retries: known, so that they are neither recorded nor delivered."""
    rates: list[float] = field(default_factory=list)
    memory: dict[str, object] = field(default_factory=dict)


def run(rounds: int, messages: int) -> dict[str, object]:
    """``messages`` to each server first, then in each of ``rounds``."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(receiver(folder))
        rows = {}
        for at, server in enumerate(servers(upstream)):
            pid, port, admin = stack.enter_context(started(server, folder / str(at)))
            acknowledged(port, 1)
            rows[server.name] = _Row(pid, port, admin, server.to)
        _remember(rows, "start")
        for row in rows.values():
            _send(row, messages, upstream)
        _remember(rows, f"{messages} messages")
        for turn in range(rounds):
            # Each server is first as often as another: whatever drifts, drifts for all.
            order = list(rows.values())
            for row in order[turn % len(order) :] + order[: turn % len(order)]:
                cpu, seconds = _send(row, messages, upstream)
                row.microseconds.append(cpu / messages * 1e6)
                row.rates.append(messages / seconds)
                if row.to is not None:
                    cpu, _ = _send(row, messages, upstream, again=True)
                    row.again.append(cpu / messages * 1e6)
        _remember(rows, f"{messages * (rounds + 1)} messages")
    return {
        "messages": messages,
        "connections": CONNECTIONS,
        "servers": {
            name: {
                "cpu": row.microseconds,
                "again": row.again,
                "rate": row.rates,
                "memory": row.memory,
            }
            for name, row in rows.items()
        },
    }


def _send(row: _Row, messages: int, upstream: int, *, again: bool = False) -> tuple[float, float]:
    """CPU seconds of the server, and seconds on the clock; ``again``: of the last once more."""
    new = 0 if again else messages
    job = {
        "port": row.port,
        "path": PATH,
        "size": _SIZE,
        "first": row.sent + 1 - (messages - new),
        "messages": messages,
        "connections": CONNECTIONS,
    }
    before_taken = taken(upstream)
    with subprocess.Popen(
        [sys.executable, str(HERE / "client.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        print(json.dumps(job), file=process.stdin, flush=True)
        assert process.stdout.readline() == "ready\n"
        before = usage.cpu_seconds(row.pid)
        print("go", file=process.stdin, flush=True)
        result = process.stdout.readline()
        if row.to is not None:
            # What is acknowledged is on disk; its delivery belongs to its cost.
            delivered(row.admin, row.sent + new)
        cpu = usage.cpu_seconds(row.pid) - before
    assert result, "the client failed: see its message above"
    row.sent += new
    if row.to is not None and row.to.startswith("http"):
        assert taken(upstream) == before_taken + new, "acknowledged but not delivered"
    return cpu, json.loads(result)["seconds"]


def _remember(rows: dict[str, _Row], when: str) -> None:
    for row in rows.values():
        workers = asdict(usage.memory(usage.worker(row.pid)))
        everything = sum(usage.memory(pid).pss for pid in usage.family(row.pid))
        row.memory[when] = {**workers, "all processes": everything}
