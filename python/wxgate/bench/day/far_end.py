"""The service at the far end of the day: takes batches of events and counts their ids.

A process of its own: ``python -m wxgate.bench.day.far_end PORT``. A GET says how many events it has
taken and how many different ids they had.
"""

from __future__ import annotations

import asyncio
import sys
from hashlib import blake2b

import msgspec
import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class Taken(msgspec.Struct, frozen=True):
    """What has arrived."""

    events: int
    ids: int


class _Event(msgspec.Struct):
    id: str


_ONE = msgspec.json.Decoder(_Event)
_BATCH = msgspec.json.Decoder(list[_Event])


class Tally:
    """Ids as 8 bytes each: of 20 million, two meet once in 90,000 days."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self._events = 0
        self._ids: set[bytes] = set()

    def take(self, body: bytes) -> None:
        """Count one event or a batch."""
        events = _BATCH.decode(body) if body.startswith(b"[") else [_ONE.decode(body)]
        self._events += len(events)
        self._ids.update(blake2b(one.id.encode(), digest_size=8).digest() for one in events)

    @property
    def taken(self) -> Taken:
        """What has arrived so far."""
        return Taken(self._events, len(self._ids))


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
            is_post = self._received.startswith(b"POST ")
            del self._received[:whole]
            self._answer(body if is_post else None)

    def _answer(self, body: bytes | None) -> None:
        text = b""
        if body is None:
            text = msgspec.json.encode(self._tally.taken)
        else:
            self._tally.take(body)
        self._transport.write(_HEAD % (len(text), text))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(port: int) -> None:
    """Listen until killed."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Service(tally), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
