"""Say everything that is wrong with a configuration, and with the Redis that it names."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import msgspec

from wxgate.cli.options import as_json, config
from wxgate.errors import ConfigError, UnreadableConfigError
from wxgate.settings import Problem, core_problems, load, warnings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wxgate.cli.options import Commands
    from wxgate.doctor import Finding


def add(commands: Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("check", description=__doc__)
    config(parser)
    as_json(parser)
    parser.add_argument("--offline", action="store_true", help="read the file; connect to nothing")


def run(args: argparse.Namespace) -> int:
    """Print what was found; return 0 if nothing is wrong, 1 if so, 2 for no file to read."""
    code, problems, advice = _examine(args.config, offline=args.offline)
    if args.json:
        found = {"ok": code == 0, "problems": problems, "warnings": advice}
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(args.config, problems, advice))
    return code


def _examine(path: Path, *, offline: bool) -> tuple[int, Sequence[Problem], Sequence[Problem]]:
    try:
        settings = load(path)
    except ConfigError as error:
        return 2 if isinstance(error, UnreadableConfigError) else 1, error.problems, ()
    problems, advice = core_problems(settings), warnings(settings)
    # A stream without a table is where claims are.
    if not offline and (settings.state.redis or settings.stream):
        from wxgate.doctor.redis import redis  # noqa: PLC0415 (nobody else pays for it)

        findings = asyncio.run(redis(settings))
        problems += [_problem(one) for one in findings if one.verdict == "fail"]
        advice += [_problem(one) for one in findings if one.verdict == "warn"]
    return 1 if problems else 0, problems, advice


def _problem(finding: Finding) -> Problem:
    return Problem(
        finding.setting, f"{finding.subject}: {finding.found}", f"expected {finding.expected}"
    )


def _lines(path: Path, problems: Sequence[Problem], advice: Sequence[Problem]) -> Iterator[str]:
    yield from (f"error: {problem}" for problem in problems)
    yield from (f"warning: {problem}" for problem in advice)
    yield f"{path}: {len(problems)} errors, {len(advice)} warnings"
