"""A caller that needs no server, and WeChat's part towards a gateway."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wxgate.sim.call import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wxgate import Gateway
    from wxgate.sim.message import Message
    from wxgate.sim.player import Player


@dataclass(slots=True)
class Theatre:
    """A gateway on stage, and WeChat's part towards each of its accounts."""

    gateway: Gateway
    players: dict[str, Player]
    folder: Path

    def call(self, account: str, kind: str, what: str | None = None) -> tuple[Message, Call]:
        """A genuine call."""
        message = self.players[account].message(kind, what)
        return message, self.players[account].call(message, int(time.time()))

    async def play(self, account: str, kind: str, what: str | None = None) -> Answer:
        """Make a genuine call and return the answer."""
        return await ask(self.gateway, self.call(account, kind, what)[1])

    def total(self, account: str, column: str) -> int:
        """One counter."""
        state = self.gateway._state  # noqa: SLF001 (the counters have no other way out here)
        assert state is not None
        return state.counters.total(account, column)


async def ask(gateway: Gateway, call: Call, *, chunks: Sequence[bytes] | None = None) -> Answer:
    """Call the gateway as an ASGI server does."""
    answer, _ = await ask_with_headers(gateway, call, chunks=chunks)
    return answer


async def ask_with_headers(
    gateway: Gateway, call: Call, *, chunks: Sequence[bytes] | None = None
) -> tuple[Answer, list[tuple[bytes, bytes]]]:
    """As `ask`, with the answer's headers. Without `chunks` the length is announced."""
    parts = list(chunks) if chunks is not None else [call.body]
    headers = [(name.lower().encode(), value.encode()) for name, value in call.headers]
    if chunks is None:
        headers.append((b"content-length", str(len(call.body)).encode()))
    scope = {
        "type": "http",
        "method": call.method,
        "path": call.path,
        "query_string": call.query.encode(),
        "headers": headers,
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    started = time.perf_counter()
    await gateway(scope, receive, send)
    start, body = sent
    took = time.perf_counter() - started
    return Answer(start["status"], body["body"], took), start["headers"]
