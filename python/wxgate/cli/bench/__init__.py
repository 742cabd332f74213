"""Find out what a machine carries: WeChat's part at a given rate, a whole day of it, or fleets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.cli.bench import day, fleet, load

if TYPE_CHECKING:
    import argparse

    from wxgate.cli import options


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("bench", description=__doc__)
    kinds = parser.add_subparsers(metavar="load|day|fleet", required=True, dest="bench")
    load.add(kinds)
    day.add(kinds)
    fleet.add(kinds)


def run(args: argparse.Namespace) -> int:
    """Play; return 0 if all went well, 1 if not, 2 for usage."""
    runs = {"load": load.run, "day": day.run, "fleet": fleet.run}
    return runs[args.bench](args)
