"""Find out what a machine carries: WeChat's part at a given rate, or a whole day of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.cli.bench import day, load

if TYPE_CHECKING:
    import argparse

    from wxgate.cli import options


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("bench", description=__doc__)
    kinds = parser.add_subparsers(metavar="load|day", required=True, dest="bench")
    load.add(kinds)
    day.add(kinds)


def run(args: argparse.Namespace) -> int:
    """Play; return 0 if all went well, 1 if not, 2 for usage."""
    return day.run(args) if args.bench == "day" else load.run(args)
