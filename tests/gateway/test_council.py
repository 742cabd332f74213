"""The parent's voice: what becomes of workers that do not listen, do not answer, or are gone."""

from __future__ import annotations

import asyncio
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from wxgate import council, supervisor
from wxgate.channel import Channel, Door, Hello, Outcome, Prepare
from wxgate.council import Council
from wxgate.history import SIZE, History
from wxgate.subordinate import Subordinate
from wxgate.supervisor import Supervisor
from wxgate.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wxgate.current import Current
    from wxgate.gateway import Gateway


class Given(msgspec.Struct):
    """A configuration, as far as a council looks at it."""

    number: int
    weight: bytes = b""


def given(number: int, weight: int = 0) -> Current:
    """Make one that takes so many bytes."""
    return cast("Current", Given(number, b"x" * weight))


@contextmanager
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which ends by a signal."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as one:
        try:
            yield one
        finally:
            one.kill()


@pytest.fixture
def door() -> Iterator[Door]:
    """Where workers join."""
    one = Door()
    yield one
    one._inside.close()  # noqa: SLF001
    one._outside.close()  # noqa: SLF001


def join(one: Council, door: Door, pid: int, number: int = 1) -> Channel:
    """Have a worker join; return its end."""
    channel = door.knock()
    channel.send(Hello(pid, number))
    one.listen(0)
    one._selector.select(1)  # noqa: SLF001
    return channel


@pytest.mark.usefixtures("impatient")
def test_who_does_not_listen_is_ended_and_nobody_goes_by_the_new_one(door: Door) -> None:
    """Left alone it would serve on with the old configuration, and hear of none again."""
    one = Council(given(1), door)
    with process() as worker:
        channel = join(one, door, worker.pid)
        one.listen(0)
        problems = one.agree(given(2, weight=4_000_000))
        assert problems == [f"worker {worker.pid} does not listen, and ends"]
        assert one.current.number == 1
        assert worker.wait() == -signal.SIGTERM
    assert not one.is_open
    channel.close()


@pytest.mark.usefixtures("impatient")
def test_who_is_gone_before_it_is_told_to_end_ends_nothing_else(door: Door) -> None:
    """It started under what is in force no more, did not answer, and died."""
    with process() as worker:
        pass
    one = Council(given(2), door)
    channel = join(one, door, worker.pid)
    one.listen(0)
    one.listen(0)
    assert isinstance(channel.receive()[0], Prepare)
    channel.close()
    one.listen(None)
    assert not one.is_open


def test_who_joins_while_the_others_agree_is_brought_up_to_date(door: Door) -> None:
    """Its greeting is heard while they are waited for, and it says nothing more."""
    one = Council(given(1), door)
    other = join(one, door, 1)
    one.listen(0)
    late = door.knock()
    late.send(Hello(2, 1))
    agreeing = Thread(target=one.agree, args=[given(2)])
    agreeing.start()
    while len(one._members) < 2:  # noqa: SLF001
        time.sleep(0.01)
    obey(other, 2)
    agreeing.join()
    bringing = Thread(target=one.listen, args=[None])
    bringing.start()
    try:
        obey(late, 2)
    finally:
        late.close()
        other.close()
        bringing.join()
    while one.is_open:
        one.listen(1)


def obey(channel: Channel, orders: int) -> None:
    """Carry out so many."""
    while orders:
        select.select([channel], [], [], 10)
        for order in channel.receive():
            channel.send(Outcome(cast("Prepare", order).ticket))
            orders -= 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for an answer."""
    monkeypatch.setattr(council, "_PATIENCE", 0.2)


def test_what_fails_while_it_listens_ends_no_supervisor(
    tmp_path: Path, door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next reload must find somebody."""
    monkeypatch.setattr(supervisor, "_RESTS", 0.0)
    one = Supervisor(
        tmp_path / "wxgate.toml",
        Council(given(1), door),
        Watch(),
        History(memoryview(bytearray(SIZE))),
    )

    def fail(_: float | None) -> None:
        one.close()
        reason = "whatever it is"
        raise RuntimeError(reason)

    monkeypatch.setattr(one._council, "listen", fail)  # noqa: SLF001
    one._thread.start()  # noqa: SLF001
    one._thread.join()  # noqa: SLF001
    assert "whatever it is" in caplog.text


def test_a_worker_without_a_parent_stops() -> None:
    """Nobody would reload it, replace it, or tell it to stop."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        worker = Subordinate(loop, cast("Gateway", None), Channel(ours), 1)
        theirs.close()
        await stopped.wait()
        worker.close()
        loop.remove_signal_handler(signal.SIGTERM)

    asyncio.run(run())
