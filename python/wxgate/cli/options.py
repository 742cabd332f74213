"""Options that several commands share, so that they read alike."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    # What `add_subparsers` returns has no public name.
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

CONFIG = Path("wxgate.toml")


def config(parser: argparse.ArgumentParser) -> None:
    """Let the operator say which configuration file is meant: `args.config`."""
    parser.add_argument(
        "--config", type=Path, default=CONFIG, metavar="PATH", help=f"default: {CONFIG}"
    )


def as_json(parser: argparse.ArgumentParser) -> None:
    """Offer output for programs: `args.json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def player_first(parser: argparse.ArgumentParser) -> None:
    """Let the player keep its times where others want the processors too: `args.player_first`."""
    parser.add_argument(
        "--player-first",
        action="store_true",
        help="before all others of this machine, by SCHED_FIFO, so that it is on time; needs root",
    )


def count(text: str) -> int:
    """Read a number above 0. Raise `argparse.ArgumentTypeError` for anything else."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        reason = f'expected how many, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return int(text)


def above_zero(text: str) -> float:
    """Read seconds, or a rate. Raise `argparse.ArgumentTypeError` for what is not above 0."""
    if (value := from_zero(text)) == 0:
        reason = f'expected a number above 0, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return value


def from_zero(text: str) -> float:
    """Read seconds, 0 among them. Raise `argparse.ArgumentTypeError` for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        reason = f'expected a number from 0 on, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return value
