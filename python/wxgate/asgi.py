"""The same gateway under ASGI: for tests, and for servers other than granian."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from wxgate import refused
from wxgate.deadlines import within

if TYPE_CHECKING:
    from wxgate.flight import Answer
    from wxgate.running import State

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _TooLargeError(Exception):
    """The body is over the limit."""


class _GoneError(Exception):
    """The peer closed before the body was complete."""


async def serve(state: State, scope: Message, receive: Receive, send: Send) -> None:
    """Answer one HTTP request."""
    try:
        answer = await _answer(state, scope, receive)
    except _GoneError:
        return
    status, content_type, body, *wait = answer
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    headers += [(name.encode(), value.encode()) for name, value in refused.headers(status, *wait)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(state: State, scope: Message, receive: Receive) -> Answer:
    path = scope["path"]
    raw = scope["headers"]
    if (refusal := state.pipeline.refuses_unread(path)) is not None:
        return refusal
    try:
        body = await within(state.pipeline.reading, _body(raw, receive, state.pipeline.max_body))
    except _TooLargeError:
        return state.pipeline.refuse(path, "request.too_large")
    except TimeoutError:
        return state.pipeline.refuse(path, "request.stalled")
    finally:
        state.pipeline.has_read()
    headers = []
    if state.pipeline.wants_headers(path):
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    query = scope["query_string"].decode("latin-1")
    peer = None
    if state.pipeline.wants_peer and (client := scope.get("client")):
        peer = client[0]
    return await state.pipeline.answer(scope["method"], path, query, headers, body, peer)


async def _body(headers: list[tuple[bytes, bytes]], receive: Receive, limit: int) -> bytes:
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise _TooLargeError
    chunks = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _TooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
