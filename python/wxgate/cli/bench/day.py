"""A day of messages, compressed to what the machine carries."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wxgate.cli import options
from wxgate.cli.bench.telling import Show, refuse, say, tell

if TYPE_CHECKING:
    from wxgate.bench.day.play import Day

_MESSAGES = 20_000_000
_DAY_S = 86_400
_TRIES, _EVEN_TRIES = 3, 12
"""WeChat's 15 s are some minutes of a day that is played in half an hour: it has a minute here."""
_BUSY_LINES = 64
"""Connections where all are to be busy: what is too much waits with the player, not in a queue."""
_ABOUT = """\
It starts a gateway with four accounts, a far end that takes every message and counts ids, and the
player, all on loopback: verification, decryption, claims, limits, fsync, routing and delivery are
on. The rates follow the hours of a day. Without --rate it looks for the highest rate that this
machine carries, with player and far end on it, and has the busiest hour at four fifths of that;
with --even it is the rate at which the processors have hardly a moment left. It ends with books
that must balance: in, acknowledged, delivered.

examples:
  wxgate bench day --messages 200000
  wxgate bench day --messages 1000000 --rate 2000 --holiday
  wxgate bench day --even --to stream --redis redis://127.0.0.1:6379/0
"""


def add(kinds: options.Commands) -> None:
    """Describe the arguments."""
    one = kinds.add_parser(
        "day",
        help="play a day of 20,000,000 messages, compressed, and count them at the far end",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.as_json(one)
    one.add_argument("--messages", metavar="N", type=options.count, default=_MESSAGES)
    _rate_options(one)
    _gateway_options(one)
    options.player_first(one)
    one.add_argument(
        "--retries", metavar="SHARE", type=float, default=0.02, help="sent again though answered"
    )
    one.add_argument(
        "--forged", metavar="SHARE", type=float, default=0.01, help="calls of strangers"
    )


def _rate_options(one: argparse.ArgumentParser) -> None:
    rates = one.add_mutually_exclusive_group()
    rates.add_argument(
        "--rate", metavar="N", type=options.above_zero, help="mean rate; default: what is carried"
    )
    rates.add_argument("--real-time", action="store_true", help="not compressed: it takes a day")
    peaks = one.add_mutually_exclusive_group()
    peaks.add_argument("--holiday", action="store_true", help="a peak of 10 times the mean, not 3")
    peaks.add_argument(
        "--even",
        action="store_true",
        help="all hours alike, as fast as can be: how soon that many can be handled",
    )
    one.add_argument(
        "--connections",
        metavar="N",
        type=options.count,
        help="a message whose time has come waits for one; default 256, with --even 64 at most",
    )
    one.add_argument(
        "--tries",
        metavar="N",
        type=options.count,
        help="until a message is given up, 5 s apart; default 3, as WeChat; with --even 12",
    )
    one.add_argument(
        "--stretch",
        metavar="S",
        type=options.from_zero,
        default=10.0,
        help="seconds at each rate of a day of 20,000,000 that is not compressed; 0: none",
    )
    one.add_argument(
        "--tail", metavar="N", type=options.count, default=0, help="messages at each, at least"
    )


def _gateway_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--workers", metavar="N", type=options.count, default=1)
    one.add_argument(
        "--to",
        choices=("service", "stream"),
        default="service",
        help="a service over HTTP (default), or a stream in the Redis",
    )
    one.add_argument("--redis", metavar="URL", help="claims and limits there; default: embedded")


def run(args: argparse.Namespace) -> int:
    """Play; return 0 if the books balance, 1 if not, 2 for usage."""
    # Imported here: it brings a client and a service along.
    from redis.exceptions import RedisError  # noqa: PLC0415

    from wxgate.bench.day import books  # noqa: PLC0415
    from wxgate.bench.day.play import play  # noqa: PLC0415
    from wxgate.sim.demo.process import NotServingError  # noqa: PLC0415

    # A stop by the system takes the gateway along too, as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with TemporaryDirectory(prefix="wxgate-day-") as folder:
            played = asyncio.run(play(_day(args), Path(folder), say, Show()))
    except (ValueError, NotServingError) as error:
        return refuse(str(error))
    except RedisError as error:
        return refuse(f"{args.redis} cannot be used: {error}")
    except KeyboardInterrupt:
        say("stopped before its end")
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return tell(args, played, books.lines(played), books.faults(played))


def _day(args: argparse.Namespace) -> Day:
    """Raises ``ValueError`` for an address that is no Redis'."""
    from wxgate.bench.day import curve, stage  # noqa: PLC0415
    from wxgate.bench.day.play import CONNECTIONS, Day  # noqa: PLC0415
    from wxgate.settings.redis import RedisUrl  # noqa: PLC0415

    if args.redis is not None and RedisUrl.parse(args.redis).layout != "one":
        reason = "--redis: one server is measured, redis://HOST:PORT/0 or unix:///PATH"
        raise ValueError(reason)
    peak = curve.HOLIDAY if args.holiday else curve.EVEN if args.even else curve.PEAK
    return Day(
        messages=args.messages,
        mean=args.messages / _DAY_S if args.real_time else args.rate,
        peak=peak,
        retries=args.retries,
        forged=args.forged,
        connections=args.connections or (_BUSY_LINES if args.even else CONNECTIONS),
        tries=args.tries or (_EVEN_TRIES if args.even else _TRIES),
        stretch=args.stretch,
        tail=args.tail,
        first=args.player_first,
        setting=stage.Setting(workers=args.workers, redis=args.redis, to=args.to),
    )
