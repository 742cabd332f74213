"""What the benchmarks say: progress to stderr, results to stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import account

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from wxgate.bench.plan import Progress


def say(line: str) -> None:
    """Tell how it goes."""
    sys.stderr.write(f"{line}\n")


class Show:
    """Tells how a run stands: always on the same line of a terminal, or percent by percent."""

    def __init__(self) -> None:
        """Nothing has been said."""
        self._said = (False, -1)

    def __call__(self, at: Progress) -> None:
        """Hear of it once a second."""
        begun = at.signed >= at.to_sign
        done, of = (at.messages, at.planned) if begun else (at.signed, at.to_sign)
        here = (begun, int(done * 100 / max(1, of)))
        if sys.stderr.isatty():
            sys.stderr.write(account.progress(at) + "\r")
        elif here > self._said:
            sys.stderr.write(account.progress(at) + "\n")
        self._said = here


def refuse(reason: str) -> int:
    """Say what cannot be played."""
    say(reason)
    return 2


def tell(args: argparse.Namespace, seen: object, lines: Iterable[str], wrong: list[str]) -> int:
    """Print a result and what is wrong with it; return the exit code."""
    if args.json:
        sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    for reason in wrong:
        say(f"not right: {reason}")
    return 1 if wrong else 0
