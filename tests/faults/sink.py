"""A service of the team's own that counts what it takes, and fails as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Self

import msgspec

from .gateway import lasting_port

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD_END = b"\r\n\r\n"
_OK = range(200, 300)
_MOMENT = 0.03
"""Seconds after which a call that was called off is surely known to be."""


class _Event(msgspec.Struct):
    """What is read of a CloudEvent."""

    id: str
    partitionkey: str
    data: dict[str, Any]


_EVENT = msgspec.json.Decoder(_Event)
_EVENTS = msgspec.json.Decoder(list[_Event])


class Manner(Enum):
    """How a request is answered."""

    ANSWER = auto()
    HANG = auto()
    """Not at all."""
    DRIP = auto()
    """One byte a second."""
    RESET = auto()
    """By a reset."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How the service behaves."""

    status: int = 200
    headers: str = ""
    delay: float = 0.0
    """Seconds before the answer."""
    manner: Manner = Manner.ANSWER


OK = Mode()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message in a request."""

    number: int
    id: str
    key: str
    asks: bool
    at: float = 0.0
    """When it came, in seconds of the loop's clock."""


@dataclass(slots=True)
class Shelf:
    """Multiset F: what was taken, in order."""

    taken: list[Arrival] = field(default_factory=list)
    numbers: Counter[int] = field(default_factory=Counter)
    """How often each message was taken."""
    arrived: Counter[int] = field(default_factory=Counter)
    """How often each message arrived, taken or not."""
    when: list[tuple[float, int]] = field(default_factory=list)
    """When each request came in (s of the loop's clock), with the status that it was given."""
    most_open: int = 0
    """The most requests that were open at once, for longer than a moment."""

    def put(self, arrival: Arrival) -> None:
        """Take a message."""
        self.taken.append(arrival)
        self.numbers[arrival.number] += 1

    def add(self, other: Shelf) -> None:
        """Count what another service took as well."""
        self.taken += other.taken
        self.numbers += other.numbers
        self.arrived += other.arrived

    @property
    def duplicates(self) -> int:
        """How many were taken more than once, counted by the times too many."""
        return sum(self.numbers.values()) - len(self.numbers)


def arrivals(content_type: bytes, body: bytes) -> list[Arrival]:
    """The messages of a request: one, or a batch."""
    events = _EVENTS.decode(body) if b"batch" in content_type else [_EVENT.decode(body)]
    now = asyncio.get_running_loop().time()
    return [_arrival(event, now) for event in events]


def _arrival(event: _Event, now: float) -> Arrival:
    text = str(event.data.get("EventKey") or event.data["Content"]).split(" ", 1)[0]
    return Arrival(int(text.removeprefix("?")), event.id, event.partitionkey, text[0] == "?", now)


class Sink:
    """Listens on a port of its own, which it keeps when it is closed and opened again."""

    def __init__(self, port: int = 0) -> None:
        """Not listening yet. Change ``mode`` at any time, or ``choose`` one for each message."""
        self.port = port or lasting_port()
        self.mode = OK
        self.choose: Callable[[Arrival], Mode] = lambda _: self.mode
        self.forgets: Callable[[Arrival], bool] = lambda _: False
        """What it says that it took, and loses."""
        self.check = OK
        """How it answers a GET: it is asked how it is."""
        self.shelf = Shelf()
        self.changed = asyncio.Event()
        """Set at each message that is taken."""
        self._server: asyncio.Server | None = None
        self.open_now = 0
        self.slow: set[asyncio.Future[None]] = set()
        self.connections: set[asyncio.Transport] = set()

    async def listen(self) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, backlog=1024, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def hang_up(self) -> None:
        """Refuse connections from now on, and reset those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self.connections):
            transport.abort()

    def count_open(self) -> None:
        """See how many requests are open."""
        self.shelf.most_open = max(self.shelf.most_open, self.open_now)

    async def until(self, holds: Callable[[], bool], patience: float = 20.0) -> bool:
        """Wait until ``holds``, looked at whenever something was taken; False if nothing comes."""
        while not holds():
            self.changed.clear()
            try:
                async with asyncio.timeout(patience):
                    await self.changed.wait()
            except TimeoutError:
                return holds()
        return True

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self.hang_up()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """Reads requests with a length, one after the other."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._received = b""
        self._transport: asyncio.Transport
        self._lost = asyncio.Event()

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        self._transport = transport
        self._sink.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._sink.connections.discard(self._transport)
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_HEAD_END)) >= 0:
            fields = dict(
                line.split(b": ", 1) for line in self._received[:end].lower().split(b"\r\n")[1:]
            )
            whole = end + 4 + int(fields.get(b"content-length", b"0"))
            if len(self._received) < whole:
                return
            is_check = self._received.startswith(b"GET ")
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            if is_check:
                self._checked(self._sink.check)
            else:
                self._request(arrivals(fields.get(b"content-type", b""), body))

    def _checked(self, mode: Mode) -> None:
        """Say how it is, or hang."""
        if mode.manner is Manner.ANSWER:
            self._transport.write(_response(mode, b""))

    def _request(self, messages: list[Arrival]) -> None:
        sink = self._sink
        mode = sink.choose(messages[0])
        sink.shelf.arrived.update(one.number for one in messages)
        sink.shelf.when.append((asyncio.get_running_loop().time(), mode.status))
        sink.open_now += 1
        # Not at once: that a try was called off comes by another connection than the next try.
        asyncio.get_running_loop().call_later(_MOMENT, sink.count_open)
        if mode.manner is Manner.RESET:
            sink.open_now -= 1
            self._transport.abort()
        elif mode.manner is Manner.ANSWER and not mode.delay:
            self._answer(mode, messages)
        else:
            task = asyncio.ensure_future(self._slowly(mode, messages))
            sink.slow.add(task)
            task.add_done_callback(sink.slow.discard)

    def _answer(self, mode: Mode, messages: list[Arrival]) -> None:
        """Take what is answered with 2xx, if anybody is there to hear of it."""
        self._sink.open_now -= 1
        if not self._transport.is_closing():
            self._transport.write(_response(mode, self._take(mode, messages)))

    def _take(self, mode: Mode, messages: list[Arrival]) -> bytes:
        """Put them on the shelf; return the reply to the user, which says how many there were."""
        if mode.status not in _OK:
            return b""
        for one in messages:
            if not self._sink.forgets(one):
                self._sink.shelf.put(one)
        self._sink.changed.set()
        if not messages[0].asks or len(messages) > 1:
            return b""
        return b'{"type":"text","content":"%d"}' % len(self._sink.shelf.taken)

    async def _slowly(self, mode: Mode, messages: list[Arrival]) -> None:
        await asyncio.sleep(mode.delay)
        if mode.manner is Manner.ANSWER:
            self._answer(mode, messages)
            return
        drip = iter(_response(mode, b"") if mode.manner is Manner.DRIP else b"")
        while not self._transport.is_closing():
            if (byte := next(drip, None)) is not None:
                self._transport.write(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._lost.wait()
        self._sink.open_now -= 1


def _response(mode: Mode, body: bytes) -> bytes:
    head = f"HTTP/1.1 {mode.status} X\r\n{mode.headers}content-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
