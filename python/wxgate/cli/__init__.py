"""The command line. Each command is a module here, imported only when it is called.

A command has `add(commands)`, which describes its arguments, and `run(args)`, which returns 0
for done, 1 for a problem found, or 2 for wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from wxgate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "init": "write a first wxgate.toml",
    "check": "say everything that is wrong with a configuration",
    "serve": "run the gateway",
    "journal": "list what came, show one message, look for damage",
    "dlq": "see to dead letters: list, show, replay, drop",
    "replay": "deliver again what the journal still keeps",
    "work": "handle what a stream holds",
    "stream": "see to a stream: how it stands, its dead letters, its groups",
    "route": "say where a message goes and why",
    "doctor": "look for what keeps WeChat's calls from arriving",
    "send": "play WeChat once against a running gateway",
    "bench": "find out what a gateway carries",
    "demo": "show messages going in encrypted and coming out readable",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names and return the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if not words or words[0] not in COMMANDS:
        overview = _overview()
        overview.parse_args(words)
        overview.error("the command comes first")
    command = import_module(f"{__name__}.{words[0]}")
    commands = argparse.ArgumentParser(prog="wxgate").add_subparsers()
    command.add(commands)
    args = commands.choices[words[0]].parse_args(words[1:])
    try:
        code = int(command.run(args))
        sys.stdout.flush()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except BrokenPipeError:
        # As in `wxgate journal ls | head`. What is still to be written goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
        return 1
    return code


def _overview() -> argparse.ArgumentParser:
    """Return a parser that knows the names of the commands and nothing else of them."""
    from importlib.metadata import version  # noqa: PLC0415 (no command needs it)

    parser = argparse.ArgumentParser(prog="wxgate", description="The gateway for WeChat's calls.")
    parser.add_argument(
        "--version", action="version", version=f"wxgate {version('wxgate')}", help="print it"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        commands.add_parser(name, help=line)
    return parser
