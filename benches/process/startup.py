"""From the start of a process to its first acknowledged message, and where that time goes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from servers import Server, acknowledged, delivered, receiver, servers, started, taken

_IMPORT = re.compile(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)
_LARGEST = 10


def run(starts: int) -> dict[str, object]:
    """Start each server ``starts`` times, in turns; milliseconds of each."""
    with tempfile.TemporaryDirectory() as name, receiver(Path(name)) as upstream:
        folder = Path(name)
        contenders = [one for one in servers(upstream) if "Python handler" not in one.name]
        times: dict[str, list[float]] = {one.name: [] for one in contenders}
        bare = []
        for turn in range(-1, starts):  # the first turn fills caches and is thrown away
            bare_now = _bare()
            for one in contenders:
                milliseconds = _start(one, folder, upstream, turn + 2)
                if turn >= 0:
                    times[one.name].append(milliseconds)
            if turn >= 0:
                bare.append(bare_now)
        imports = _imports(contenders[1], folder)
    return {"starts": times, "bare interpreter": bare, "imports": imports}


def _start(server: Server, folder: Path, upstream: int, number: int) -> float:
    before = taken(upstream)
    begun = time.perf_counter()
    # A folder for each server: they would take each other's messages for repetitions.
    with started(server, folder / server.name.replace("/", "")) as (_, port, admin):
        acknowledged(port, number)
        milliseconds = (time.perf_counter() - begun) * 1e3
        if server.to is not None:
            delivered(admin, 1)
    if server.to is not None and server.to.startswith("http"):
        assert taken(upstream) == before + 1
    return milliseconds


def _bare() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True)
    return (time.perf_counter() - begun) * 1e3


def _imports(server: Server, folder: Path) -> dict[str, float]:
    """Milliseconds that the largest packages cost in parent and worker; measuring doubles them."""
    os.environ["PYTHONPROFILEIMPORTTIME"] = "1"
    try:
        with started(server, folder) as (_, port, _):
            acknowledged(port, 1)
    finally:
        del os.environ["PYTHONPROFILEIMPORTTIME"]
    costs: Counter[str] = Counter()
    for microseconds, name in _IMPORT.findall((folder / "output.txt").read_text()):
        costs[name.partition(".")[0]] += int(microseconds)
    largest = {name: cost / 1e3 for name, cost in costs.most_common(_LARGEST)}
    return {"all": costs.total() / 1e3, **largest}
