"""Say where a message goes and why: the routes that were asked, the node, and how it stands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from wxcore import JournalReader
from wxcore._wxcore import Gateway as Core

from wxgate.cli import options
from wxgate.cli.standing import standing
from wxgate.settings import core_blob, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wxgate.settings import Settings

_EXAMPLES = """\
examples:
  wxgate route explain --account shop --type text --openid oUser --field Content=退款
  wxgate route explain --account shop --type event --field Event=subscribe --header x-env=canary
  wxgate route explain 00/4711                    (a message in the journal, or its id)
  wxgate route explain --event event.json --json
"""


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "route",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    line = "say where a message goes and why"
    explain = actions.add_parser("explain", help=line, description=f"{line.capitalize()}.")
    options.config(explain)
    options.as_json(explain)
    explain.add_argument(
        "message", metavar="MESSAGE", nargs="?", help="its id, or its place: 00/4711"
    )
    explain.add_argument("--event", metavar="PATH", type=Path, help="a file with a CloudEvent")
    explain.add_argument("--account", metavar="NAME", help="its name in the configuration")
    explain.add_argument("--type", metavar="TYPE", default="text", help="MsgType or event_type")
    explain.add_argument("--openid", metavar="ID", default="oUser", help="whose; for Pay the order")
    for name, what in (
        ("field", "a field of the message"),
        ("header", "a header of the request"),
        ("query", "a parameter of the request"),
    ):
        explain.add_argument(
            f"--{name}", metavar="NAME=VALUE", type=_pair, action="append", default=[], help=what
        )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        reason = f'expected NAME=VALUE, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return name, value


def run(args: argparse.Namespace) -> int:
    """Explain; return 1 if no route takes the message, 2 if there is no such message."""
    settings = load(args.config)
    try:
        core = Core(core_blob(settings))
        event = _event(args, settings, dict(core.accounts()))
        told = core.explain(event, urlencode(args.query), args.header)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    found = msgspec.json.decode(told)
    _complete(found, settings)
    if args.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0 if any(route["fails"] is None for route in found["routes"]) else 1


def _event(args: argparse.Namespace, settings: Settings, kinds: dict[str, str]) -> bytes:
    """The event of the message that is meant. Raises ``ValueError`` or ``OSError``."""
    if args.event is not None:
        return bytes(args.event.read_bytes())
    if args.message is not None:
        return _stored(args.message, settings)
    if args.account not in kinds:
        reason = f"--account: expected one of {', '.join(kinds)}"
        raise ValueError(reason)
    return made(args.account, kinds[args.account], args.type, args.openid, args.field)


def _stored(message: str, settings: Settings) -> bytes:
    key = settings.journal.key
    reader = JournalReader(settings.journal.dir, key.raw if key else None)
    folder, slash, seq = message.partition("/")
    if slash and folder.isdigit() and seq.isdigit():
        found = reader.get(folder, int(seq))
    else:
        found = next(iter(reader.find(id=message, limit=1)), None)
    if found is None:
        reason = f"{message}: no such message is in the journal"
        raise ValueError(reason)
    return found.event


def made(
    account: str, kind: str, type_: str, openid: str, fields: Iterable[tuple[str, str]]
) -> bytes:
    """Make the event of a message that never was, of a kind and type, with these fields."""
    pay = kind in {"pay", "pay_v2", "partner"}
    data: dict[str, Any] = {} if pay else {"FromUserName": openid, "MsgType": type_}
    for path, value in fields:
        *parents, name = path.split(".")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    if pay:
        data = {"event_type": type_, **({"resource": data} if kind == "pay" else data)}
    name = f"event.{data.get('Event', 'unknown')}" if type_ == "event" else type_
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{account}:explain",
            "source": f"/wxgate/{account}",
            "type": f"wechat.{kind}.{name}".lower(),
            "partitionkey": openid,
            "data": data,
        }
    )


def _complete(found: dict[str, Any], settings: Settings) -> None:
    """Add what the core does not know: targets by name, and how nodes stand at the moment."""
    stands = standing(settings)
    for route in found["routes"]:
        target = str(settings.route[route["route"]].to) if settings.route else "log:"
        route["to"] = target
        if route["choice"] is not None:
            nodes = stands.get(target, {})
            for node in route["choice"]["nodes"]:
                node["state"] = nodes.get(node["name"])


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['type']} to {found['account']} ({found['kind']}), key {found['key']}"
    for route in found["routes"]:
        yield from _route(route)
    if all(route["fails"] is not None for route in found["routes"]):
        yield "no route takes it: WeChat is told to send it again"


def _route(route: dict[str, Any]) -> Iterator[str]:
    head = f"route[{route['route']}] to {route['to']}:"
    if fails := route["fails"]:
        got = "nothing" if fails["got"] is None else f'"{fails["got"]}"'
        yield f"{head} no, {fails['setting']} wants {fails['wants']}, and there is {got}"
        return
    more = ", and later routes are asked" if route["also"] else ""
    yield f"{head} takes it{', and is waited for' if route['waits'] else ''}{more}"
    choice = route["choice"]
    if choice is None:
        return
    if choice["value"] is None:
        yield f"  hash {choice['hash']}: any node"
        return
    why = ", by its key for want of these fields" if choice["falls_back"] else ""
    yield f'  hash {choice["hash"]} of "{choice["value"]}"{why}'
    for place, node in enumerate(choice["nodes"], 1):
        state = f", {node['state']}" if node["state"] else ""
        yield f"  {place}. {node['name']} (score {node['score']:.3f}{state})"
