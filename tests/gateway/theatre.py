"""A caller that needs no server, and WeChat's part towards a gateway."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wxgate import Gateway
from wxgate.sim.call import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from wxgate.flights import Flights
    from wxgate.running import State
    from wxgate.sim.message import Message
    from wxgate.sim.player import Player


_DELIVERIES = re.compile(r'^wxgate_(\w+)_total\{destination="(.*)"\} (\d+)$', re.MULTILINE)
_PATIENCE_S = 20


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

    async def again(self, account: str, message: Message) -> Answer:
        """Make one more try of a message, sealed anew."""
        call = self.players[account].call(message, int(time.time()))
        return await ask(self.gateway, call)

    def restarted(self) -> Theatre:
        """Return it with a new gateway on the same folder, which has no handlers yet."""
        return replace(self, gateway=Gateway(self.folder / "wxgate.toml"))

    @property
    def state(self) -> State:
        """What the gateway holds while it is open."""
        state = self.gateway._state  # noqa: SLF001 (there is no other way in)
        assert state is not None
        return state

    @property
    def flights(self) -> Flights:
        """What is under way."""
        return self.state.pipeline.flights

    def total(self, account: str, column: str) -> int:
        """One counter of an account."""
        return self.state.counters.total(account, column)

    def deliveries(self, column: str = "delivered") -> dict[str, int]:
        """One counter of every destination, as Prometheus reads it."""
        found = _DELIVERIES.findall(self.state.counters.render())
        return {place: int(count) for name, place, count in found if name == column}

    async def counted(self, count: int, column: str = "delivered") -> None:
        """Wait until so many deliveries are counted; there must never be more."""
        await until(lambda: sum(self.deliveries(column).values()) >= count)
        assert sum(self.deliveries(column).values()) == count


async def until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(_PATIENCE_S):
        while not holds():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.002)


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
        "client": ("192.0.2.7", 4711),
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
