"""Find out what a machine carries: WeChat's part at a given rate, or a whole day of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import account
from wxgate.bench.parts import playable, played
from wxgate.bench.plan import Leg, play
from wxgate.bench.plan import run as plan
from wxgate.cli import options
from wxgate.settings import load
from wxgate.sim import Belongings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxgate.bench.parts import Played
    from wxgate.bench.plan import Progress, Run
    from wxgate.settings import Settings

_EXAMPLES = """\
examples:
  wxgate bench load --rate 1000 --seconds 10
  wxgate bench load --rate 500..4000 --seconds 60 --retries 0.02 --forged 0.01
  wxgate bench load --account shop --account mch --platform-key mch=wechat.pem --rate 2000

Each message has its time on a fixed schedule and its latency runs from it, so that a stall of the
gateway costs every message that fell into it. A result in which the player itself was late for
more than one message in a hundred is not to be trusted: it says so, and the exit code is 1.
"""
_DAY = """\
It starts a gateway with four accounts, a service that takes every message in batches and counts
ids, and the player, all on loopback: verification, claims, fsync, routing and delivery are on. The
rates follow the hours of a day. It ends with books that must balance: sent, acknowledged, arrived.

examples:
  wxgate bench day --messages 200000
  wxgate bench day --messages 1000000 --rate 2000 --holiday
"""
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (never bound)


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("bench", description=__doc__)
    kinds = parser.add_subparsers(metavar="load|day", required=True, dest="bench")
    _add_load(kinds)
    _add_day(kinds)


def _add_load(kinds: options.Commands) -> None:
    one = kinds.add_parser(
        "load",
        help="play WeChat against a running gateway",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.config(one)
    options.as_json(one)
    _run_options(one)
    _people_options(one)


def _add_day(kinds: options.Commands) -> None:
    one = kinds.add_parser(
        "day",
        help="play a day of 20,000,000 messages, compressed, and count them at the far end",
        epilog=_DAY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.as_json(one)
    one.add_argument("--messages", metavar="N", type=options.count, default=20_000_000)
    one.add_argument(
        "--rate", metavar="N", type=_above_zero, help="mean rate; default: what is carried"
    )
    one.add_argument("--holiday", action="store_true", help="a peak of 10 times the mean, not 3")
    one.add_argument("--real-time", action="store_true", help="not compressed: it takes a day")
    one.add_argument("--workers", metavar="N", type=options.count, default=1)
    one.add_argument("--redis", metavar="URL", help="claims in Redis; default: embedded")
    one.add_argument("--retries", metavar="SHARE", type=float, default=0.02)
    one.add_argument("--forged", metavar="SHARE", type=float, default=0.01)


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate", metavar="N[..M]", type=_rates, default=(1000.0, None), help="messages a second"
    )
    parser.add_argument("--seconds", metavar="S", type=_above_zero, default=10.0)
    parser.add_argument("--messages", metavar="N", type=options.count, help="no more than these")
    parser.add_argument("--connections", metavar="N", type=options.count, default=256)
    parser.add_argument("--address", metavar="IP:PORT", help="default: where the file says")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="plays the same run again")


def _people_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--account", metavar="NAME", action="append", help="default: all that can be played"
    )
    parser.add_argument(
        "--platform-key",
        metavar="NAME=FILE",
        type=_key,
        action="append",
        default=[],
        help="for an account of kind pay: WeChat Pay's private key in your tests, PEM",
    )
    parser.add_argument("--users", metavar="N", type=options.count, default=1_000_000)
    parser.add_argument(
        "--skew", metavar="S", type=float, default=1.0, help="Zipf's exponent over the users"
    )
    parser.add_argument(
        "--retries", metavar="SHARE", type=float, default=0.0, help="sent again though answered"
    )
    parser.add_argument(
        "--forged", metavar="SHARE", type=float, default=0.0, help="calls of strangers"
    )


def run(args: argparse.Namespace) -> int:
    """Play; return 0 if all went well, 1 if not, 2 for usage."""
    return _day(args) if args.bench == "day" else _load(args)


def _day(args: argparse.Namespace) -> int:
    # Imported here: it brings a client and a service along.
    from wxgate.bench.day import books, curve, stage  # noqa: PLC0415
    from wxgate.bench.day.play import Day  # noqa: PLC0415
    from wxgate.bench.day.play import play as play_day  # noqa: PLC0415
    from wxgate.sim.demo.process import NotServingError  # noqa: PLC0415

    day = Day(
        messages=args.messages,
        mean=args.messages / 86_400 if args.real_time else args.rate,
        peak=curve.HOLIDAY if args.holiday else curve.PEAK,
        retries=args.retries,
        forged=args.forged,
        setting=stage.Setting(workers=args.workers, redis=args.redis),
    )
    try:
        with TemporaryDirectory(prefix="wxgate-day-") as folder:
            played = asyncio.run(play_day(day, Path(folder), _say, _show))
    except (ValueError, NotServingError) as error:
        return _refuse(str(error))
    return _tell(args, played, books.lines(played), books.faults(played))


def _load(args: argparse.Namespace) -> int:
    settings = load(args.config)
    try:
        seen = play(_plan(settings, args), None if args.json else _show)
    except ValueError as error:
        return _refuse(str(error))
    except OSError as error:
        where = f"{error.filename} " if error.filename else ""
        return _refuse(f"{where}cannot be used: {error.strerror or error}")
    return _tell(args, seen, account.lines(seen), account.faults(seen))


def _tell(args: argparse.Namespace, seen: object, lines: Iterable[str], wrong: list[str]) -> int:
    if args.json:
        sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stderr.writelines(f"not right: {reason}\n" for reason in wrong)
    return 1 if wrong else 0


def _plan(settings: Settings, args: argparse.Namespace) -> Run:
    """Raise ``UnplayableError`` for what there is not, ``OSError`` for a key file."""
    rate, to = args.rate
    address = args.address or _address(settings)
    usual = plan(address, _accounts(settings, args), [Leg(args.seconds, rate, to)])
    return msgspec.structs.replace(
        usual,
        messages=args.messages,
        connections=args.connections,
        users=args.users,
        skew=args.skew,
        retries=args.retries,
        forged=args.forged,
        seed=args.seed,
    )


def _accounts(settings: Settings, args: argparse.Namespace) -> list[Played]:
    keys = {
        name: Belongings(private_key=file.read_text(encoding="utf-8"))
        for name, file in args.platform_key
    }
    if args.account:
        return [played(settings, name, keys.get(name)) for name in args.account]
    found = playable(settings, keys)
    if not found:
        reason = "no account of the configuration can be played at speed"
        raise ValueError(reason)
    return found


def _address(settings: Settings) -> str:
    listen = settings.server.listen
    host = _UNSPECIFIED.get(listen.host, listen.host)
    return f"[{host}]:{listen.port}" if ":" in host else f"{host}:{listen.port}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _show(at: Progress) -> None:
    end = "\r" if sys.stderr.isatty() else "\n"
    sys.stderr.write(account.progress(at) + end)


def _rates(text: str) -> tuple[float, float | None]:
    first, dots, last = text.partition("..")
    try:
        rates = float(first), float(last) if dots else None
    except ValueError:
        reason = f'expected a rate as "1000", or a range as "100..2000", not "{text}"'
        raise argparse.ArgumentTypeError(reason) from None
    return rates


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value <= 0:
        reason = f'expected seconds above 0, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return value


def _key(text: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not (name and sign and file):
        reason = f'expected NAME=FILE, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return name, Path(file)


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2
