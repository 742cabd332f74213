"""Play a whole day of twenty million messages, and write what came of it: ``make bench-day``.

The day is that of ``wxgate bench day --even --to stream``. One with fewer messages is a rehearsal:
its part of the page is printed, and nothing is written. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import kept
from day.page import WHOLE, line, section
from servers.flavour import VALKEY_9, with_jemalloc
from servers.server import Server
from wxgate.bench.punctual import why_not

_NEEDED = 8 * 10**9
"""Bytes on the disk. Segments go as they are delivered: it is for a far end that lags behind."""
_CONNECTIONS = 96
"""What decision 28 found best: more is under way, and less than overload control allows."""


def main() -> None:
    """Read the arguments, play, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=WHOLE)
    parser.add_argument("--rate", type=float, help="a second; default: what the machine carries")
    parser.add_argument("--connections", type=int, default=_CONNECTIONS)
    args = parser.parse_args()
    if VALKEY_9.program is None:
        sys.exit(f"a day to a stream needs a Valkey: {VALKEY_9.otherwise}")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < _NEEDED:
        sys.exit(
            f"{tempfile.gettempdir()} has {free / 1e9:.0f} GB free, {_NEEDED / 1e9:.0f} needed"
        )
    about = kept.stamp()
    seen = about | _played(args)
    if args.messages < WHOLE:
        sys.stdout.write(section(seen))
        return
    kept.keep("day", seen)
    kept.into(kept.PAGE, "day", section(seen))
    kept.into(kept.ROOT / "README.md", "day", line(seen))
    kept.into(kept.ROOT / "README.zh-CN.md", "day", line(seen, chinese=True))
    said = "— benches/results.json, its part of benches/RESULTS.md and of both READMEs written\n"
    sys.stderr.write(said)


def _played(args: argparse.Namespace) -> dict[str, Any]:
    words = ["--messages", str(args.messages), "--stretch", "0"]
    refused = why_not()
    if refused is None:
        words.append("--player-first")
    else:
        sys.stderr.write(f"— {refused}: it may be late\n")
    for name in ("rate", "connections"):
        if (value := getattr(args, name)) is not None:
            words += [f"--{name}", str(value)]
    # For all that it starts, as docs/deployment.md advises where a Redis shares the machine.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    valkey = with_jemalloc(VALKEY_9)
    allocator = "the C library's allocator" if valkey.preload is None else "jemalloc"
    with tempfile.TemporaryDirectory() as folder, Server(valkey, Path(folder)) as server:
        books = _books(*words, "--redis", f"{server.url}/0")
        peak = int(server.say("INFO", "memory")["used_memory_peak"])
    return summary(books) | {
        "first": refused is None,
        "redis_peak_mb": peak / 1e6,
        "valkey": f"{valkey.version} ({allocator})",
    }


def _books(*words: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "wxgate.cli", "bench", "day", "--json", "--even")
    # Its progress goes to the terminal. A player that was late makes it fail; the page tells that.
    done = subprocess.run(
        [*command, "--to", "stream", *words], stdout=subprocess.PIPE, text=True, check=False
    )
    if not done.stdout:
        sys.exit("the day was not played")
    books: dict[str, Any] = json.loads(done.stdout)
    return books


def summary(books: dict[str, Any]) -> dict[str, Any]:
    """Take out what the page shows."""
    seen = books["seen"]
    return {
        "cores": os.cpu_count(),
        "workers": sum("worker" in cost["name"] for cost in books["costs"]),
        "rate": books["mean"],
        "seconds": seen["seconds"] + books["drained"],
        "counts": seen["counts"],
        "delivered": books["ids"],
        "arrived": books["arrived"],
        "recognised": books["repeated"],
        "latency": seen["latency"],
        "late": seen["slip"]["share"],
        "ahead": seen["ahead"],
        "costs": books["costs"],
        "worker_mb": _worker(books),
        "sizes": books["sizes"],
    }


def _worker(books: dict[str, Any]) -> dict[str, float]:
    """MB of the first worker by messages: after a million, if there were any, and at the end."""
    name = "gateway, worker 1"
    first = next((one for one in books["sizes"] if one["messages"] >= 10**6), None)
    found = {} if first is None else {str(first["messages"]): first["mb"][name]}
    end = next(cost["rss"] for cost in books["costs"] if cost["name"] == name)
    return found | {str(books["seen"]["counts"]["messages"]): end}


if __name__ == "__main__":
    main()
