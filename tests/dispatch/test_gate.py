"""The gate: a destination's breaker and retry budget, side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wxgate.dispatch.gate import Gate
from wxgate.dispatch.lane import Item, Lane
from wxgate.dispatch.place import Limits
from wxgate.dispatch.retry import Schedule
from wxgate.dispatch.waits import Waits
from wxgate.guard.breaker import Rules

from .world import Message

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Limits(
    retry=Schedule(first=1.0, factor=2.0, max=60.0, budget=0.0, budget_floor=1.0),
    breaker=Rules(in_a_row=5, calls=1000),
)


def gate(random: Callable[[], float] = lambda: 1.0) -> Gate:
    """A gate, without jitter unless something else is drawn."""
    return Gate(LIMITS, random, 100.0)


def closed(random: Callable[[], float] = lambda: 1.0) -> Gate:
    """A gate that closed at 100."""
    one = gate(random)
    fail = partial(one.failed, (0, 100.0), 100.0, first=True, after=None)
    assert [fail() for _ in range(5)] == [False] * 4 + [True]
    return one


def lane(attempts: int) -> Lane:
    """A lane whose head was tried so often."""
    message = Message(1, "k")
    one = Lane("k")
    one.items.append(Item(1, 0, message, message.event, ()))
    one.items[0].attempts = attempts
    return one


def test_closed_it_admits_a_probe_on_the_schedule_of_retries() -> None:
    """One at a time, and none before its time."""
    one = closed()
    assert one.closed
    assert not one.admits(100.9)
    assert one.breaker.waits_until == 101.0
    probe = one.begin(101.0)
    assert not one.admits(101.0)
    one.leave(probe)
    assert one.admits(101.0)
    assert one.failed(one.begin(101.0), 102.0, first=False, after=None)
    assert one.breaker.waits_until == 104.0


def test_when_it_admits_a_probe_is_drawn_each_time() -> None:
    """Of the second half of the time: gates that closed together do not admit theirs together."""
    draws = iter([0.0, 0.5, 0.25])
    one = closed(lambda: next(draws))
    assert one.breaker.waits_until == 100.5
    for now, until in ((100.5, 100.5 + 0.75 * 2), (102.0, 102.0 + 0.625 * 4)):
        assert one.failed(one.begin(now), now, first=False, after=None)
        assert one.breaker.waits_until == until


def test_it_waits_as_long_as_the_destination_asks() -> None:
    """Retry-After holds for the probes too."""
    one = closed()
    one.failed(one.begin(101.0), 101.0, first=True, after=30.0)
    assert one.breaker.waits_until == 131.0


def test_retries_in_vain_use_the_budget_up_and_first_tries_pass() -> None:
    """Then a lane that was tried before waits once more, without losing a try."""
    one, waits = gate(), Waits()
    for _ in range(10):
        assert one.passes(lane(1), waits, 100.0, 0)
        one.failed(one.begin(100.0), 100.0, first=False, after=None)
    assert not one.passes(lane(1), waits, 100.0, 0)
    assert one.passes(lane(0), waits, 100.0, 0)
    assert one.postponed == 1
    assert waits.next == 101.0
    assert one.passes(waits.due(101.0)[0], waits, 101.0, 0)


def test_a_probe_in_vain_costs_no_budget() -> None:
    """The breaker bounds them already."""
    one = closed()
    now = 100.0
    for _ in range(20):
        now = one.breaker.waits_until or now
        one.failed(one.begin(now), now, first=False, after=None)
    assert one.passes(lane(1), Waits(), 100.0, 0)
