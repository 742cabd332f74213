"""Write a first wxgate.toml, which works as it is and mentions every setting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.cli.options import CONFIG
from wxgate.settings.template import template

if TYPE_CHECKING:
    import argparse

    from wxgate.cli.options import Commands


def add(commands: Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("init", description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=CONFIG, metavar="PATH")


def run(args: argparse.Namespace) -> int:
    """Write the file, unless something is there already."""
    try:
        with args.path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        return _refuse(f"{args.path} is there already and stays as it is")
    except OSError as error:
        return _refuse(f"{args.path} cannot be written: {error.strerror}")
    sys.stdout.write(f"{args.path} written; fill it in, then: wxgate check --config {args.path}\n")
    return 0


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2
