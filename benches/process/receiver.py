"""The team's service in the benches: takes every POST, and says on GET how many it has taken."""

from __future__ import annotations

import asyncio
import sys

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"


class _Counting(asyncio.Protocol):
    """Reads requests with a length, one after the other."""

    taken = 0

    def __init__(self) -> None:
        self._received = b""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            lines = self._received[:end].lower().split(b"\r\n")
            lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
            whole = end + 4 + sum(lengths)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._answer(lines[0])

    def _answer(self, line: bytes) -> None:
        text = b""
        if line.startswith(b"post "):
            _Counting.taken += 1
        else:
            text = str(_Counting.taken).encode()
        self._transport.write(_HEAD % (len(text), text))


async def main() -> None:
    """Listen until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Counting, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
