"""Threads for plain functions of the team's own, which then may block."""

from __future__ import annotations

import asyncio
import os
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from wxgate.event import Event
from wxgate.replies import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.replies import Reply

    PlainHandler = Callable[[Event], "str | Reply | None"]
    Job = tuple[asyncio.AbstractEventLoop, asyncio.Future[bytes], PlainHandler, bytes]


class Pool:
    """A fixed number of threads, started with the first call.

    They are daemons: a function that never returns does not keep the process from ending.
    """

    def __init__(self, size: int = 0) -> None:
        """Keep ``size`` threads; 0 for one per core."""
        self.size = self.sized(size)
        self._users = 0
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Thread] = []

    @staticmethod
    def sized(size: int) -> int:
        """Return how many threads that means."""
        return size or os.cpu_count() or 1

    def join(self) -> None:
        """Note one more user, who will ``leave``."""
        self._users += 1

    def leave(self) -> None:
        """Note that a user has gone; the last one closes it."""
        self._users -= 1
        if self._users <= 0:
            self.close()

    async def call(self, function: PlainHandler, event: bytes) -> bytes:
        """Run ``function`` in a thread and return its reply. Raises what it raises."""
        self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._jobs.put((loop, future, function, event))
        return await future

    def _start(self) -> None:
        while len(self._threads) < self.size:
            thread = Thread(target=self._run, name="wxgate-function", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, function, event = job
            try:
                answer = encode(function(Event.decode(event)))
            except Exception as error:  # noqa: BLE001 (it goes to whoever called)
                _tell(loop, future, b"", error)
            else:
                _tell(loop, future, answer, None)

    def close(self) -> None:
        """Let each thread end after what it is doing."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads.clear()


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[bytes],
    answer: bytes,
    error: Exception | None,
) -> None:
    try:
        loop.call_soon_threadsafe(_resolve, future, answer, error)
    except RuntimeError:
        # The loop has closed: nobody waits any more.
        return


def _resolve(future: asyncio.Future[bytes], answer: bytes, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)


class PlainFunctionSink:
    """Calls one plain function in the pool.

    A thread cannot be called off. So a try has no deadline here: a slow function keeps its lane
    waiting, rather than being called a second time beside the first.
    """

    def __init__(self, function: PlainHandler, pool: Pool) -> None:
        """Call ``function`` with each event. A sink that is never used keeps no thread."""
        self._function = function
        self._pool = pool
        self._has_joined = False

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Call the function; an exception means that the message was not taken."""
        del nodes
        if not self._has_joined:
            self._has_joined = True
            self._pool.join()
        return await self._pool.call(self._function, event)

    async def aclose(self) -> None:
        """Let the threads end, if no other sink needs them."""
        if self._has_joined:
            self._has_joined = False
            self._pool.leave()
