"""`wxgate serve`: run the gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.cli import options
from wxgate.settings import core_problems, load

if TYPE_CHECKING:
    import argparse


def add(commands: options.Commands) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser("serve", help="run the gateway")
    options.config(parser)
    parser.add_argument(
        "--app", metavar="MODULE:NAME", help="a Gateway of your own, with its handlers"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal."""
    settings = load(args.config)
    if problems := core_problems(settings):
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    # Functions that routes and --app name are the team's own, beside the configuration.
    sys.path.insert(0, str(Path.cwd()))
    from wxgate.serve import serve  # noqa: PLC0415 (granian: after the configuration was found sound)

    return serve(settings, args.app)
