"""Fleets of 10, 100 and 1,000 nodes: the ring, the claims and the limits of all of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from wxgate.cli import options
from wxgate.cli.bench.telling import refuse, say, tell

if TYPE_CHECKING:
    from wxgate.bench.fleet.play import Fleets

_ABOUT = """\
All nodes are in this process, each with the claims and limits of a gateway and, with --redis, a
connection of its own to that one server: without it, what nodes that share one know and let pass is
not played. The server's other keys are left alone, and nothing of ours stays.

examples:
  wxgate bench fleet --redis redis://127.0.0.1:6379/0
  wxgate bench fleet --nodes 30 --redis redis://127.0.0.1:6379/0
"""


def add(kinds: options.Commands) -> None:
    """Describe the arguments."""
    one = kinds.add_parser(
        "fleet",
        help="play fleets at their size: who knows of whose messages, and what limits let pass",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.as_json(one)
    one.add_argument(
        "--nodes",
        metavar="N",
        type=options.count,
        action="append",
        help="as often as there are fleets; default: 10, 100 and 1,000",
    )
    one.add_argument("--redis", metavar="URL", help="that the nodes share; default: none")
    one.add_argument(
        "--scale",
        metavar="X",
        type=options.above_zero,
        default=1.0,
        help="so many times the keys and messages",
    )


def run(args: argparse.Namespace) -> int:
    """Play; return 0 if all holds, 1 if not, 2 for usage."""
    # Imported here: it brings the nodes along.
    from redis.exceptions import RedisError  # noqa: PLC0415

    from wxgate.bench.fleet import account  # noqa: PLC0415
    from wxgate.errors import StoreError  # noqa: PLC0415

    try:
        played = _played(args)
    except ValueError as error:
        return refuse(f"--redis: {error}")
    except (StoreError, RedisError) as error:
        return refuse(f"{args.redis} cannot be used: {error}")
    return tell(args, played, account.lines(played), account.faults(played))


def _played(args: argparse.Namespace) -> Fleets:
    from wxgate.bench.fleet.play import SIZES, play  # noqa: PLC0415

    return play(args.nodes or SIZES, scale=args.scale, redis=args.redis, say=say)
