"""SIGTERM for a loop in a program that has no handler of its own."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Handler:
    """Tells one loop, and those that were there before it."""

    def __init__(self, stop: Callable[[], None], former: _Handler | None) -> None:
        """Call ``stop`` in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._stop = stop
        self._former = former
        self.ended = False

    def __call__(self, *_: object) -> None:
        """Handle the signal, between any two instructions of the program."""
        self._loop.call_soon_threadsafe(self._stop)
        if (former := self.open_former) is not None:
            former()

    @property
    def open_former(self) -> _Handler | None:
        """The last one before it that still wants to be told."""
        former = self._former
        while former is not None and former.ended:
            former = former._former  # noqa: SLF001 (of this class)
        return former


@contextmanager
def until_told(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGTERM, where that would otherwise end the process at once.

    Several may be told at the same time, and end in any order: a loop that was left is closed only
    after the next has begun.
    """
    before = signal.getsignal(signal.SIGTERM)
    former = before if isinstance(before, _Handler) else None
    main = threading.current_thread() is threading.main_thread()
    if not main or (before is not signal.SIG_DFL and former is None):
        yield
        return
    handler = _Handler(stop, former)
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        handler.ended = True
        next_one = handler.open_former or signal.SIG_DFL
        if signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, next_one)
