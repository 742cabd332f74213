"""The servers under measurement: how each is started, and when it is ready."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import client
from bare import GRANIAN
from wechat import AES_KEY, APPID, TOKEN
from wxgate.sim.demo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATH = "/cb/shop"
WITHIN = 20.0
"""Seconds in which a server must answer its first message."""

_BIN = Path(sys.executable).parent
_CONFIG = """\
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
[account.shop]
kind = "official"
appid = "{appid}"
token = ["env:SHOP_TOKEN"]
aes_key = ["env:SHOP_AES_KEY"]
[[route]]
to = "{to}"
{more}"""
_ENVIRONMENT = {
    "SHOP_TOKEN": TOKEN,
    "SHOP_AES_KEY": AES_KEY,
    "APPID": APPID,
    "PYTHONPATH": str(HERE / "apps"),
    # As installed: compiled once, not at every start, whatever this shell says of bytecode.
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(ROOT / ".cache/bytecode"),
}


@dataclass(frozen=True, slots=True)
class Server:
    """One row of the results; ``to`` is where its route leads if it is wxgate."""

    name: str
    to: str | None = None
    command: tuple[str, ...] = ()
    more: str = ""
    """Further lines of its route."""


def servers(upstream: int) -> list[Server]:
    """All that can run here; ``upstream`` is the receiver's port."""
    granian = (str(_BIN / "granian"), *GRANIAN, "--interface")
    return [
        Server("wxgate, to `log:`", to="log:"),
        Server("wxgate, to a Python handler", to="python:handler:take"),
        Server("wxgate, to an HTTP service", to=f"http://127.0.0.1:{upstream}/"),
        Server("granian RSGI, empty", command=(*granian, "rsgi", "empty:rsgi")),
        Server("granian ASGI, empty", command=(*granian, "asginl", "empty:asgi")),
    ]


@contextmanager
def receiver(folder: Path) -> Iterator[int]:
    """Run the service that messages are handed to; gives its port."""
    port = free_port()
    with receiver_at(port, folder):
        yield port


@contextmanager
def receiver_at(port: int, folder: Path) -> Iterator[None]:
    """Run it on a given port."""
    with _running([sys.executable, str(HERE / "receiver.py"), str(port)], folder / "receiver"):
        taken(port)
        yield


def taken(port: int) -> int:
    """How many messages the receiver has got."""
    return int(_exchange(port, b"GET / HTTP/1.1\r\n\r\n")[1])


def delivered(admin: int, count: int, within: float = WITHIN) -> None:
    """Wait until a gateway has delivered ``count`` messages in all."""
    until = time.monotonic() + within
    while (told := delivered_by(admin)) < count:
        assert time.monotonic() < until, f"acknowledged {count}, delivered {told}"
        time.sleep(0.002)
    assert told == count, "delivered more than was acknowledged"


def delivered_by(admin: int) -> int:
    """How many messages a gateway has delivered so far, by its own count."""
    with socket.create_connection(("127.0.0.1", admin), timeout=WITHIN) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return sum(map(int, re.findall(r"^wxgate_delivered_total\{.*\} (\d+)$", text, re.MULTILINE)))


@contextmanager
def started(server: Server, folder: Path) -> Iterator[tuple[int, int, int]]:
    """Run one in ``folder``; gives its process id, its port and its operator's, at once."""
    folder.mkdir(parents=True, exist_ok=True)
    port, admin = free_port(), free_port()
    command = [*server.command, "--port", str(port)]
    if server.to is not None:
        text = _CONFIG.format(port=port, admin=admin, appid=APPID, to=server.to, more=server.more)
        (folder / "wxgate.toml").write_text(text)
        command = [str(_BIN / "wxgate"), "serve"]
    with _running(command, folder) as pid:
        yield pid, port, admin


def acknowledged(port: int, number: int) -> None:
    """Send one message again and again until it is acknowledged."""
    status, body = _exchange(port, client.request(PATH, "325 B", number))
    if (status, body) != (200, b"success"):
        raise client.WrongAnswerError(status, body)


def _exchange(port: int, request: bytes) -> tuple[int, bytes]:
    until = time.monotonic() + WITHIN
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as connection:
                connection.sendall(request)
                received = b""
                while (got := client.answer(received)) is None:
                    more = connection.recv(65536)
                    if not more:
                        raise ConnectionResetError
                    received += more
                return got
        except ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.001)


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | _ENVIRONMENT, stdout=output, stderr=output
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
