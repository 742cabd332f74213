"""A crowd of callers who are slow or silent, in a process of its own: ``PORT COUNT KIND SOURCE``.

So it has descriptors of its own, and calls from an address of its own: ports are no limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AT_ONCE = 200
"""Connections that are being opened at the same time; of those who say nothing, all."""
_DRIP_S = 1.0
_TELL_S = 0.05
_SMALL = 2048
"""Bytes that who reads nothing has room for."""
_SPARE = 100
"""Descriptors for all else."""
_CHOOSE_PORT_LATER = 24
"""``IP_BIND_ADDRESS_NO_PORT``: with thousands open it is much work to find a free one."""
_ESTABLISHED, _LISTENS = "01", "0A"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a caller says at first, and then once a second."""

    first: bytes = b""
    then: bytes = b""
    reads: bool = True


DEAF_ASKS = 20_000
_HEAD = b"POST /cb/shop?signature=x HTTP/1.1\r\nhost: gateway.example.com\r\n"
_ASKS = b"GET /cb/shop HTTP/1.1\r\nhost: gateway.example.com\r\n\r\n"
KINDS = {
    "silent": Kind(),
    "heads": Kind(_HEAD, b"x-more: to come\r\n"),
    "bodies": Kind(_HEAD + b"content-length: 1000\r\n\r\n", b"<"),
    # More answers than the kernel keeps for somebody who does not take them.
    "deaf": Kind(DEAF_ASKS * _ASKS, reads=False),
}


def descriptors() -> int:
    """How many connections a process of this machine may open; its own limit is raised to that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard - _SPARE


def waiting(port: int) -> int:
    """How many connections to a port of this machine nobody has accepted yet."""
    return sum(
        int(queues.split(":")[1], 16)
        for local, _, state, queues in _sockets()
        if state == _LISTENS and local.endswith(_written(port))
    )


def _sockets() -> Iterator[list[str]]:
    """The kernel's: addresses of both ends, state, and what is queued; listeners first."""
    with Path("/proc/net/tcp").open() as lines:
        next(lines)
        for line in lines:
            yield line.split()[1:5]


def _written(port: int) -> str:
    return f":{port:04X}"


class Crowd:
    """So many callers of a kind; gone with the test. An async context manager."""

    def __init__(self, port: int, count: int, kind: str, source: int = 2) -> None:
        """Call ``port`` from 127.0.0.``source``."""
        self.begun = self.opened = 0
        """Connections that knocked, and those that were let in, by the kernel at least."""
        self.most = 0
        """The most that were open at once."""
        self.count = count
        self._port, self._source = port, f"127.0.0.{source}"
        self._arguments = (str(port), str(count), kind, self._source)
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def let_in(self) -> int:
        """How many of them the gateway has not hung up on, as the kernel has it."""
        theirs = "".join(f"{int(part):02X}" for part in reversed(self._source.split(".")))
        return sum(
            local.endswith(_written(self._port)) and remote.startswith(theirs)
            for local, remote, state, _ in _sockets()
            if state == _ESTABLISHED
        )

    async def until(self, holds: Callable[[Crowd], bool], patience: float = 60.0) -> None:
        """Wait until something holds of it."""
        async with asyncio.timeout(patience):
            while not holds(self):
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        """Begin to call."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"{__package__}.{Path(__file__).stem}", *self._arguments),
            cwd=Path(__file__).parents[1],
            stdout=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._reading = asyncio.create_task(self._follow(self._process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Have all of them gone."""
        assert self._process is not None
        assert self._reading is not None
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def _follow(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            self.begun, self.opened, self.most = json.loads(line)
            self._changed.set()


class _Callers:
    """All callers of the process."""

    def __init__(self, port: int, count: int, kind: Kind, source: str) -> None:
        self.kind = kind
        self._port = port
        self._left = count
        self._source = source
        self._begun = self._opened = self._most = 0
        self._open: set[asyncio.Transport] = set()
        self._deaf: list[socket.socket] = []
        self._telling: asyncio.TimerHandle | None = None

    async def call(self) -> None:
        """Open all connections, and go on with each as its kind does."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._drip())
            for _ in range(_AT_ONCE if self.kind.first else self._left):
                group.create_task(self._some())

    async def _some(self) -> None:
        loop = asyncio.get_running_loop()
        while self._left > 0:
            self._left -= 1
            self._begun += 1
            self._tell()
            one = socket.socket()
            one.setblocking(False)
            if not self.kind.reads:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
            one.setsockopt(socket.IPPROTO_IP, _CHOOSE_PORT_LATER, 1)
            one.bind((self._source, 0))
            # Who is not let in at all is one more that has gone.
            with contextlib.suppress(OSError):
                await loop.sock_connect(one, ("127.0.0.1", self._port))
                if self.kind.reads:
                    await loop.create_connection(lambda: _Caller(self), sock=one)
                else:
                    self._opened += 1
                    self._tell()
                    self._deaf.append(one)
                    # A loop would read: this one is only written to.
                    await loop.sock_sendall(one, self.kind.first)

    async def _drip(self) -> None:
        while True:
            await asyncio.sleep(_DRIP_S)
            for transport in list(self._open) if self.kind.then else ():
                transport.write(self.kind.then)

    def has_come(self, transport: asyncio.Transport) -> None:
        """Count one more."""
        self._open.add(transport)
        self._opened += 1
        self._most = max(self._most, len(self._open))
        self._tell()

    def has_gone(self, transport: asyncio.Transport) -> None:
        """Say no more to one that was closed."""
        self._open.discard(transport)

    def _tell(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TELL_S, self._say)

    def _say(self) -> None:
        self._telling = None
        counts = (self._begun, self._opened, self._most)
        print(json.dumps(counts), flush=True)  # noqa: T201 (the test waits for it)


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, callers: _Callers) -> None:
        self._callers = callers
        self._transport: asyncio.Transport

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        self._transport = transport
        transport.write(self._callers.kind.first)
        self._callers.has_come(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._callers.has_gone(self._transport)


async def _main(port: str, count: str, kind: str, source: str) -> None:
    descriptors()
    callers = _Callers(int(port), int(count), KINDS[kind], source)
    calling = asyncio.create_task(callers.call())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()  # until the test is gone
    calling.cancel()


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
