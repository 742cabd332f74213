"""How granian hands requests to the event loop, and refuses those that there is no room for.

A body is asked for here, on granian's thread, so that it has come when the loop gets to its turn:
one turn less for each message. Not while the loop is behind: refusals wait for this thread then.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from granian._granian import CallbackScheduler
from granian.server import mp

from wxgate import refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    from wxgate.flight import Answer
    from wxgate.guard.shedder import Shedder


def stand(shedder: Shedder) -> None:
    """Have the server that this process is about to run ask ``shedder`` about each request."""
    shedder.asked = True
    # Granian has no place for it; its version is pinned, and tests see whether it asks.
    mp._new_cbscheduler = partial(_Scheduler, shedder)  # noqa: SLF001


class _Scheduler(CallbackScheduler):
    """Hands requests to the loop as granian's own does, but for those that are refused."""

    def __new__(
        cls,
        _: Shedder,
        loop: asyncio.AbstractEventLoop,
        serve: Callable[[Any], Any],
        *,
        impl_asyncio: bool,
    ) -> Self:
        """Make it as granian does for tasks of asyncio."""
        assert impl_asyncio, "only the default kind of task is known here"  # noqa: S101
        # Its stub has no arguments.
        return super().__new__(cls, loop, serve, None, None, None)  # type: ignore[call-arg]

    def __init__(
        self,
        shedder: Shedder,
        loop: asyncio.AbstractEventLoop,
        serve: Callable[[Any], Any],
        **_: bool,
    ) -> None:
        """Ask ``shedder`` first."""
        super().__init__()
        self._schedule_fn = handing(shedder, loop, serve, self._ctx)


def handing(
    shedder: Shedder,
    loop: asyncio.AbstractEventLoop,
    serve: Callable[[Any], Any],
    context: Context,
) -> Callable[[Any], None]:
    """Return what hands a request of granian's to ``loop``, unless ``shedder`` refuses it."""

    def begin(coroutine: Any, watcher: Any) -> None:  # noqa: ANN401 (granian's)
        watcher.taskref(loop.create_task(coroutine))

    def hand(watcher: Any) -> None:  # noqa: ANN401 (granian's)
        if shedder.refuses(watcher.scope.path):
            _refuse(watcher, shedder.answer)
        else:
            length = _length(watcher.scope) if shedder.is_calm else None
            served = watcher if length is None else _Ahead(watcher, length)
            loop.call_soon_threadsafe(begin, serve(served), watcher, context=context)

    return hand


_SHORT = 65536
"""Bytes of a body that is asked for before its request has its turn."""


def _length(scope: Scope) -> int | None:
    """How long the body is said to be, if that is known and short."""
    said = scope.headers.get("content-length")
    if said is None or not said.isdigit():
        return None
    length = int(said)
    return length if length <= _SHORT else None


class _Ahead:
    """A request of granian's whose body is on its way."""

    __slots__ = ("done", "err", "proto", "scope")

    def __init__(self, watcher: Any, length: int) -> None:  # noqa: ANN401 (granian's)
        self.scope = watcher.scope
        self.proto = _Reading(watcher.proto, length)
        self.done = watcher.done
        self.err = watcher.err


class _Reading:
    """Its protocol, as far as an application uses it."""

    __slots__ = ("_body", "length", "response_bytes")

    def __init__(self, proto: HTTPProtocol, length: int) -> None:
        self._body = proto()
        self.length = length
        self.response_bytes = proto.response_bytes

    def __call__(self) -> Awaitable[bytes]:
        """Return what was asked for."""
        return self._body


def _refuse(watcher: Any, answer: Answer) -> None:  # noqa: ANN401 (granian's)
    status, content_type, body, *_ = answer
    headers = [("content-type", content_type), *refused.headers(status)]
    watcher.proto.response_bytes(status, headers, body)
    watcher.done()
