"""WeChat's part at a given rate, against a running gateway."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import account
from wxgate.bench.parts import playable, played
from wxgate.bench.plan import Leg, play
from wxgate.bench.plan import run as plan
from wxgate.cli import options
from wxgate.cli.bench.telling import Show, refuse, tell
from wxgate.settings import load
from wxgate.sim import Belongings

if TYPE_CHECKING:
    from wxgate.bench.parts import Played
    from wxgate.bench.plan import Run
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
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (never bound)


def add(kinds: options.Commands) -> None:
    """Describe the arguments."""
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


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate", metavar="N[..M]", type=_rates, default=(1000.0, None), help="messages a second"
    )
    parser.add_argument("--seconds", metavar="S", type=options.above_zero, default=10.0)
    parser.add_argument("--messages", metavar="N", type=options.count, help="no more than these")
    parser.add_argument("--connections", metavar="N", type=options.count, default=256)
    options.player_first(parser)
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
    settings = load(args.config)
    try:
        watch = None if args.json else Show()
        seen = play(_plan(settings, args), watch, first=args.player_first)
    except ValueError as error:
        return refuse(str(error))
    except OSError as error:
        where = f"{error.filename} " if error.filename else ""
        return refuse(f"{where}cannot be used: {error.strerror or error}")
    return tell(args, seen, account.lines(seen), account.faults(seen))


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


def _rates(text: str) -> tuple[float, float | None]:
    first, dots, last = text.partition("..")
    try:
        rates = float(first), float(last) if dots else None
    except ValueError:
        reason = f'expected a rate as "1000", or a range as "100..2000", not "{text}"'
        raise argparse.ArgumentTypeError(reason) from None
    return rates


def _key(text: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not (name and sign and file):
        reason = f'expected NAME=FILE, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return name, Path(file)
