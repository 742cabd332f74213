"""See to a stream: how it stands, its dead letters, and groups that are no more."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wxgate.cli import options
from wxgate.cli.delivery import delivery_options, report
from wxgate.cli.moment import written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from wxgate.settings import Settings
    from wxgate.work.dead import DeadLetter
    from wxgate.work.hub import Hub

    Act = Callable[[argparse.Namespace, Settings, Hub], Awaitable[int]]

_EXAMPLES = """\
examples:
  wxgate stream status stream:wechat
  wxgate stream dead stream:wechat --group billing
  wxgate stream replay stream:wechat --to python:orders.messages:handle
  wxgate stream drop stream:wechat --id 7f3c…
  wxgate stream forget stream:wechat --group billing
"""
_LIMIT = 50


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "stream",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _action(actions, "status", _status, "show groups: what waits, who works on it")
    dead = _action(actions, "dead", _dead, "list dead letters")
    _which(dead)
    dead.add_argument(
        "--limit", metavar="N", type=options.count, default=_LIMIT, help="default: 50"
    )
    replay = _action(actions, "replay", _replay, "deliver dead letters, and forget what was taken")
    _which(replay)
    delivery_options(replay, to_required=True)
    drop = _action(actions, "drop", _drop, "forget dead letters")
    _which(drop)
    drop.add_argument("--all", action="store_true", help="without any condition: all of them")
    forget = _action(actions, "forget", _forget, "forget a group, which then holds up no trimming")
    forget.add_argument("--group", metavar="G", required=True, help="which nobody works for")


def _action(actions: options.Commands, name: str, act: Act, line: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
    parser.add_argument("stream", metavar="stream:NAME", help="which stream")
    parser.add_argument("--redis", metavar="URL", default="", help="default: as configured")
    parser.add_argument(
        "--config", type=Path, metavar="PATH", help=f"default: {options.CONFIG}, if there is one"
    )
    options.as_json(parser)
    parser.set_defaults(act=act)
    return parser


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", metavar="G", help="whose; all, if absent")
    parser.add_argument("--id", metavar="ID", help="the id that workers receive")


def run(args: argparse.Namespace) -> int:
    """Do it; return 1 for what was not found or taken, or if Redis is away; 2 for wrong usage."""
    # Imported here: redis costs as much as all the rest.
    from redis.exceptions import RedisError  # noqa: PLC0415

    from wxgate.work.consumer import reason_of  # noqa: PLC0415

    try:
        return asyncio.run(_run(args))
    except (RedisError, OSError) as error:
        sys.stderr.write(f"{reason_of(error)}\n")
        return 1


async def _run(args: argparse.Namespace) -> int:
    from wxgate.work.hub import open_hub  # noqa: PLC0415 (see run)
    from wxgate.work.join import name_of, settings_of  # noqa: PLC0415

    settings = settings_of(args.config)
    async with open_hub(settings, name_of(args.stream), args.redis) as hub:
        return int(await args.act(args, settings, hub))


def _known(settings: Settings) -> str:
    """Name the streams of the configuration."""
    routed = (str(route.to) for route in settings.route if route.to.scheme == "stream")
    names = dict.fromkeys((*(f"stream:{name}" for name in settings.stream), *routed))
    return f"; the configuration has: {', '.join(names)}" if names else ""


async def _status(args: argparse.Namespace, settings: Settings, hub: Hub) -> int:
    found = await hub.status()
    if not found.partitions:
        sys.stderr.write(f"{args.stream}: nothing was ever appended to it{_known(settings)}\n")
        return 1
    if args.json:
        _print_json(found)
        return 0
    _print([f"{found.partitions} partitions, {found.length} messages, {found.dead} dead letters"])
    _print(
        f"{one.name}: {one.waiting} wait, {one.in_hand} in hand; {one.consumers or 'nobody works'}"
        for one in found.groups
    )
    return 0


async def _dead(args: argparse.Namespace, _: Settings, hub: Hub) -> int:
    found = [letter async for letter in hub.letters(args.group, args.id)]
    shown = found[: args.limit]
    if args.json:
        _print_json([hub.outline(letter) for letter in shown])
        return 0
    _print(map(_line, shown))
    if len(found) > len(shown):
        sys.stderr.write(f"{len(shown)} of {len(found)}; more with --limit\n")
    return 0


def _line(letter: DeadLetter) -> str:
    parts = (written(letter.buried), letter.group, letter.key, letter.id)
    return "  ".join((*parts, f"after {letter.attempts}", letter.reason))


async def _replay(args: argparse.Namespace, settings: Settings, hub: Hub) -> int:
    from wxgate.dispatch.outlets import Outlets, UnknownDestinationError  # noqa: PLC0415
    from wxgate.dispatch.replay import Replay  # noqa: PLC0415

    found = [letter async for letter in hub.letters(args.group, args.id)]
    sys.stderr.write(f"{len(found)} dead letters\n")
    if args.dry_run:
        return 0
    # Functions that --to names are the team's own, beside the working directory.
    sys.path.insert(0, str(Path.cwd()))
    outlets, replay = Outlets(settings), Replay(args.rate)
    try:
        outlet = outlets.get(args.to)
        for letter in found:
            nodes = outlet.nodes(letter)
            if await replay.deliver(letter, args.to, outlet.place.sink, nodes):
                await hub.drop(letter)
    except UnknownDestinationError as error:
        sys.stderr.write(f"--to: {error}\n")
        return 2
    finally:
        await outlets.aclose()
    return report(replay, as_json=args.json)


async def _drop(args: argparse.Namespace, _: Settings, hub: Hub) -> int:
    if not (args.group or args.id or args.all):
        sys.stderr.write("drop which? Give a condition, or --all\n")
        return 2
    dropped = 0
    async for letter in hub.letters(args.group, args.id):
        dropped += await hub.drop(letter)
    if args.json:
        _print_json({"dropped": dropped})
    else:
        _print([f"{dropped} dead letters dropped"])
    return 0


async def _forget(args: argparse.Namespace, _: Settings, hub: Hub) -> int:
    if working := await hub.members(args.group):
        sys.stderr.write(f"{', '.join(working)} still work for {args.group}; stop them first\n")
        return 1
    forgotten = await hub.forget(args.group)
    if args.json:
        _print_json({"forgotten": forgotten})
    else:
        _print([f"{args.group} is forgotten" if forgotten else f"there is no group {args.group}"])
    return 0 if forgotten else 1


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _print_json(value: Any) -> None:  # noqa: ANN401 (whatever is shown)
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
