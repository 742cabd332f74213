"""The gateway under RSGI, granian's own interface: the faster one where a body is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate import refused
from wxgate.deadlines import within

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    from wxgate.flight import Answer
    from wxgate.running import State


class _TooLargeError(Exception):
    """The body is over the limit."""


async def serve(state: State, scope: Scope, protocol: HTTPProtocol) -> None:
    """Answer one HTTP request."""
    try:
        status, content_type, body, *wait = await _answer(state, scope, protocol)
    except _hung_up():
        return
    headers = [("content-type", content_type), *refused.headers(status, *wait)]
    protocol.response_bytes(status, headers, body)


def _hung_up() -> tuple[type[Exception], ...]:
    """What granian raises if the peer closes before the body is complete."""
    # Imported here: a gateway under ASGI need not carry granian.
    from granian.rsgi import ProtocolClosed, ProtocolError  # noqa: PLC0415

    return ProtocolClosed, ProtocolError


async def _answer(state: State, scope: Scope, protocol: HTTPProtocol) -> Answer:
    path = scope.path
    if (refusal := state.pipeline.refuses_unread(path)) is not None:
        return refusal
    try:
        body = await within(state.pipeline.reading, _body(scope, protocol, state.pipeline.max_body))
    except _TooLargeError:
        return state.pipeline.refuse(path, "request.too_large")
    except TimeoutError:
        return state.pipeline.refuse(path, "request.stalled")
    finally:
        state.pipeline.has_read()
    headers = []
    if state.pipeline.wants_headers(path):
        headers = _headers(scope)
    peer = scope.client if state.pipeline.wants_peer else None
    return await state.pipeline.answer(scope.method, path, scope.query_string, headers, body, peer)


def _headers(scope: Scope) -> list[tuple[str, str]]:
    """All of them, repeated ones too: a doubled signature must be seen."""
    return scope.headers.items()


def _body(scope: Scope, protocol: HTTPProtocol, limit: int) -> Awaitable[bytes]:
    """The length header bounds the read, hyper keeps to it; without one the chunks are counted."""
    # The headers are copied each time that they are looked at: the server may have done so before.
    known: int | None = getattr(protocol, "length", None)
    if known is not None and known <= limit:
        return protocol()
    length = scope.headers.get("content-length")
    if length is None:
        return _chunks(scope, protocol, limit)
    if not length.isdigit() or int(length) > limit:
        raise _TooLargeError
    return protocol()


async def _chunks(scope: Scope, protocol: HTTPProtocol, limit: int) -> bytes:
    if scope.method == "GET":
        return b""
    chunks = []
    size = 0
    async for chunk in protocol:
        size += len(chunk)
        if size > limit:
            raise _TooLargeError
        chunks.append(chunk)
    return b"".join(chunks)
