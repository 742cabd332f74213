"""What the commands that deliver by themselves have in common: options, and the result."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from wxgate.dispatch.replay import Replay


def delivery_options(parser: argparse.ArgumentParser, *, to_required: bool = False) -> None:
    """Let the operator say where to, how fast, and whether at all."""
    parser.add_argument(
        "--to",
        metavar="TARGET",
        required=to_required,
        help="where to: upstream:NAME, http://…, python:module:function"
        + ("" if to_required else "; where it should have gone, if absent"),
    )
    parser.add_argument(
        "--rate", metavar="N", type=_rate, default=0.0, help="messages a second at most"
    )
    parser.add_argument("--dry-run", action="store_true", help="count, and deliver nothing")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        reason = f'expected messages a second, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return rate


def report(replay: Replay, *, as_json: bool) -> int:
    """Say what was taken and what was not; return 1 if something was not."""
    if as_json:
        found = {"taken": replay.taken, "failed": replay.failed, "problems": replay.problems}
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        for one in replay.problems:
            sys.stdout.write(f"{one.id}  {one.destination}  {one.reason}\n")
        sys.stdout.write(f"{replay.taken} taken, {replay.failed} not\n")
    return int(replay.failed > 0)
