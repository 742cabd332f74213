"""How granian hands requests to the event loop, and refuses those that there is no room for.

A body is asked for here, on granian's thread, so that the loop need not be told of its request
before. Not while the loop is behind: refusals wait for this thread then.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from granian._granian import CallbackScheduler
from granian.server import mp

from wxgate import refused
from wxgate.reading import Reading, Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from granian.rsgi import Scope

    from wxgate.flight import Answer
    from wxgate.pipeline import Pipeline


def stand(pipeline: Pipeline) -> None:
    """Have the server that this process is about to run hand its requests to ``pipeline``."""
    pipeline.turnstile.shedder.asked = True
    # Granian has no place for it; its version is pinned, and tests see whether it asks.
    mp._new_cbscheduler = partial(_Scheduler, pipeline)  # noqa: SLF001


class _Scheduler(CallbackScheduler):
    """Hands requests to the loop as granian's own does, but for those that are refused."""

    def __new__(
        cls,
        _: Pipeline,
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
        pipeline: Pipeline,
        loop: asyncio.AbstractEventLoop,
        serve: Callable[[Any], Any],
        **_: bool,
    ) -> None:
        """Hand over to ``pipeline``."""
        super().__init__()
        self._schedule_fn = handing(Reading(pipeline, loop, self._ctx), loop, serve)


def handing(
    reading: Reading, loop: asyncio.AbstractEventLoop, serve: Callable[[Any], Any]
) -> Callable[[Any], None]:
    """Return what hands a request of granian's to ``loop``, unless there is no room for it."""
    shedder, context = reading.pipeline.turnstile.shedder, reading.context

    def begin(watcher: Any) -> None:  # noqa: ANN401 (granian's)
        watcher.taskref(loop.create_task(serve(watcher)))

    def hand(watcher: Any) -> None:  # noqa: ANN401 (granian's)
        scope = watcher.scope
        path = scope.path
        if shedder.refuses(path):
            _refuse(watcher, shedder.answer)
        elif not _is_short(scope, reading.pipeline.max_body):
            loop.call_soon_threadsafe(begin, watcher, context=context)
        elif shedder.is_calm:
            Request(reading, watcher, scope, path).ask()
        else:
            ask = Request(reading, watcher, scope, path).ask
            loop.call_soon_threadsafe(ask, context=context)

    return hand


_SHORT = 65536
"""Bytes of a body that is asked for as soon as its request is there; ``serve`` sees to others."""


def _is_short(scope: Scope, most: int) -> bool:
    """Whether its body is said to have a length, and a short one: at most ``most`` bytes."""
    said = scope.headers.get("content-length")
    return said is not None and said.isdigit() and int(said) <= min(_SHORT, most)


def _refuse(watcher: Any, answer: Answer) -> None:  # noqa: ANN401 (granian's)
    status, content_type, body, *_ = answer
    headers = [("content-type", content_type), *refused.headers(status)]
    watcher.proto.response_bytes(status, headers, body)
    watcher.done()
