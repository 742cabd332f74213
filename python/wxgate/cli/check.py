"""Say everything that is wrong with a configuration, and what to do about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from wxgate.cli.options import as_json, config
from wxgate.errors import ConfigError, UnreadableConfigError
from wxgate.settings import core_problems, load, warnings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wxgate.cli.options import Commands
    from wxgate.settings import Problem


def add(commands: Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("check", description=__doc__)
    config(parser)
    as_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was found; return 0 if wxgate would start, 1 if not, 2 for no file to read."""
    code, problems, advice = _examine(args.config)
    if args.json:
        found = {"ok": code == 0, "problems": problems, "warnings": advice}
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(args.config, problems, advice))
    return code


def _examine(path: Path) -> tuple[int, Sequence[Problem], Sequence[Problem]]:
    try:
        settings = load(path)
    except ConfigError as error:
        return 2 if isinstance(error, UnreadableConfigError) else 1, error.problems, ()
    problems = core_problems(settings)
    return 1 if problems else 0, problems, warnings(settings)


def _lines(path: Path, problems: Sequence[Problem], advice: Sequence[Problem]) -> Iterator[str]:
    yield from (f"error: {problem}" for problem in problems)
    yield from (f"warning: {problem}" for problem in advice)
    yield f"{path}: {len(problems)} errors, {len(advice)} warnings"
