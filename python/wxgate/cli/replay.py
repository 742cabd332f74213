"""Deliver messages again that the journal still keeps, with the ids they had."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from wxcore import JournalReader

from wxgate.cli import options
from wxgate.cli.delivery import delivery_options, report
from wxgate.cli.folder import journal_folder
from wxgate.cli.moment import moment
from wxgate.dispatch.outlets import Outlets, UnknownDestinationError
from wxgate.dispatch.replay import Replay, Search, retained
from wxgate.settings import load

if TYPE_CHECKING:
    from wxgate.dispatch.replay import Retained
    from wxgate.settings import Settings

_EXAMPLES = """\
examples:
  wxgate replay --since 2h --to upstream:orders --dry-run
  wxgate replay --account shop --type wechat.official.text --since 1d --to upstream:new --rate 100
"""


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "replay",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.config(parser)
    options.as_json(parser)
    now = time.time_ns() // 1_000_000

    def when(text: str) -> int:
        return moment(text, now)

    parser.add_argument("--account", metavar="NAME", help="its name in the configuration")
    parser.add_argument("--type", metavar="TYPE", help="such as wechat.official.text")
    parser.add_argument("--openid", metavar="ID", help="whose; for Pay the out_trade_no")
    parser.add_argument("--since", metavar="TIME", type=when, help="at or after: RFC 3339, 2h, 30m")
    parser.add_argument("--until", metavar="TIME", type=when, help="before: RFC 3339, 2h, 30m")
    delivery_options(parser, to_required=True)


def run(args: argparse.Namespace) -> int:
    """Deliver; return 1 if something was not taken, 2 for no journal or no such target."""
    settings = load(args.config)
    key = settings.journal.key
    try:
        reader = _reader(str(journal_folder(settings)), key.raw if key else None)
        return replay(args, settings, reader)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 2


def _reader(folder: str, key: bytes | None) -> Retained:
    reader: Retained = JournalReader(folder, key)
    return reader


def replay(args: argparse.Namespace, settings: Settings, journal: Retained) -> int:
    """Count what is meant, then deliver it. Raises ``OSError`` for the journal."""
    # What comes in meanwhile is delivered by the gateway.
    until = time.time_ns() // 1_000_000 if args.until is None else args.until
    search = Search(
        account=args.account, type=args.type, openid=args.openid, since=args.since, until=until
    )
    count = sum(1 for _ in retained(journal, search))
    sys.stderr.write(f"{count} messages\n")
    if args.dry_run:
        return 0
    # Functions that targets name are the team's own, beside the configuration.
    sys.path.insert(0, str(Path.cwd()))
    try:
        done = asyncio.run(_deliver(args, settings, journal, search))
    except UnknownDestinationError as error:
        sys.stderr.write(f"--to: {error}\n")
        return 2
    return report(done, as_json=args.json)


async def _deliver(
    args: argparse.Namespace, settings: Settings, journal: Retained, search: Search
) -> Replay:
    outlets, done = Outlets(settings), Replay(args.rate)
    try:
        outlet = outlets.get(args.to)
        for message in retained(journal, search):
            nodes = outlet.nodes(message)
            await done.deliver(message, args.to, outlet.place.sink, nodes)
    finally:
        await outlets.aclose()
    return done
