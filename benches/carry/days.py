"""Short days by the command: all hours alike to a service and to a stream, and as days go."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from wxgate.bench.day.curve import HOLIDAY, PEAK

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server

BUSIEST = 0.8
"""Of what is carried: the rate of a day's busiest hour, as the command chooses it."""


def run(messages: int, carried: dict[str, float], stretch: float, tail: int) -> dict[str, Any]:
    """The books of all days, as the command prints them; why one was not played.

    ``carried`` are the highest rates: days whose hours are alike have half of them, the others
    their busiest hour at four fifths. ``tail`` messages at least are played at each rate of a day
    as it comes.
    """
    words = ("--messages", str(messages))
    comes = ("--stretch", str(stretch), *(("--tail", str(tail)) if tail else ()), "--even")
    at_rest = ("--stretch", "0")
    days = {"service": _day(*words, *comes, "--rate", str(carried["service"] / 2))}
    if VALKEY_9.program is None:
        return days | {"absent": VALKEY_9.otherwise}
    most = carried["stream"]
    with tempfile.TemporaryDirectory() as folder, Server(VALKEY_9, Path(folder)) as server:
        used = _used(server)
        to = (*words, "--to", "stream", "--redis", f"{server.url}/0")
        days["stream"] = _day(*to, *comes, "--rate", str(most / 2))
        days["stream"]["redis_peak_bytes"] = int(server.say("INFO", "memory")["used_memory_peak"])
        days["stream"]["redis_idle_bytes"] = used
        busiest = most * BUSIEST
        days["curve"] = _day(*to, *at_rest, "--rate", str(busiest / PEAK))
        days["holiday"] = _day(*to, *at_rest, "--holiday", "--rate", str(busiest / HOLIDAY))
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
