"""Plays too many of WeChat's servers: an open loop, in a process of its own.

Reads a job from its input, builds every request beforehand, says ``ready``, waits for ``go``, sends
each at its time whatever became of the others, and writes what it saw. A request that finds every
connection taken is sent as soon as one is free; it is late from the time at which it was due.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import client
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
from wechat import TEXT, USER, push

_TICK_S = 0.001
_CLASSES = {
    # Of a hundred messages; the names are those of wxgate's classes.
    "pay": (6, b"xpay_goods_deliver_notify"),
    "refund": (2, b"xpay_refund_notify"),
    "authorisation": (2, b"user_authorization_revoke"),
    "user": (75, None),
    "passing": (15, b"LOCATION"),
}


@dataclass(slots=True)
class Request:
    """One message; times are the loop's."""

    kind: str
    wire: bytes
    due: float = 0.0
    sent: float = 0.0
    status: int = 0
    done: float = 0.0


def _message(event: bytes | None) -> bytes:
    if event is None:
        return TEXT
    name = b"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[" + event + b"]]></Event>"
    return TEXT.replace(b"<MsgType><![CDATA[text]]></MsgType>", name)


def build(path: str, first: int, count: int) -> list[Request]:
    """Write the requests, in a random order that is always the same."""
    chance = random.Random(first)  # noqa: S311 (a run that can be repeated)
    kinds = chance.choices(list(_CLASSES), [share for share, _ in _CLASSES.values()], k=count)
    messages = {kind: _message(event) for kind, (_, event) in _CLASSES.items()}
    made = []
    for number, kind in enumerate(kinds, first):
        user = f"o{chance.getrandbits(64):027d}".encode()
        sent = push(messages[kind].replace(USER.encode(), user), number)
        assert user != USER.encode()
        head = (
            f"POST {path}?{sent.query} HTTP/1.1\r\nHost: gateway.example.com\r\n"
            "User-Agent: Mozilla/4.0\r\nAccept: */*\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {len(sent.body)}\r\n\r\n"
        )
        made.append(Request(kind, head.encode() + sent.body))
    return made


@dataclass(slots=True)
class Flood:
    """All requests, and who is free to carry one."""

    requests: deque[Request]
    rate: float
    over: asyncio.Future[None]
    free: list[_Connection] = field(default_factory=list)
    waiting: deque[Request] = field(default_factory=deque)
    open: int = 0
    started: float = 0.0

    def tick(self) -> None:
        """Send what is due."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self.requests and self.requests[0].due + self.started <= now:
            request = self.requests.popleft()
            request.due += self.started
            self.waiting.append(request)
        while self.waiting and self.free:
            self.free.pop().send(self.waiting.popleft())
        if self.requests or self.waiting or self.open:
            loop.call_later(_TICK_S, self.tick)
        elif not self.over.done():
            self.over.set_result(None)


class _Connection(asyncio.Protocol):
    """Carries a request at a time."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._received = b""
        self._request: Request | None = None
        self._time = asyncio.get_running_loop().time

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        self._transport = transport
        self._flood.free.append(self)

    def send(self, request: Request) -> None:
        """Carry one."""
        self._request = request
        self._flood.open += 1
        request.sent = self._time()
        self._transport.write(request.wire)

    def data_received(self, data: bytes) -> None:
        self._received += data
        got = client.answer(self._received)
        if got is None or self._request is None:
            return
        self._request.status, self._request.done = got[0], self._time()
        self._received = b""
        self._request = None
        self._flood.open -= 1
        if self._flood.waiting:
            self.send(self._flood.waiting.popleft())
        else:
            self._flood.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._flood.over.done():
            self._flood.over.set_exception(exc or ConnectionError("closed by the server"))


async def play(job: dict[str, Any], requests: list[Request]) -> None:
    """Send them all."""
    loop = asyncio.get_running_loop()
    for at, request in enumerate(requests):
        request.due = at / job["rate"]
    flood = Flood(deque(requests), job["rate"], loop.create_future())
    for _ in range(job["connections"]):
        await loop.create_connection(lambda: _Connection(flood), "127.0.0.1", job["port"])
    flood.started = loop.time()
    flood.tick()
    await flood.over


def main() -> None:
    """Do one job."""
    job = json.loads(sys.stdin.readline())
    requests = build(job["path"], job["first"], job["messages"])
    print("ready", flush=True)  # noqa: T201 (the other process waits for it)
    sys.stdin.readline()
    uvloop.run(play(job, requests))
    began = requests[0].due
    rows = [
        (one.kind, one.status, one.due - began, one.sent - one.due, one.done - one.sent)
        for one in requests
    ]
    print(json.dumps(rows), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
