"""Profile the gateway's worker under a steady load: ``make bench-profile``.

perf says on which threads and in which libraries a message's CPU is spent, py-spy for what of our
own; clocks at each station say what it waits for at half of what goes through. Writes
``plots/flame.svg``, ``results.json`` and its part of ``RESULTS.md``; ``--show`` prints that part
and writes only the picture.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import kept
from flame.draw import draw
from flame.page import section
from flame.stacks import by_part, by_thread, folded
from flame.waits import waits
from servers.flavour import VALKEY_9
from servers.server import Server
from wxgate.bench import usage
from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from wxgate.bench.day.stand import Stand

_PICTURE = kept.ROOT / "benches/plots/flame.svg"
_WARM, _MEASURED, _PROFILED = 10_000, 50_000, 400_000
"""Messages; of the last ones as many as it takes."""
_SECONDS = "10"
_RAW, _SAMPLES = "py-spy.raw", "perf.data"
_CONNECTIONS = 32
_LOOK_S = 0.1


def main() -> None:
    """Read the arguments, profile, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    spy = Path(sys.executable).with_name("py-spy")
    for program in (spy, "perf", VALKEY_9.program or "valkey-server"):
        if shutil.which(program) is None:
            sys.exit(f"NO PROFILE WAS TAKEN: {program} is not here")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in ("gateway", "timed"):
            (folder / one).mkdir()
        with Server(VALKEY_9, folder) as server:
            cpu, pid = asyncio.run(_taken(str(spy), f"{server.url}/0", folder))
            waited = asyncio.run(waits(f"{server.url}/0", folder / "timed"))
        seen = kept.stamp() | {"connections": _CONNECTIONS, "cpu": cpu, "waits": waited}
        seen |= _read(folder / _RAW, folder / _SAMPLES, pid)
    if args.show:
        sys.stdout.write(section(seen))
        return
    kept.keep("profile", seen)
    kept.into(kept.PAGE, "profile", section(seen))
    sys.stderr.write("— plots/flame.svg, results.json and a part of benches/RESULTS.md written\n")


async def _taken(spy: str, url: str, folder: Path) -> tuple[float, int]:
    """Leave both profiles in the folder; the cost of a message, and the worker's process id."""
    async with standing(folder / "gateway", Setting(to="stream", redis=url), 0.0) as stand:
        cpu = await _cost(stand)
        pid = str(usage.worker(stand.gateway.pid))
        load = asyncio.create_task(stand.rush(_PROFILED, _CONNECTIONS))
        await _under_way(stand)
        # One after the other: py-spy stops the process for each look.
        await _run(
            *("perf", "record", "-q", "-e", "cpu-clock", "-F", "999", "-p", pid),
            *("-o", str(folder / _SAMPLES), "sleep", _SECONDS),
        )
        # Frames of C and Rust too.
        await _run(
            *(spy, "record", "--native", "-f", "raw", "-r", "100", "-d", _SECONDS),
            *("-o", str(folder / _RAW), "-p", pid),
        )
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    return cpu, int(pid)


def _read(raw: Path, samples: Path, pid: int) -> dict[str, Any]:
    """Group what both have seen, and draw it."""
    script = ("perf", "script", "-i", str(samples), "-F", "comm,tid,ip,sym,dso")
    told = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    stacks = folded(raw.read_text())
    draw(stacks, _PICTURE)
    return {"threads": by_thread(told, pid), "parts": by_part(stacks)}


async def _cost(stand: Stand) -> float:
    """µs of CPU a message, without anybody looking."""
    await stand.rush(_WARM, _CONNECTIONS)
    before = usage.cpu_seconds(stand.gateway.pid)
    seen = (await stand.rush(_MEASURED, _CONNECTIONS)).seen
    return (usage.cpu_seconds(stand.gateway.pid) - before) / seen.counts.messages * 1e6


async def _under_way(stand: Stand) -> None:
    """Wait until messages arrive: the player makes some of them up beforehand."""
    before = await stand.taken()
    while await stand.taken() == before:  # noqa: ASYNC110 (another process, without an event)
        await asyncio.sleep(_LOOK_S)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{said.decode()}")


if __name__ == "__main__":
    main()
