"""How granian hands requests to the event loop, and refuses those that there is no room for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from granian._granian import CallbackScheduler
from granian.server import mp

from wxgate import refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

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

        def begin(coroutine: Any, watcher: Any) -> None:  # noqa: ANN401 (granian's)
            watcher.taskref(loop.create_task(coroutine))

        def schedule(watcher: Any) -> None:  # noqa: ANN401 (granian's)
            if shedder.refuses(watcher.scope.path):
                _refuse(watcher, shedder.answer)
            else:
                loop.call_soon_threadsafe(begin, serve(watcher), watcher, context=self._ctx)

        self._schedule_fn = schedule


def _refuse(watcher: Any, answer: Answer) -> None:  # noqa: ANN401 (granian's)
    status, content_type, body, *_ = answer
    headers = [("content-type", content_type), *refused.headers(status)]
    watcher.proto.response_bytes(status, headers, body)
    watcher.done()
