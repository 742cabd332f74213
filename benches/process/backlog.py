"""A destination that is dead for long, then back: memory while messages pile up, and the drain."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import (
    HERE,
    PATH,
    Server,
    acknowledged,
    delivered,
    receiver_at,
    started,
    taken,
)
from wxgate.bench import usage
from wxgate.sim.demo.process import free_port

_CHUNK = 20_000


def run(messages: int) -> dict[str, object]:
    """Pile up ``messages``, start again, let the destination come back."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        server = Server("backlog", to=f"http://127.0.0.1:{port}/")
        memory, cpu, rate = _pile_up(server, folder, messages)
        begun = time.perf_counter()
        with started(server, folder / "gateway") as (pid, listen, _):
            acknowledged(listen, messages + 1)
            on_disk = sum(one.stat().st_blocks for one in (folder / "gateway").rglob("*.*")) * 512
            start = (time.perf_counter() - begun) * 1e3
            again = usage.memory(usage.worker(pid)).rss
        with (
            receiver_at(port, folder),
            started(server, folder / "gateway") as (pid, listen, admin),
        ):
            acknowledged(listen, messages + 2)
            begun = time.perf_counter()
            before = taken(port)
            delivered(admin, messages + 2, within=600.0)
            drained = (messages + 2 - before) / (time.perf_counter() - begun)
            assert taken(port) == messages + 2, "delivered is what arrived, each once"
            after = usage.memory(usage.worker(pid)).rss
    return {
        "messages": messages,
        "memory": memory,
        "cpu": cpu,
        "bytes": on_disk / messages,
        "memory after a start": again,
        "memory after the drain": after,
        "start": start,
        "in": rate,
        "out": drained,
    }


def _pile_up(
    server: Server, folder: Path, messages: int
) -> tuple[dict[int, float], dict[int, float], float]:
    """MB, and µs of CPU a message, by how many wait; and the messages a second."""
    memory, cpu = {}, {}
    with started(server, folder / "gateway") as (pid, port, _):
        acknowledged(port, 1)
        memory[1] = usage.memory(usage.worker(pid)).rss
        seconds = 0.0
        for first in range(2, messages + 1, _CHUNK):
            count = min(_CHUNK, messages + 1 - first)
            before = usage.cpu_seconds(pid)
            seconds += _send(port, first, count)
            cpu[first + count - 1] = (usage.cpu_seconds(pid) - before) / count * 1e6
            memory[first + count - 1] = usage.memory(usage.worker(pid)).rss
    return memory, cpu, (messages - 1) / seconds


def _send(port: int, first: int, count: int) -> float:
    """Have messages acknowledged; the seconds it took."""
    job = {
        "port": port,
        "path": PATH,
        "size": "325 B",
        "first": first,
        "messages": count,
        "connections": 32,
    }
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
        print("go", file=process.stdin, flush=True)
        result: dict[str, float] = json.loads(process.stdout.readline())
    return result["seconds"]
