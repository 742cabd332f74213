"""The gate: what closes it, what passes while it is closed, what opens it."""

from __future__ import annotations

from wxgate.dispatch.gate import CLOSES_AFTER, Gate
from wxgate.dispatch.retry import Schedule


def gate() -> Gate:
    """A gate without jitter."""
    return Gate(Schedule(first=1.0, factor=2.0, max=60.0), lambda: 1.0)


def closed(now: float = 100.0) -> Gate:
    """A gate that has just closed."""
    one = gate()
    states = [one.failed(now, None, first=True, probe=False) for _ in range(CLOSES_AFTER)]
    assert states == [False] * (CLOSES_AFTER - 1) + [True]
    return one


def test_it_closes_after_several_first_tries_in_a_row() -> None:
    """An answer in between starts the count anew; repeated tries of one message do not count."""
    one = gate()
    for _ in range(3):
        for _ in range(CLOSES_AFTER - 1):
            assert not one.failed(0.0, None, first=True, probe=False)
        assert not one.answered()
    for _ in range(100):
        assert not one.failed(0.0, None, first=False, probe=False)
    assert one.admits(0.0)
    assert not one.enter()


def test_closed_it_admits_one_probe_at_a_time() -> None:
    """On the schedule of retries."""
    one = closed(100.0)
    assert not one.admits(100.9)
    assert one.waits_until == 101.0
    assert one.admits(101.0)
    assert one.enter()
    assert not one.admits(102.0)
    assert one.waits_until is None
    assert not one.failed(102.0, None, first=True, probe=True)
    assert one.waits_until == 104.0


def test_what_started_before_it_closed_neither_delays_nor_hastens_the_probe() -> None:
    """Stragglers fail late; one that is answered opens it."""
    one = closed(100.0)
    assert not one.failed(100.5, None, first=True, probe=False)
    assert one.waits_until == 101.0
    assert one.answered()
    assert one.admits(100.5)
    assert not one.answered()


def test_a_probe_that_says_nothing_gives_its_turn_back() -> None:
    """Half-open never sticks."""
    one = closed(100.0)
    assert one.enter()
    one.leave(probe=False)
    assert not one.admits(101.0)
    one.leave(probe=True)
    assert one.admits(101.0)


def test_it_waits_as_long_as_the_destination_asks() -> None:
    """Retry-After holds for the probes too."""
    one = closed(100.0)
    one.enter()
    one.failed(101.0, 30.0, first=True, probe=True)
    assert one.waits_until == 131.0
