"""See to dead letters: list and show them, deliver them again, or drop them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wxgate.cli import options
from wxgate.cli.delivery import delivery_options, report
from wxgate.cli.folder import journal_folder
from wxgate.cli.moment import moment, written
from wxgate.dispatch.dead import FILE
from wxgate.dispatch.outlets import Outlets, UnknownDestinationError
from wxgate.dispatch.replay import Replay
from wxgate.errors import StoreError
from wxgate.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxgate.dispatch.letters import Entry, Letters, Query
    from wxgate.settings import Settings

_EXAMPLES = """\
examples:
  wxgate dlq ls --destination upstream:orders --since 2h
  wxgate dlq show --id 7f3c…
  wxgate dlq replay --account shop --rate 50
  wxgate dlq replay --to http://127.0.0.1:9005/repair --dry-run
  wxgate dlq drop --type wechat.official.event.location
"""
_LIMIT = 50
_PATIENCE = 5.0
"""Seconds to wait for a gateway that is burying."""


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "dlq",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = _action(actions, "ls", "list dead letters, in the order of their burial")
    listing.add_argument(
        "--state", choices=("buried", "replayed", "dropped"), default="buried", help="which"
    )
    _limit(listing, _LIMIT)
    show = _action(actions, "show", "show dead letters whole, text and all")
    _limit(show, 1)
    replay = _action(actions, "replay", "deliver dead letters again, with the ids they had")
    _limit(replay, -1)
    delivery_options(replay)
    drop = _action(actions, "drop", "forget dead letters; only that they were is kept")
    drop.add_argument("--all", action="store_true", help="without any condition: all of them")


def _action(actions: options.Commands, name: str, line: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
    options.config(parser)
    options.as_json(parser)
    now = time.time_ns() // 1_000_000

    def when(text: str) -> int:
        return moment(text, now)

    parser.add_argument("--account", metavar="NAME", help="its name in the configuration")
    parser.add_argument("--destination", metavar="TARGET", help="such as upstream:orders")
    parser.add_argument("--type", metavar="TYPE", help="such as wechat.official.text")
    parser.add_argument("--since", metavar="TIME", type=when, help="buried since: RFC 3339, 2h")
    parser.add_argument("--until", metavar="TIME", type=when, help="buried before: RFC 3339, 2h")
    parser.add_argument("--id", metavar="ID", help="the id that services receive")
    parser.set_defaults(act=_ACTIONS[name])
    return parser


def _limit(parser: argparse.ArgumentParser, default: int) -> None:
    shown = "all" if default < 0 else default
    parser.add_argument(
        "--limit", metavar="N", type=options.count, default=default, help=f"default: {shown}"
    )


def run(args: argparse.Namespace) -> int:
    """Do it; return 1 if there is no such letter or not all was taken, 2 for wrong usage."""
    settings = load(args.config)
    path = journal_folder(settings) / FILE
    if not path.exists():
        return _nothing(args)
    # Imported here: sqlite3 costs 10 ms, and there is nothing to open as a rule.
    from wxgate.dispatch.letters import Letters  # noqa: PLC0415

    key = settings.journal.key
    try:
        letters = Letters(path, key.raw if key else None, patience=_PATIENCE)
        try:
            return int(args.act(args, settings, letters))
        finally:
            letters.close()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _nothing(args: argparse.Namespace) -> int:
    """Answer without a file: no message was ever buried."""
    if args.json:
        sys.stdout.write("[]\n")
    else:
        sys.stderr.write("there are no dead letters\n")
    return int(args.act is _show)


def _query(args: argparse.Namespace) -> Query:
    from wxgate.dispatch.letters import Query  # noqa: PLC0415 (see run)

    named = ("id", "account", "destination", "type", "since", "until")
    given = {name: getattr(args, name) for name in named}
    return Query(**given, state=getattr(args, "state", "buried"))


def _ls(args: argparse.Namespace, _: Settings, letters: Letters) -> int:
    query = _query(args)
    entries = letters.find(query, args.limit)
    if args.json:
        _print_json([_outline(entry) for entry in entries])
        return 0
    shown = 0
    for entry in entries:
        shown += 1
        _print([_line(entry)])
    if (total := letters.count(query)) > shown:
        sys.stderr.write(f"{shown} of {total}; more with --limit\n")
    return 0


def _show(args: argparse.Namespace, _: Settings, letters: Letters) -> int:
    found = [
        _outline(entry) | {"event": _event(entry)}
        for entry in letters.find(msgspec.structs.replace(_query(args), state=None), args.limit)
    ]
    if args.json:
        _print_json(found)
    for one in () if args.json else found:
        event = one.pop("event")
        _print(f"{name + ':':12} {_told(value)}" for name, value in one.items())
        _print(["", msgspec.json.format(msgspec.json.encode(event), indent=2).decode(), ""])
    if not found:
        sys.stderr.write("there is no such dead letter\n")
    return 0 if found else 1


def _replay(args: argparse.Namespace, settings: Settings, letters: Letters) -> int:
    query = _query(args)
    count = letters.count(query)
    count = count if args.limit < 0 else min(count, args.limit)
    sys.stderr.write(f"{count} dead letters\n")
    if args.dry_run:
        return 0
    # Functions that targets name are the team's own, beside the configuration.
    sys.path.insert(0, str(Path.cwd()))
    try:
        replay = asyncio.run(_deliver(args, settings, letters))
    except UnknownDestinationError as error:
        sys.stderr.write(f"{error}; say where to deliver with --to\n")
        return 2
    return report(replay, as_json=args.json)


async def _deliver(args: argparse.Namespace, settings: Settings, letters: Letters) -> Replay:
    outlets, replay = Outlets(settings), Replay(args.rate)
    try:
        for entry in letters.find(_query(args), args.limit):
            letter = entry.letter
            name = args.to or letter.destination
            outlet = outlets.get(name)
            nodes = outlet.nodes(letter)
            if await replay.deliver(letter, name, outlet.place.sink, nodes):
                letters.mark_replayed(entry.number)
    finally:
        await outlets.aclose()
    return replay


def _drop(args: argparse.Namespace, _: Settings, letters: Letters) -> int:
    query = _query(args)
    if not query.where()[1][1:] and not args.all:
        sys.stderr.write("drop which? Give a condition, or --all\n")
        return 2
    dropped = letters.drop(query)
    if args.json:
        _print_json({"dropped": dropped})
    else:
        _print([f"{dropped} dead letters dropped"])
    return 0


_ACTIONS = {"ls": _ls, "show": _show, "replay": _replay, "drop": _drop}


def _outline(entry: Entry) -> dict[str, Any]:
    """Return all of a letter but its text."""
    letter = msgspec.structs.asdict(entry.letter)
    del letter["event"]
    times = {name: written(letter[name]) for name in ("accepted", "buried")}
    return {**letter, **times, "state": entry.state}


def _line(entry: Entry) -> str:
    letter = entry.letter
    parts = (letter.account, letter.type, letter.destination, letter.id)
    return "  ".join((written(letter.buried), *parts, f"after {letter.attempts}", letter.reason))


def _event(entry: Entry) -> object:
    event = entry.letter.event
    return msgspec.Raw(event) if event else None


def _told(value: object) -> str:
    return "-" if value is None else str(value)


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
