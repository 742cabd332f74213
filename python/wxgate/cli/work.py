"""Work on what a stream holds: its messages to a function or a service, many at once."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wxgate import tuning
from wxgate.cli import options
from wxgate.settings.texts import STREAM

if TYPE_CHECKING:
    from wxgate.settings import Settings

_EXAMPLES = """\
examples:
  wxgate work stream:wechat --to python:orders.messages:handle
  wxgate work stream:wechat --to http://127.0.0.1:9001/events --group billing --concurrency 16
"""


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser(
        "work",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stream", metavar="stream:NAME", help="what to work on")
    parser.add_argument(
        "--to",
        metavar="TARGET",
        required=True,
        help="who handles it: python:module:function, http://…, upstream:NAME",
    )
    parser.add_argument(
        "--group", metavar="G", type=_group, default="workers", help="each has every message once"
    )
    parser.add_argument("--consumer", metavar="NAME", default="", help="default: machine and pid")
    parser.add_argument(
        "--concurrency", metavar="N", type=options.count, help="messages handled at once"
    )
    parser.add_argument(
        "--timeout", metavar="S", type=_seconds, help="for one try; dispatch.timeout if absent"
    )
    parser.add_argument(
        "--give-up", metavar="S", type=_seconds, help="age of a message's last try, since its first"
    )
    parser.add_argument(
        "--grace", metavar="S", type=_seconds, default=10.0, help="for what is open at the end"
    )
    parser.add_argument(
        "--lease",
        metavar="S",
        type=_seconds,
        default=10.0,
        help="until what a consumer had goes to another that is not heard of",
    )
    parser.add_argument(
        "--redis", metavar="URL", default="", help="default: as configured, or $WXGATE_REDIS"
    )
    parser.add_argument(
        "--config", type=Path, metavar="PATH", help=f"default: {options.CONFIG}, if there is one"
    )


def _group(text: str) -> str:
    if not STREAM.fullmatch(text):
        reason = f'expected a name of a-z 0-9 _ -, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:  # noqa: PLR2004 (longer than anybody waits)
        reason = f'expected seconds, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return seconds


def run(args: argparse.Namespace) -> int:
    """Work until a signal."""
    # Imported here: redis costs as much as all the rest.
    import uvloop  # noqa: PLC0415

    from wxgate.work.join import name_of, settings_of  # noqa: PLC0415

    stream = name_of(args.stream)
    settings = _limited(settings_of(args.config), args)
    # Functions that --to names are the team's own, beside the working directory.
    sys.path.insert(0, str(Path.cwd()))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    tuning.settle_in()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(args, settings, stream))


def _limited(settings: Settings, args: argparse.Namespace) -> Settings:
    """Let the command line overrule the file."""
    table = settings.dispatch
    given = {"concurrency": args.concurrency, "workers": args.concurrency, "timeout": args.timeout}
    table = replace(table, **{name: value for name, value in given.items() if value is not None})
    if args.give_up is not None:
        table = replace(table, retry=replace(table.retry, give_up=args.give_up))
    return replace(settings, dispatch=table)


async def _work(args: argparse.Namespace, settings: Settings, stream: str) -> int:
    from wxgate.dispatch.outlets import Outlets, UnknownDestinationError  # noqa: PLC0415 (see run)
    from wxgate.work.join import Membership, join  # noqa: PLC0415
    from wxgate.work.worker import Worker  # noqa: PLC0415

    try:
        outlet = Outlets(settings).get(args.to)
    except UnknownDestinationError as error:
        sys.stderr.write(f"--to: {error}\n")
        return 2
    limits = outlet.place.limits
    if args.concurrency:
        limits = replace(limits, concurrency=args.concurrency)
    membership = Membership(
        stream=stream,
        group=args.group,
        consumer=args.consumer,
        redis=args.redis,
        lease=args.lease,
    )
    consumer = join(settings, membership)
    worker = Worker(consumer, replace(outlet.place, limits=limits), outlet.nodes)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    logging.getLogger("wxgate.work").info(
        "%s works on %s for group %s", consumer.name, args.stream, args.group
    )
    tuning.has_started()
    await worker.run(stop, args.grace)
    return 0
