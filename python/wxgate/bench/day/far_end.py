"""The far end of the day: takes events and counts the messages that they tell of.

A process of its own. ``python -m wxgate.bench.day.far_end PORT`` is a service that takes batches of
events; with ``REDIS PREFIX`` behind it, it reads the day's stream there instead. Either way a GET
of ``/`` says how many events it has taken, one of ``/ids`` of how many different messages too.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import uvloop

from wxgate import tuning
from wxgate.bench.day import reader
from wxgate.bench.day.tally import Event, Tally

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


_ONE = msgspec.json.Decoder(Event)
_BATCH = msgspec.json.Decoder(list[Event])


def count(tally: Tally, body: bytes) -> None:
    """Count one event or a batch."""
    events = _BATCH.decode(body) if body.startswith(b"[") else [_ONE.decode(body)]
    for event in events:
        tally.add(event)


class _Service(asyncio.Protocol):
    """Reads requests with a length, one after the other."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._received = bytearray()

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (blank := self._received.find(b"\r\n\r\n")) >= 0:
            end = blank + 4
            whole = end + _length(bytes(self._received[:end]))
            if len(self._received) < whole:
                return
            body = bytes(self._received[end:whole])
            line = bytes(self._received[: self._received.find(b"\r\n")])
            del self._received[:whole]
            self._answer(line, body)

    def _answer(self, line: bytes, body: bytes) -> None:
        text = b""
        if line.startswith(b"POST "):
            count(self._tally, body)
        else:
            text = msgspec.json.encode(self._tally.taken(ids=b" /ids " in line))
        self._transport.write(_HEAD % (len(text), text))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(port: int, *stream: str) -> None:
    """Listen, and read the stream at an address and under a prefix if there is one, until killed.

    Raises ``StoreError`` or ``hiredis.ReplyError`` where it cannot be read.
    """
    tally = Tally()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Service(tally), "127.0.0.1", port, backlog=1024)
    async with server:
        if stream:
            await reader.read(tally, *stream)
        await server.serve_forever()


if __name__ == "__main__":
    # As ``wxgate work`` does.
    tuning.settle_in()
    tuning.has_started()
    uvloop.run(serve(int(sys.argv[1]), *sys.argv[2:]))
