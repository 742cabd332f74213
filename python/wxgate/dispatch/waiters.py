"""Who waits for an answer (`reply = "wait"`), by the message's place in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.errors import SinkError, SinkRetryError

if TYPE_CHECKING:
    import asyncio


class Waiters:
    """Futures of answers. Whoever gives up waiting cancels the future, which forgets it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on ``loop``."""
        self._loop = loop
        self._futures: dict[int, asyncio.Future[bytes]] = {}
        self._answering: dict[int, int] = {}

    def __len__(self) -> int:
        """How many are waited for."""
        return len(self._futures)

    def ask(self, seq: int) -> asyncio.Future[bytes]:
        """Wait for the answer to ``seq``, which is not delivered yet."""
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._futures[seq] = future
        future.add_done_callback(lambda _: self._forget(seq))
        return future

    def assign(self, seq: int, destination: int) -> None:
        """Say whose answer is waited for: the first destination that is named."""
        if seq in self._futures:
            self._answering.setdefault(seq, destination)

    def asked(self, seq: int) -> int | None:
        """Return the destination whose answer is waited for, if it has been named."""
        return self._answering.get(seq)

    def answer(self, seq: int, destination: int, answer: bytes) -> None:
        """Pass on what a destination said, if that is what is waited for."""
        future = self._futures.get(seq)
        if future is not None and not future.done() and self._concerns(seq, destination):
            future.set_result(answer)

    def fail(self, seq: int, destination: int, error: SinkError) -> None:
        """Say that this destination will never answer."""
        future = self._futures.get(seq)
        if future is not None and not future.done() and self._concerns(seq, destination):
            _fail(future, error)

    def stop(self) -> None:
        """Fail all that is open."""
        for future in list(self._futures.values()):
            if not future.done():
                _fail(future, SinkRetryError("stopped before the answer came"))

    def _concerns(self, seq: int, destination: int) -> bool:
        return self._answering.get(seq, destination) == destination

    def _forget(self, seq: int) -> None:
        self._futures.pop(seq, None)
        self._answering.pop(seq, None)


def _fail(future: asyncio.Future[bytes], error: SinkError) -> None:
    future.set_exception(error)
    # Nobody need listen any more: WeChat may have been answered long since.
    future.exception()
