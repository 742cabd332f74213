"""The least that granian can do for a callback: read the body, answer ``success``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from granian.rsgi import HTTPProtocol, Scope

_HEADERS = [("content-type", "text/plain; charset=utf-8")]
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"7")],
}
_BODY = {"type": "http.response.body", "body": b"success"}


class Rsgi:
    """Under granian's own interface."""

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        del scope
        assert await protocol()
        protocol.response_bytes(200, _HEADERS, b"success")


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer one request."""
    if scope["type"] == "lifespan":
        return
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    assert body
    await send(_START)
    await send(_BODY)


rsgi = Rsgi()
