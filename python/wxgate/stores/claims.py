"""Claims of several workers of one machine: the states of ``wxcore.Claims``, in shared memory.

The parent makes it before workers fork, so that it outlives a crash of any of them. After a start
the journals fill it, as they do a single worker's.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
from typing import TYPE_CHECKING, Self

import msgspec
from wxcore import SharedClaims as Table

from wxgate import private
from wxgate.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wxcore._wxcore import Received

    from wxgate.settings import Settings

_LOG = logging.getLogger("wxgate.admit")
_LOCK = "claims.lock"


class Ground(msgspec.Struct, frozen=True):
    """The memory, and for how much there is room in it."""

    memory: memoryview
    capacity: int
    """Messages."""
    answer_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make it, for as much as ``settings`` give to all workers together. Raises ``OSError``."""
        state, workers = settings.state, settings.server.workers
        capacity, answer_bytes = state.max_claims * workers, state.max_answers * workers
        # Only what is written to becomes real memory.
        memory = memoryview(mmap.mmap(-1, Table.size(capacity, answer_bytes)))
        return cls(memory, capacity, answer_bytes)


class SharedClaims:
    """One table for all workers of a machine.

    Only ``claim`` and ``done`` raise ``StoreError``; a note that nobody can make, since a worker
    has stopped with the lock in its hands, is logged: its lease ends.
    """

    def __init__(self, ground: Ground, folder: Path) -> None:
        """Use the memory under a lock in ``folder``. Raises ``OSError``."""
        private.folder(folder)
        words = ground.memory.cast("Q")
        lock = str(folder / _LOCK)
        self._table = Table(words, lock, ground.capacity, ground.answer_bytes)

    def claim(self, message: Received, now: int) -> bytes | bool:
        """Ask for a message at ``now`` (ms); see ``wxcore.Claims.claim``."""
        try:
            return self._table.claim(message, now)
        except OSError as error:
            raise StoreError(str(error)) from error

    def complete(self, messages: list[Received], now: int) -> None:
        """Note that messages are done at ``now`` (ms)."""
        try:
            self._table.complete(messages, now)
        except OSError:
            _complain()

    def answer(self, message: Received, answer: bytes, now: int) -> tuple[bytes, int]:
        """Note that a message is done, and its answer; return its key and the end of its life."""
        key, until = message.claim_key, now + message.lifetime
        self.restore(key, until, answer)
        return key, until

    def pending(self, message: Received, now: int) -> None:
        """Note that a message is on disk and its answer still to come: nobody may have it anew."""
        _note(self._table.lease, message.claim_key, now + message.lifetime)

    def lease(self, message_id: str, until: int) -> bytes:
        """Take a message that is on disk, but unfinished, until ``until`` (ms)."""
        # As ``wxcore`` keys its claims: the journals hold these.
        key = hashlib.sha256(message_id.encode()).digest()[:16]
        _note(self._table.lease, key, until)
        return key

    def abandon(self, message: Received) -> None:
        """Give a message back that is not recorded."""
        _note(self._table.abandon, message)

    def restore(self, key: bytes, until: int, answer: bytes) -> None:
        """Note that a message is done until ``until`` (ms)."""
        _note(self._table.restore, key, until, answer)

    def done(self, part: int, parts: int) -> list[tuple[bytes, int, bytes]]:
        """Return one of ``parts`` equal parts of what is done: key, end of life (ms), answer."""
        try:
            return self._table.done(part, parts)
        except OSError as error:
            raise StoreError(str(error)) from error

    @property
    def dropped(self) -> int:
        """How many claims and answers were dropped before their time; 0 if nobody can tell."""
        try:
            return self._table.dropped
        except OSError:
            return 0

    def __len__(self) -> int:
        """How many messages are remembered; 0 if nobody can tell."""
        try:
            return len(self._table)
        except OSError:
            return 0


def _note(act: Callable[..., None], *values: object) -> None:
    try:
        act(*values)
    except OSError:
        _complain()


def _complain() -> None:
    _LOG.exception("the claims that workers share cannot be noted")
