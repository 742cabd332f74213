"""Plays WeChat: a closed loop over kept-alive connections, in a process of its own.

Reads a job from its input, builds every request beforehand, says ``ready``, waits for ``go``, sends
all, and writes what it saw. Every message has an id and a nonce of its own; every answer is
checked. What is refused for want of capacity, as where other programs have the processor, is sent
again. Its own cost is not part of any result: only the server's CPU time is reported.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
from wechat import SIZES, push

_SUCCESS = b"success"
_REFUSED = 503
_AGAIN_S = 0.01


class WrongAnswerError(Exception):
    """The server did not acknowledge a message."""


def request(path: str, size: str, number: int) -> bytes:
    """One request as it goes over the wire."""
    sent = push(SIZES[size], number)
    head = (
        f"POST {path}?{sent.query} HTTP/1.1\r\nHost: gateway.example.com\r\n"
        "User-Agent: Mozilla/4.0\r\nAccept: */*\r\nContent-Type: text/xml\r\n"
        f"Content-Length: {len(sent.body)}\r\n\r\n"
    )
    return head.encode() + sent.body


def answer(received: bytes) -> tuple[int, bytes] | None:
    """Status and body, or None while something is missing."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.lower().split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    return (int(lines[0][9:12]), body) if len(body) >= length else None


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._received = b""
        self._request = b""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        got = answer(self._received)
        if got is None:
            return
        if got[0] == _REFUSED:
            self._received = b""
            asyncio.get_running_loop().call_later(_AGAIN_S, self._send)
            return
        if got != (200, _SUCCESS):
            self._fail(WrongAnswerError(f"{got[0]}: {got[1][:80]!r}"))
            return
        self._received = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("closed by the server"))

    def _next(self) -> None:
        if self._requests:
            self._request = self._requests.pop()
            self._send()
        elif not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._transport.write(self._request)

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)


async def send(port: int, requests: list[bytes], connections: int) -> float:
    """Send them all; the seconds that it took."""
    loop = asyncio.get_running_loop()
    shares = [requests[at::connections] for at in range(connections)]
    done = [loop.create_future() for _ in shares]
    started = time.perf_counter()
    for share, future in zip(shares, done, strict=True):
        factory = partial(_Connection, share, future)
        await loop.create_connection(factory, "127.0.0.1", port)
    await asyncio.gather(*done)
    return time.perf_counter() - started


def main() -> None:
    """Do one job."""
    job = json.loads(sys.stdin.readline())
    requests = [
        request(job["path"], job["size"], job["first"] + at) for at in range(job["messages"])
    ]
    print("ready", flush=True)  # noqa: T201 (the other process waits for it)
    sys.stdin.readline()
    seconds = uvloop.run(send(job["port"], requests, job["connections"]))
    print(json.dumps({"seconds": seconds}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
