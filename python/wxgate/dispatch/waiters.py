"""Who waits for an answer (`reply = "wait"`), by the message's place in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.errors import SinkError, SinkRetryError

if TYPE_CHECKING:
    import asyncio

_EARLY = 1024
"""Messages whose answers are kept until somebody asks: what one turn of the loop may deliver."""


class Waiters:
    """Futures of answers. Whoever gives up waiting cancels the future, which forgets it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on ``loop``."""
        self._loop = loop
        self._futures: dict[int, asyncio.Future[bytes]] = {}
        self._answering: dict[int, int] = {}
        self._early: dict[int, dict[int, bytes | SinkError]] = {}
        """What destinations said, by message, before anybody could ask."""

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
        future = self._futures.get(seq)
        if future is None:
            return
        answering = self._answering.setdefault(seq, destination)
        if self._early and answering in (said := self._early.pop(seq, {})):
            _end(future, said[answering])

    def keep(self, seq: int, destination: int, how: bytes | SinkError) -> None:
        """Tell the outcome of a message of which the loop may not have heard that it is durable.

        Then it is kept until somebody asks.
        """
        if seq in self._futures:
            self._tell(seq, destination, how)
            return
        self._early.setdefault(seq, {})[destination] = how
        if len(self._early) > _EARLY:
            del self._early[next(iter(self._early))]

    def asked(self, seq: int) -> int | None:
        """Return the destination whose answer is waited for, if it has been named."""
        return self._answering.get(seq)

    def answer(self, seq: int, destination: int, answer: bytes) -> None:
        """Pass on what a destination said, if that is what is waited for."""
        self._tell(seq, destination, answer)

    def fail(self, seq: int, destination: int, error: SinkError) -> None:
        """Say that this destination will never answer."""
        self._tell(seq, destination, error)

    def stop(self) -> None:
        """Fail all that is open."""
        for future in list(self._futures.values()):
            _end(future, SinkRetryError("stopped before the answer came"))

    def _tell(self, seq: int, destination: int, how: bytes | SinkError) -> None:
        future = self._futures.get(seq)
        if future is not None and self._concerns(seq, destination):
            _end(future, how)

    def _concerns(self, seq: int, destination: int) -> bool:
        return self._answering.get(seq, destination) == destination

    def _forget(self, seq: int) -> None:
        self._futures.pop(seq, None)
        self._answering.pop(seq, None)


def _end(future: asyncio.Future[bytes], how: bytes | SinkError) -> None:
    if future.done():
        return
    if isinstance(how, bytes):
        future.set_result(how)
        return
    future.set_exception(how)
    # Nobody need listen any more: WeChat may have been answered long since.
    future.exception()
