"""Calls to a host that is not ours, against a real server that is slow, fails or hangs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from wxgate.guard.breaker import Rules
from wxgate.guard.host import CrowdedError, HostGuard, HostLimits, OpenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Api:
    """A host: answers ``ok``, or holds its answers back until it is told."""

    def __init__(self) -> None:
        """Answer at once."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.open = 0
        self.most_open = 0
        self.changed = asyncio.Condition()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one call."""
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            async with self.changed:
                self.changed.notify_all()
            await reader.readline()
            await self.may_answer.wait()
            writer.write(b"ok\n")
            await writer.drain()
        finally:
            self.open -= 1
            writer.close()

    async def call(self) -> bytes:
        """Call it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"get\n")
            answer = await reader.readline()
        finally:
            writer.close()
        if not answer:
            raise ConnectionResetError
        return answer

    async def has_open(self, count: int) -> None:
        """Wait until so many calls are open."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.open == count)


@asynccontextmanager
async def api() -> AsyncIterator[Api]:
    """Run one."""
    one = Api()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    async with server:
        yield one
        one.may_answer.set()


def standing(guard: HostGuard) -> str:
    """Say what a guard's breaker lets pass."""
    return guard.breaker.circuit.value


def test_the_defaults_are_those_for_wechats_api() -> None:
    """1500 ms, 20 at once."""
    limits = HostLimits()
    assert (limits.timeout, limits.concurrency) == (1.5, 20)
    assert limits.breaker.full == limits.concurrency


def test_no_more_than_its_share_is_open_and_the_rest_waits_or_is_refused() -> None:
    """The bulkhead: what is not open waits, and what may not even wait is told so at once."""

    async def run() -> None:
        async with api() as host:
            host.may_answer.clear()
            guard = HostGuard("api", HostLimits(concurrency=3, queue=2, timeout=30.0))
            calls = [asyncio.create_task(guard.call(host.call)) for _ in range(5)]
            await host.has_open(3)
            assert guard.waiting == 2
            with pytest.raises(CrowdedError, match="api has as many"):
                await guard.call(host.call)
            host.may_answer.set()
            assert await asyncio.gather(*calls) == [b"ok\n"] * 5
            assert host.most_open == 3
            assert guard.waiting == 0

    asyncio.run(run())


def test_a_host_that_hangs_is_left_alone_and_tried_again() -> None:
    """Timeouts open the breaker; then calls are refused at once, and a probe closes it."""

    async def run() -> None:
        async with api() as host:
            host.may_answer.clear()
            limits = HostLimits(timeout=0.5, breaker=Rules(in_a_row=2, probes=1, full=2))
            guard = HostGuard("api", limits, random=lambda: 0.0)
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await guard.call(host.call)
            with pytest.raises(OpenError, match="left alone") as caught:
                await guard.call(host.call)
            assert 0 < caught.value.after <= 0.5
            host.may_answer.set()
            await asyncio.sleep(caught.value.after)
            assert await guard.call(host.call) == b"ok\n"
            assert standing(guard) == "closed"

    asyncio.run(run())


def test_a_host_that_is_down_is_left_alone() -> None:
    """A port that nobody listens on."""

    async def run() -> None:
        async with api() as host:
            pass
        guard = HostGuard("api")
        for _ in range(5):
            with pytest.raises(OSError, match="Connect call failed"):
                await guard.call(host.call)
        with pytest.raises(OpenError):
            await guard.call(host.call)

    asyncio.run(run())


def test_an_exception_that_is_no_fault_is_an_answer() -> None:
    """What the host refuses says that it is well."""

    async def run() -> None:
        async def refused() -> None:
            raise LookupError

        guard = HostGuard("api", faults=OSError)
        for _ in range(100):
            with pytest.raises(LookupError):
                await guard.call(refused)
        assert standing(guard) == "closed"

    asyncio.run(run())


def test_a_fault_that_says_how_long_is_believed() -> None:
    """As Retry-After is."""

    class BusyError(Exception):
        after = 600.0

    async def run() -> None:
        async def busy() -> None:
            raise BusyError

        guard = HostGuard("api")
        for _ in range(5):
            with pytest.raises(BusyError):
                await guard.call(busy)
        with pytest.raises(OpenError) as caught:
            await guard.call(busy)
        assert 599 < caught.value.after <= 600

    asyncio.run(run())


def test_a_call_that_is_called_off_says_nothing_and_gives_everything_back() -> None:
    """Its slot and its token: half-open does not stick."""

    async def run() -> None:
        async with api() as host:
            limits = HostLimits(
                timeout=30.0, concurrency=1, breaker=Rules(in_a_row=1, probes=1, full=1)
            )
            guard = HostGuard("api", limits)

            async def down() -> None:
                raise ConnectionResetError

            with pytest.raises(ConnectionResetError):
                await guard.call(down)
            loop = asyncio.get_running_loop()
            guard.breaker.begin(loop.time() + 60.0)
            guard.breaker.leave(2)
            host.may_answer.clear()
            probe = asyncio.create_task(guard.call(host.call))
            await host.has_open(1)
            probe.cancel()
            with pytest.raises(asyncio.CancelledError):
                await probe
            assert standing(guard) == "half_open"
            host.may_answer.set()
            assert await guard.call(host.call) == b"ok\n"
            assert standing(guard) == "closed"

    asyncio.run(run())


def test_who_waits_when_the_host_goes_down_is_refused() -> None:
    """Its turn is not used for a call in vain."""

    async def run() -> None:
        down = asyncio.Event()

        async def breaks() -> bytes:
            await down.wait()
            raise ConnectionResetError

        async with api() as host:
            limits = HostLimits(timeout=30.0, concurrency=1, breaker=Rules(in_a_row=1, full=1))
            guard = HostGuard("api", limits)
            first = asyncio.create_task(guard.call(breaks))
            second = asyncio.create_task(guard.call(host.call))
            while guard.waiting != 1:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0)
            down.set()
            with pytest.raises(ConnectionResetError):
                await first
            with pytest.raises(OpenError):
                await second
            assert host.most_open == 0

    asyncio.run(run())
