"""The gateway under RSGI, granian's own interface: the faster one where a body is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate import refused
from wxgate.deadlines import within

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    from wxgate.running import State


class _TooLargeError(Exception):
    """The body is over the limit."""


async def serve(state: State, scope: Scope, protocol: HTTPProtocol) -> None:
    """Answer one HTTP request."""
    pipeline = state.pipeline
    path = scope.path
    answer = pipeline.refuses_unread(path)
    body = b""
    if answer is None:
        try:
            body = await within(pipeline.reading, _body(scope, protocol, pipeline.max_body))
        except _TooLargeError:
            answer = pipeline.refuse(path, "request.too_large")
        except TimeoutError:
            answer = pipeline.refuse(path, "request.stalled")
        except _hung_up():
            return
        finally:
            pipeline.has_read()
    if answer is None:
        headers = _headers(scope) if pipeline.wants_headers(path) else []
        peer = scope.client if pipeline.wants_peer else None
        query = scope.query_string
        answer = await pipeline.answer(scope.method, path, query, headers, body, peer)
    status, content_type, content, *wait = answer
    more = refused.headers(status, *wait)
    protocol.response_bytes(status, [("content-type", content_type), *more], content)


def _hung_up() -> tuple[type[Exception], ...]:
    """What granian raises if the peer closes before the body is complete."""
    # Imported here: a gateway under ASGI need not carry granian.
    from granian.rsgi import ProtocolClosed, ProtocolError  # noqa: PLC0415

    return ProtocolClosed, ProtocolError


def _headers(scope: Scope) -> list[tuple[str, str]]:
    """All of them, repeated ones too: a doubled signature must be seen."""
    return scope.headers.items()


def _body(scope: Scope, protocol: HTTPProtocol, limit: int) -> Awaitable[bytes]:
    """The length header bounds the read, hyper keeps to it; without one the chunks are counted."""
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
