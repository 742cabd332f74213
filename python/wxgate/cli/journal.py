"""Look into the journal, also of a gateway that runs: what came, what waits, what is damaged."""

from __future__ import annotations

import argparse
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
from wxcore import JournalError, JournalReader

from wxgate.cli import options
from wxgate.cli.folder import journal_folder
from wxgate.cli.listing import given_up, line, outline, unknown
from wxgate.cli.moment import moment, written
from wxgate.dispatch.dead import FILE
from wxgate.errors import StoreError
from wxgate.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EXAMPLES = """\
examples:
  wxgate journal ls --openid oUser --since 2h
  wxgate journal cat 00/4711
  wxgate journal verify --json
  wxgate journal stats
"""
_LIMIT = 50
_PLACE = re.compile(r"(\d+)/(\d+)")


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "journal",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _listing(_action(actions, "ls", "list messages, the newest first; never their text"))
    cat = _action(actions, "cat", "show one message whole, text and all")
    cat.add_argument("message", metavar="MESSAGE", help="its id, or its place as in ls: 00/4711")
    _action(actions, "verify", "read every record and say what is damaged or missing")
    _action(actions, "stats", "count what is kept and what waits")


def _action(actions: options.Commands, name: str, line: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
    options.config(parser)
    options.as_json(parser)
    parser.set_defaults(act=_ACTIONS[name])
    return parser


def _listing(parser: argparse.ArgumentParser) -> None:
    now = time.time_ns() // 1_000_000

    def when(text: str) -> int:
        return moment(text, now)

    parser.add_argument("--openid", metavar="ID", help="whose; for Pay the out_trade_no")
    parser.add_argument("--since", metavar="TIME", type=when, help="at or after: RFC 3339, 2h, 30m")
    parser.add_argument("--until", metavar="TIME", type=when, help="before: RFC 3339, 2h, 30m")
    parser.add_argument("--type", metavar="TYPE", help="such as wechat.official.text")
    parser.add_argument("--account", metavar="NAME", help="its name in the configuration")
    parser.add_argument("--id", metavar="ID", help="the id that services receive")
    parser.add_argument(
        "--limit", metavar="N", type=_count, default=_LIMIT, help=f"default: {_LIMIT}"
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        reason = f'expected how many, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Do it; return 1 for damage or a message that is not there, 2 for no journal or no key."""
    settings = load(args.config)
    key, folder = settings.journal.key, journal_folder(settings)
    args.settings, args.dead = settings, folder / FILE
    try:
        reader = JournalReader(str(folder), key.raw if key else None)
        return int(args.act(reader, args))
    except PermissionError:
        return _refuse(f"journal.dir: {folder} must not be read by this user")
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except JournalError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if error.code == "key" else 1


def _ls(reader: JournalReader, args: argparse.Namespace) -> int:
    found = reader.find(
        openid=args.openid,
        since=args.since,
        until=args.until,
        type=args.type,
        account=args.account,
        id=args.id,
        limit=args.limit,
    )
    if not found and (reason := unknown(reader, args.settings, args.account, args.type)):
        return _refuse(reason)
    fates = given_up(args.dead, found)
    if args.json:
        _print_json([outline(message, fates) for message in found])
    elif found:
        _print(line(message, fates) for message in found)
    else:
        sys.stderr.write("no such message is in the journal\n")
    return 0


def _cat(reader: JournalReader, args: argparse.Namespace) -> int:
    if place := _PLACE.fullmatch(args.message):
        message = reader.get(place[1], int(place[2]))
    else:
        message = next(iter(reader.find(id=args.message, limit=1)), None)
    if message is None:
        sys.stderr.write(f"{args.message}: no such message is in the journal\n")
        return 1
    event = msgspec.Raw(message.event)
    head = outline(message, given_up(args.dead, [message]))
    if args.json:
        _print_json(head | {"event": event})
    else:
        _print(f"{name + ':':12} {_told(value)}" for name, value in head.items())
        _print(["", msgspec.json.format(message.event, indent=2).decode()])
    return 0


def _verify(reader: JournalReader, args: argparse.Namespace) -> int:
    report = reader.verify()
    if args.json:
        _print_json(report)
    else:
        _print(_verified(report))
    return 0 if report["sound"] else 1


def _stats(reader: JournalReader, args: argparse.Namespace) -> int:
    stats = reader.stats()
    if args.json:
        _print_json(stats)
    else:
        _print(_counted(stats))
    return 0


_ACTIONS = {"ls": _ls, "cat": _cat, "verify": _verify, "stats": _stats}


def _told(value: object) -> str:
    return (", ".join(value) if isinstance(value, list) else str(value or "")) or "-"


def _verified(report: dict[str, Any]) -> Iterator[str]:
    for folder in report["folders"]:
        for segment in folder["segments"]:
            name = f"{folder['folder']}/{segment['name']}"
            sealed = ", sealed" if segment["sealed"] else ""
            yield f"{name}: {segment['messages']} messages, {segment['bytes']} bytes{sealed}"
            yield from (f"{name}: {problem}" for problem in segment["problems"])
        for number in folder["missing"]:
            yield f"{folder['folder']}: segment {number} is missing"
    yield "sound" if report["sound"] else "damaged"


def _counted(stats: dict[str, Any]) -> Iterator[str]:
    yield f"{stats['messages']} messages in {stats['segments']} segments, {stats['bytes']} bytes"
    if stats["earliest"] is not None:
        yield f"accepted from {written(stats['earliest'])} to {written(stats['latest'])}"
    for name, waiting in stats["undelivered"].items():
        since = f", the oldest since {written(waiting['oldest'])}" if waiting["messages"] else ""
        yield f"{name}: {waiting['messages']} undelivered{since}"


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2
