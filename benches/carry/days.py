"""Short days, all hours alike, by the command: to a service, and to a stream in Redis."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server


def run(messages: int, rates: dict[str, float], stretch: float, tail: int) -> dict[str, Any]:
    """The books of both days, as the command prints them; why one was not played.

    ``rates`` are those of the days; ``tail`` messages at least are played at each rate of a day as
    it comes.
    """
    words = ("--messages", str(messages), "--stretch", str(stretch), "--even")
    words += ("--tail", str(tail)) if tail else ()
    days = {"service": _day(*words, "--rate", str(rates["service"]))}
    if VALKEY_9.program is None:
        return days | {"absent": VALKEY_9.otherwise}
    with tempfile.TemporaryDirectory() as folder, Server(VALKEY_9, Path(folder)) as server:
        used = _used(server)
        to = ("--to", "stream", "--redis", f"{server.url}/0")
        days["stream"] = _day(*words, "--rate", str(rates["stream"]), *to)
        days["stream"]["redis_peak_bytes"] = int(server.say("INFO", "memory")["used_memory_peak"])
        days["stream"]["redis_idle_bytes"] = used
    return days


def _used(server: Server) -> int:
    return int(server.say("INFO", "memory")["used_memory"])


def _day(*words: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "wxgate.cli", "bench", "day", "--json", *words)
    # A player that was late makes the command fail; the page shows by how much it was.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(done.stderr)
    books: dict[str, Any] = json.loads(done.stdout)
    counts = books["seen"]["counts"]
    assert counts["messages"] == counts["acknowledged"] == books["ids"] == books["arrived"], books
    return books
