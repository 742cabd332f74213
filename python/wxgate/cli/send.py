"""Play WeChat once against a running gateway: a genuine message, retries of it, or a forgery."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxgate.cli import options
from wxgate.settings import load
from wxgate.settings.problems import UnfitError
from wxgate.settings.texts import Url
from wxgate.sim import Belongings, cast
from wxgate.sim.errand import Errand
from wxgate.sim.forgery import FORGERIES, find
from wxgate.sim.report import lines, report, went_well
from wxgate.sim.wire import Wire

if TYPE_CHECKING:
    from wxgate.settings import Settings
    from wxgate.settings.texts import Address
    from wxgate.sim.errand import Try

_EXAMPLES = """\
examples:
  wxgate send shop text 你好
  wxgate send shop event subscribe --retry 3
  wxgate send shop text --forge wrong-receiver
  wxgate send shop url
  wxgate send mch pay TRANSACTION.SUCCESS --platform-key wechat.pem
"""
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (never bound)


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "send",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("account", metavar="ACCOUNT", help="its name in the configuration")
    parser.add_argument("kind", metavar="KIND", help="text, event, pay, url, suite_ticket …")
    parser.add_argument(
        "what", metavar="WHAT", nargs="?", help="the text, the event's name, the event_type"
    )
    options.config(parser)
    options.as_json(parser)
    _message_options(parser)
    _delivery_options(parser)


def _message_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--openid", metavar="ID", help="who sends it; made up if absent")
    parser.add_argument(
        "--field",
        metavar="NAME=VALUE",
        type=_field,
        action="append",
        default=[],
        help="set or add a field; a.b reaches into a table",
    )
    parser.add_argument("--authorizer", metavar="APPID", default="", help="for a platform")
    parser.add_argument(
        "--platform-key", metavar="FILE", type=Path, help="for pay: a private key, PEM"
    )
    parser.add_argument("--serial", metavar="ID", default="", help="the platform key it goes with")
    parser.add_argument(
        "--private-key", metavar="FILE", type=Path, help="for a partner: its private key, PEM"
    )


def _delivery_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="BASE", help="default: where the configuration listens")
    parser.add_argument(
        "--retry", metavar="N", type=_count, default=0, help="send it N times again, as retries"
    )
    names = ", ".join(forgery.name for forgery in FORGERIES)
    parser.add_argument("--forge", metavar="NAME", help=f"play an attacker: {names}")


def run(args: argparse.Namespace) -> int:
    """Send; return 0 if WeChat is satisfied or the forgery refused, 1 if not, 2 for usage."""
    settings = load(args.config)
    try:
        errand = _errand(settings, args)
        base = Url.parse(args.url) if args.url else _base(settings.server.listen)
        tries = asyncio.run(_send(errand, base, args.retry))
    except OSError as error:
        return _refuse(f"{error.filename} cannot be read: {error.strerror}")
    except UnfitError as error:
        return _refuse(f"--url: {error}")
    except ValueError as error:
        return _refuse(str(error))
    if args.json:
        sys.stdout.write(msgspec.json.encode(report(errand, tries)).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(errand, base, tries))
    return 0 if went_well(tries) else 1


def _errand(settings: Settings, args: argparse.Namespace) -> Errand:
    """Raise `UnplayableError` for what there is not, `OSError` for a key file."""
    file = args.platform_key or args.private_key
    belongings = Belongings(
        private_key=file.read_text(encoding="utf-8") if file else "",
        serial=args.serial,
        authorizer=args.authorizer,
    )
    player = cast(settings, args.account, belongings)
    message = player.message(args.kind, args.what, openid=args.openid, changes=args.field)
    return Errand(player, message, find(args.forge, message) if args.forge else None)


async def _send(errand: Errand, base: str, retries: int) -> list[Try]:
    async with Wire(base) as wire:
        return await errand.run(wire, retries)


def _base(listen: Address) -> str:
    host = _UNSPECIFIED.get(listen.host, listen.host)
    return f"http://{host}:{listen.port}" if host.startswith("[") else f"http://{listen}"


def _field(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        reason = f'expected NAME=VALUE, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return name, value


def _count(text: str) -> int:
    if not text.isdigit():
        reason = f'expected how often, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return int(text)


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2
