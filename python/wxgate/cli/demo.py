"""Show messages going in encrypted and coming out readable, all on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.sim.demo.process import NotServingError
from wxgate.sim.demo.show import Show

if TYPE_CHECKING:
    import argparse

    from wxgate.cli import options

_SECONDS = 8.0


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("demo", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, metavar="N", help=f"default: {_SECONDS:.0f}"
    )
    parser.add_argument("--json", action="store_true", help="print only the summary, as JSON")


def run(args: argparse.Namespace) -> int:
    """Play; return 0 if the numbers add up, 1 if not."""
    show = Show(_silence if args.json else _tell)
    try:
        with tempfile.TemporaryDirectory(prefix="wxgate-demo-") as folder:
            lasted = asyncio.run(_run(show, Path(folder), args.seconds))
        _conclude(show, lasted, as_json=args.json)
    except (KeyboardInterrupt, asyncio.CancelledError):
        _tell("stopped")
        return 1
    except NotServingError as error:
        sys.stderr.write(f"the gateway did not start:\n{error}\n")
        return 1
    return int(bool(show.tally.faults()))


async def _run(show: Show, folder: Path, seconds: float) -> float:
    """Run it so that SIGTERM, like Ctrl-C, leaves neither a process nor a file behind.

    SIGINT explicitly too: a shell starts what runs in its background with SIGINT ignored.
    """
    task = asyncio.current_task()
    if task is not None:
        for stop in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    return await show.run(folder, seconds)


def _conclude(show: Show, lasted: float, *, as_json: bool) -> None:
    if as_json:
        _tell(json.dumps(show.tally.report(lasted), indent=1))
        return
    _tell("")
    for line in show.tally.lines(lasted):
        _tell(line)


def _tell(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # As after `| head`: nobody reads on. Write into nothing, and stop as by Ctrl-C.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGINT)


def _silence(_: str) -> None:
    """Say nothing."""
