"""Requests of granian's whose bodies are on their way, and how long they may be.

Each is asked for its body as soon as it is there, and the loop hears of it once that has come: not
of the request before, and by no task. So a message takes one turn of the loop to be read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from granian.rsgi import ProtocolClosed, ProtocolError

from wxgate import refused
from wxgate.pipeline import SLOW_S

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import Context

    from granian.rsgi import Scope

    from wxgate.flight import Answer
    from wxgate.pipeline import Pipeline


class Reading:
    """The requests of one worker that are read. Only ``enter`` may be called on other threads."""

    def __init__(
        self,
        pipeline: Pipeline,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Give what has been read to ``pipeline``, in ``context``."""
        self.pipeline = pipeline
        self.context = context
        self._loop = loop
        self._clock = clock
        self._open: dict[Request, float] = {}
        """Since when each is read, in this order."""
        self._looks = False

    def enter(self, request: Request) -> None:
        """Note that a request is read from now on."""
        self._open[request] = self._clock()
        if not self._looks:
            self._looks = True
            self._loop.call_soon_threadsafe(self._again)

    def leave(self, request: Request) -> None:
        """Note that it has come, or will not."""
        self._open.pop(request, None)

    def _again(self) -> None:
        self._loop.call_later(SLOW_S, self._look)

    def _look(self) -> None:
        now = self._clock()
        # A copy, in one step of the interpreter: others enter meanwhile.
        for request, since in list(self._open.items()):
            if since + SLOW_S > now:
                break
            if since + self.pipeline.body_timeout <= now:
                self.leave(request)
                request.give_up()
            else:
                request.leave_queue()
        if not self._open:
            self._looks = False
        # Whoever entered before that was said has not asked for a look.
        if self._open:
            self._looks = True
            self._again()


class Request:
    """One of them, and where its answer goes."""

    __slots__ = ("_body", "_counts", "_reading", "_scope", "_watcher", "path")

    def __init__(self, reading: Reading, watcher: Any, scope: Scope, path: str) -> None:  # noqa: ANN401 (granian's)
        """Not asked for its body yet."""
        self._reading = reading
        self._watcher = watcher
        self._scope = scope
        self._body: Any = None
        self._counts = True
        """Whether it counts among those that wait to be read."""
        self.path = path

    def ask(self) -> None:
        """Ask for its body.

        On granian's thread, or on the loop's: on others granian would have to tell the loop at
        once, and does so in a way that only the loop may use.
        """
        reading = self._reading
        reading.enter(self)
        self._body = body = self._watcher.proto()
        body.add_done_callback(self._come, context=reading.context)

    def leave_queue(self) -> None:
        """Count it no more.

        A caller's slowness is no queue of ours: bodies that never come would have all others
        refused.
        """
        if self._counts:
            self._counts = False
            self._reading.pipeline.turnstile.shedder.begin()

    def give_up(self) -> None:
        """Refuse it: its body has not come."""
        self.leave_queue()
        body, self._body = self._body, None
        body.cancel()
        self.set_result(self._reading.pipeline.refuse(self.path, "request.stalled"))

    def _come(self, body: Any) -> None:  # noqa: ANN401 (granian's)
        if self._body is None:
            return  # given up
        # It keeps whom it tells: nobody would ever free the two.
        self._body = None
        self._reading.leave(self)
        self.leave_queue()
        try:
            self._take(body.result())
        except (ProtocolClosed, ProtocolError):
            self._watcher.done()  # hung up
        except Exception as error:  # noqa: BLE001 (granian logs it, and answers 500)
            self.set_exception(error)

    def _take(self, body: bytes) -> None:
        pipeline, scope, path = self._reading.pipeline, self._scope, self.path
        headers = scope.headers.items() if pipeline.wants_headers(path) else []
        peer = scope.client if pipeline.wants_peer else None
        pipeline.take(scope.method, path, scope.query_string, headers, body, peer, self)

    def done(self) -> bool:
        """Whether nobody wants the answer any more: granian does not say."""
        return False

    def set_result(self, answer: Answer) -> None:
        """Send the answer."""
        status, content_type, body, *wait = answer
        headers = [("content-type", content_type), *refused.headers(status, *wait)]
        self._watcher.proto.response_bytes(status, headers, body)
        self._watcher.done()

    def set_exception(self, error: BaseException) -> None:
        """Say that there is none."""
        self._watcher.err(error)
