"""Messages of one tick are written together; nobody is told before the disk has decided."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
from wxcore import Journal, JournalError
from wxgate.flight import Flight
from wxgate.record import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from wxcore._wxcore import Received

    Code = Literal["full", "refusing", "poisoned", "corrupt"]


class Disk:
    """A journal whose disk decides when the test says so."""

    def __init__(self) -> None:
        """Nothing is written yet."""
        self.groups: list[list[Any]] = []
        self.error: JournalError | None = None
        self._next = 1
        self._progress: tuple[int, list[tuple[int, int]], str] = (0, [], "open")
        self._reader, self._writer = socket.socketpair()

    def fileno(self) -> int:
        """Readable once something is decided."""
        return self._reader.fileno()

    def append(self, messages: list[Any], now: int) -> int:
        """Queue a group."""
        assert now > 0
        if self.error is not None:
            raise self.error
        self.groups.append(messages)
        first, self._next = self._next, self._next + len(messages)
        return first

    def progress(self) -> tuple[int, list[tuple[int, int]], str]:
        """What is decided."""
        self._reader.recv(100)
        return self._progress

    async def decide(self, durable: int, *failed: tuple[int, int], state: str = "open") -> None:
        """Let the disk decide, and the loop hear of it."""
        self._progress = durable, list(failed), state
        self._writer.send(b"x")
        for _ in range(3):
            await asyncio.sleep(0)

    def close(self) -> None:
        """Give the sockets back."""
        self._reader.close()
        self._writer.close()


class Desk:
    """A recorder over such a disk, and what it reported."""

    def __init__(self) -> None:
        """Begin; inside the loop."""
        self.disk = Disk()
        self.told: list[object] = []
        self.given_up = 0
        self.recorder = Recorder(
            cast("Journal", self.disk),
            lambda seq, flight: self.told.append((seq, flight.message_id)),
            lambda flight, code: self.told.append((code, flight.message_id)),
            self._give_up,
        )

    async def record(self, *names: str) -> None:
        """Record messages in one tick, and let it end."""
        for name in names:
            self.recorder.record(Flight("shop", name, cast("Received", name)))
        await asyncio.sleep(0)

    def _give_up(self) -> None:
        self.given_up += 1


def played(scene: Callable[[Desk], Coroutine[Any, Any, None]]) -> Desk:
    """Run a scene at a desk of its own."""

    async def run() -> Desk:
        desk = Desk()
        try:
            await scene(desk)
        finally:
            desk.recorder.close()
            desk.disk.close()
        return desk

    return asyncio.run(run())


def test_what_comes_in_one_tick_is_one_group() -> None:
    """And is told apart, in order, once it is durable: not before."""

    async def scene(desk: Desk) -> None:
        await desk.record("a", "b")
        await desk.record("c")
        assert desk.disk.groups == [["a", "b"], ["c"]]
        assert not desk.recorder.idle
        await desk.disk.decide(1)
        assert desk.told == []
        await desk.disk.decide(2)
        assert desk.told == [(1, "a"), (2, "b")]
        await desk.disk.decide(3)
        assert desk.told[2:] == [(3, "c")]
        assert desk.recorder.idle

    played(scene)


def test_a_group_that_failed_is_refused_and_only_that() -> None:
    """The disk decides on several at once: the one before and the one behind are recorded."""

    async def scene(desk: Desk) -> None:
        for group in (("a",), ("b", "c"), ("d",)):
            await desk.record(*group)
        await desk.disk.decide(4, (2, 4))
        assert desk.told == [
            (1, "a"),
            ("record.failed", "b"),
            ("record.failed", "c"),
            (4, "d"),
        ]
        # What failed is told once; later groups are none the worse for it.
        await desk.record("e")
        await desk.disk.decide(5)
        assert desk.told[4:] == [(5, "e")]

    played(scene)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("full", "record.full"),
        ("refusing", "record.full"),
        ("poisoned", "record.failed"),
        ("corrupt", "record.failed"),
    ],
)
def test_what_the_journal_does_not_even_queue_is_refused_at_once(
    code: Code, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All of the tick; the next tick asks again. The log has the number, and the cause."""

    async def scene(desk: Desk) -> None:
        desk.disk.error = JournalError("no")
        desk.disk.error.code = code
        await desk.record("a", "b")
        assert desk.told == [(reason, "a"), (reason, "b")]
        assert desk.recorder.idle
        desk.disk.error = None
        await desk.record("c")
        await desk.disk.decide(1)
        assert desk.told[2:] == [(1, "c")]

    played(scene)
    assert f"2 message(s) could not be recorded: {code}" in caplog.text


def test_a_poisoned_journal_gives_up_once(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever still waits is refused first; hearing of it again ends nothing twice."""
    caplog.set_level(logging.CRITICAL)

    async def scene(desk: Desk) -> None:
        await desk.record("a")
        await desk.disk.decide(0)
        assert desk.given_up == 0
        await desk.disk.decide(1, (1, 2), state="poisoned")
        assert desk.told == [("record.failed", "a")]
        assert desk.given_up == 1
        await desk.disk.decide(1, state="poisoned")
        assert desk.given_up == 1

    played(scene)
    assert caplog.text.count("the journal cannot be written any more") == 1
