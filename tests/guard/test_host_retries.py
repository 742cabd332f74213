"""Calls to a host that are repeated: how often, and how many of all of them in vain."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from dispatch.clockwork import loop, play
from hypothesis import given, settings
from hypothesis import strategies as st
from wxgate.dispatch.retry import Schedule
from wxgate.guard.breaker import Circuit, Rules
from wxgate.guard.host import CrowdedError, HostGuard, HostLimits, OpenError

if TYPE_CHECKING:
    from collections.abc import Sequence

NEVER = Rules(in_a_row=10**6, calls=10**6, full=20)
"""A breaker that does not open, so that the budget is all there is."""


class Host:
    """Fails as often as it is told to, and counts."""

    def __init__(self, failures: float = math.inf, error: type[Exception] = OSError) -> None:
        """Fail so many times."""
        self.failures = failures
        self.error = error
        self.calls = 0

    async def call(self) -> int:
        """Call it."""
        self.calls += 1
        await asyncio.sleep(0)
        if self.calls <= self.failures:
            raise self.error
        return self.calls


def guard(*, budget: float = 0.0, floor: float = 1.0, rules: Rules = NEVER) -> HostGuard:
    """One that pauses for 0.1 s, then for 0.2."""
    retry = Schedule(first=0.1, factor=2.0, max=1.0, budget=budget, budget_floor=floor)
    limits = HostLimits(breaker=rules, retry=retry)
    return HostGuard("api", limits, faults=OSError, random=lambda: 1.0)


def test_what_fails_is_repeated_after_growing_pauses() -> None:
    """Until it is answered, or has been repeated as often as it may be."""

    async def run() -> None:
        host, one, began = Host(2), guard(), loop().time()
        assert await one.call(host.call, retries=2) == 3
        assert loop().time() - began == pytest.approx(0.3)
        host = Host()
        with pytest.raises(OSError):  # noqa: PT011 (it says nothing)
            await one.call(host.call, retries=2)
        assert host.calls == 3

    play(run())


def test_what_takes_too_long_is_repeated_with_as_much_time_again() -> None:
    """A host that hangs is no answer."""

    async def run() -> None:
        calls, one = 0, guard()

        async def hangs_once() -> str:
            nonlocal calls
            calls += 1
            if calls == 1:
                await asyncio.sleep(100)
            return "well"

        assert await one.call(hangs_once, retries=1) == "well"

    play(run())


def test_nothing_is_repeated_unless_it_is_asked_for() -> None:
    """Nor what the host answers, nor what was not even tried, nor against the host's wish."""

    async def run() -> None:
        host = Host()
        with pytest.raises(OSError):  # noqa: PT011 (as above)
            await guard().call(host.call)
        assert host.calls == 1
        host = Host(error=LookupError)
        with pytest.raises(LookupError):
            await guard().call(host.call, retries=5)
        assert host.calls == 1
        busy = type("BusyError", (OSError,), {"after": 60.0})
        host = Host(error=busy)
        with pytest.raises(busy):
            await guard().call(host.call, retries=5)
        assert host.calls == 1
        one = HostGuard("api", HostLimits(concurrency=0, queue=0))
        with pytest.raises(CrowdedError):
            await one.call(host.call, retries=5)

    play(run())


def test_a_host_that_goes_down_is_not_asked_again() -> None:
    """The breaker is asked before the pause, and first tries alone open it."""

    async def run() -> None:
        host = Host()
        one = guard(floor=100.0, rules=Rules(in_a_row=2, full=20))
        with pytest.raises(OSError):  # noqa: PT011 (as above)
            await one.call(host.call, retries=3)
        assert (host.calls, one.breaker.circuit.value) == (4, "closed")
        with pytest.raises(OSError):  # noqa: PT011 (as above)
            await one.call(host.call, retries=3)
        assert (host.calls, one.breaker.circuit.value) == (5, "open")
        with pytest.raises(OpenError):
            await one.call(host.call, retries=3)
        assert host.calls == 5

    play(run())


def test_all_calls_have_one_budget() -> None:
    """Of ten saved seconds, then one each second: a thousand calls in vain are hardly more."""

    async def run() -> None:
        host, one, began = Host(), guard(), loop().time()
        for _ in range(1000):
            with pytest.raises(OSError):  # noqa: PT011 (as above)
                await one.call(host.call, retries=3)
        assert 10 <= host.calls - 1000 <= 10 + (loop().time() - began) + 1

    play(run())


def test_what_is_answered_earns_repetitions() -> None:
    """Half of one each."""

    async def run() -> None:
        one = guard(budget=0.5, floor=0.1)
        down = Host()
        for _ in range(10):
            with pytest.raises(OSError):  # noqa: PT011 (as above)
                await one.call(down.call, retries=1)
        assert down.calls == 11
        for _ in range(2):
            assert await one.call(Host(0).call) == 1
        with pytest.raises(OSError):  # noqa: PT011 (as above)
            await one.call(down.call, retries=1)
        assert down.calls == 13

    play(run())


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 1),
    st.floats(0.1, 5),
    st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.floats(0, 2)), max_size=30),
)
def test_repetitions_in_vain_are_bounded(
    share: float, floor: float, steps: list[tuple[int, bool, float]]
) -> None:
    """By what was saved, earned and came with time, and by how many are open at once."""

    async def run() -> None:
        one, down, began = guard(budget=share, floor=floor), Host(), loop().time()
        firsts = answered = 0
        for many, well, pause in steps:
            host = Host(0) if well else down
            calls = (one.call(host.call, retries=3) for _ in range(many))
            await asyncio.gather(*calls, return_exceptions=True)
            answered += many * well
            firsts += many * (not well)
            saved = max(1.0, floor * 10)
            earned = share * answered + floor * (loop().time() - began)
            assert down.calls - firsts <= saved + earned + 20 * len(steps) + 1e-6
            await asyncio.sleep(pause)

    play(run())


Ending = Callable[[], Awaitable[None]]


class Odd(BaseException):
    """What is no ``Exception``."""


async def ends(how: str) -> None:
    """Be a call that ends so, within a second or never."""
    await asyncio.sleep(0.1)
    match how:
        case "fault":
            raise ConnectionResetError
        case "answer":
            raise LookupError
        case "odd":
            raise Odd
        case "hangs":
            await asyncio.sleep(math.inf)
        case "slow":
            await asyncio.sleep(1.2)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["well", "fault", "answer", "odd", "hangs", "slow"]),
            st.sampled_from([None, 0.0, 0.05, 0.1, 1.0, 1.6]),
            st.integers(0, 2),
            st.sampled_from([0.0, 0.05, 0.5, 3.0]),
        ),
        max_size=30,
    )
)
def test_slots_and_tokens_always_come_back(
    steps: Sequence[tuple[str, float | None, int, float]],
) -> None:
    """However calls end that found it half open, or are called off: it never sticks."""
    rules = Rules(window=5.0, calls=4, in_a_row=2, probes=2, full=4, slow_after=1.0, patience=60.0)
    limits = HostLimits(concurrency=3, queue=5, breaker=rules)

    async def run() -> None:
        one = HostGuard("api", limits, faults=OSError)
        for _ in range(2):
            with pytest.raises(OSError):  # noqa: PT011 (as above)
                await one.call(lambda: ends("fault"))
        tasks = [asyncio.create_task(played(one, step)) for step in steps]
        await asyncio.gather(*tasks)
        assert one.waiting == 0
        while not one.breaker.plain:
            # No call is out: only one that is open has to be waited for.
            until = one.breaker.waits_until
            assert until is None or one.breaker.circuit is Circuit.OPEN
            await asyncio.sleep(0.0 if until is None else max(0.0, until - loop().time()))
            await one.call(lambda: ends("well"))
        await asyncio.gather(*(one.call(lambda: ends("well")) for _ in range(8)))

    play(run())


async def played(one: HostGuard, step: tuple[str, float | None, int, float]) -> None:
    """Begin a call after a time, and call it off after another, if it is."""
    how, patience, retries, wait = step
    await asyncio.sleep(wait)
    task = asyncio.create_task(one.call(lambda: ends(how), retries=retries))
    await asyncio.wait({task}, timeout=patience)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
