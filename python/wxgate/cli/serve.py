"""`wxgate serve`: run the gateway."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.cli import options
from wxgate.errors import TakenError
from wxgate.journals import unfit
from wxgate.settings import core_problems, load

if TYPE_CHECKING:
    import argparse

    from wxgate.settings import Settings
    from wxgate.settings.texts import Address


def add(commands: options.Commands) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser("serve", help="run the gateway")
    options.config(parser)
    parser.add_argument(
        "--app", metavar="MODULE:NAME", help="a Gateway of your own, with its handlers"
    )


def _cannot_start(app: str | None, settings: Settings) -> str:
    """Say what granian would only say in a traceback; nothing, as a rule."""
    module, colon, _ = (app or "a:b").partition(":")
    if not colon:
        return f"--app {app}: the name of the gateway is missing; expected {app}:NAME"
    if app is not None and not _is_there(module):
        return f"--app {app}: there is no module {module} in {Path.cwd()}; expected MODULE:NAME"
    named = (("server.listen", settings.server.listen), ("server.admin", settings.server.admin))
    for setting, address in named:
        if address is not None and _is_taken(address):
            return f"{setting}: {address} is taken by another process; choose a free port"
    return ""


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # Of a package that is not there.
        return False


def _is_taken(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def run(args: argparse.Namespace) -> int:
    """Serve until a signal."""
    # Until there is somebody to hear it, it must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = load(args.config)
    if problems := core_problems(settings):
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    # Functions that routes and --app name are the team's own, beside the configuration.
    sys.path.insert(0, str(Path.cwd()))
    if obstacle := _cannot_start(args.app, settings):
        sys.stderr.write(f"{obstacle}\n")
        return 2
    if (unusable := unfit(settings.journal)) is not None:
        sys.stderr.write(f"{unusable}\n")
        return 1
    from wxgate.serve import serve  # noqa: PLC0415 (granian: after the configuration was found sound)

    try:
        return serve(args.config, settings, args.app)
    except (TakenError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
