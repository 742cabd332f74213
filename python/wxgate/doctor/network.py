"""Destinations and listeners: whether anything answers where messages go, and who listens here."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wxgate.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.settings import Settings
    from wxgate.settings.texts import Address

_PATIENCE_S = 1.0
_PORTS = {"http": 80, "https": 443}


async def destinations(settings: Settings) -> list[Finding]:
    """Connect to every node at once, and import every function."""
    nodes = dict(_addresses(settings))
    reached = await asyncio.gather(*(_reach(url, setting) for url, setting in nodes.items()))
    return [*reached, *_functions(settings)]


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, upstream in settings.upstream.items():
        for node in upstream.nodes:
            yield str(node.url), f"upstream.{name}.nodes"
    for at, route in enumerate(settings.route):
        if route.to.scheme == "http":
            yield str(route.to.place), f"route[{at}].to"


async def _reach(url: str, setting: str) -> Finding:
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    if await _connects(parts.hostname or "", port):
        return Finding("ok", url, "something listens")
    return Finding("fail", url, "nobody listens", "the service", setting)


async def _connects(host: str, port: int) -> bool:
    # A host that no name server could be asked for is a UnicodeError.
    with contextlib.suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
    return False


def _functions(settings: Settings) -> Iterator[Finding]:
    # As `wxgate serve` does it: the team's own modules lie beside the configuration.
    sys.path.insert(0, str(Path.cwd()))
    for at, route in enumerate(settings.route):
        if route.to.scheme == "python":
            yield _function(route.to.place, f"route[{at}].to")


def _function(place: str, setting: str) -> Finding:
    module, _, name = place.partition(":")
    subject = f"python:{place}"
    try:
        # What the module prints must not get between the findings.
        with contextlib.redirect_stdout(sys.stderr):
            function = getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the team's own may raise anything)
        return Finding("fail", subject, _missing(module, name, error), "a function", setting)
    if not callable(function):
        return Finding("fail", subject, f"{name} is no function", "a function", setting)
    kind = "an async function" if inspect.iscoroutinefunction(function) else "a plain function"
    return Finding("ok", subject, kind)


def _missing(module: str, name: str, error: BaseException) -> str:
    """Say what is not there; what else a module raises may hold anything, and is not quoted."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        where = "" if error.name == module else f", which {module} imports"
        return f"there is no module {error.name}{where}"
    if isinstance(error, AttributeError) and error.name == name:
        return f"there is no {name} in {module}"
    return f"{module} cannot be imported: {type(error).__name__}"


async def listeners(settings: Settings) -> list[Finding]:
    """Say whether the ports are free, or a wxgate has them already."""
    server = settings.server
    running = server.admin is not None and await _is_wxgate(server.admin)
    found = [("server.listen", server.listen), ("server.admin", server.admin)]
    return [await _port(name, at, running=running) for name, at in found if at is not None]


async def _port(setting: str, address: Address, *, running: bool) -> Finding:
    reason = await _bind(address)
    if reason is None:
        return Finding("ok", str(address), "free")
    if reason != errno.EADDRINUSE:
        found = f"cannot be listened on: {os.strerror(reason) if reason > 0 else 'no such host'}"
        return Finding("fail", str(address), found, "an address of this machine", setting)
    if running:
        return Finding("ok", str(address), "a wxgate is serving here")
    return Finding("fail", str(address), "taken by another process", "a free port", setting)


async def _bind(address: Address) -> int | None:
    """Listen for a moment; return the error number that keeps from it, below 0 for a name's."""
    try:
        server = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, address.host, address.port, start_serving=False
        )
    except UnicodeError:
        return socket.EAI_NONAME
    except OSError as error:
        return error.errno or errno.EIO
    server.close()
    return None


async def _is_wxgate(admin: Address) -> bool:
    with contextlib.suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(admin.host, admin.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: admin\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer.endswith(b"\r\n\r\nok\n")
    return False
