"""When to try again, and when to stop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wxgate.dispatch import Schedule


def test_delays_grow_up_to_the_longest() -> None:
    """Exponential; no number of attempts overflows."""
    schedule = Schedule(first=1.0, factor=3.0, max=20.0)
    delays = [schedule.delay(attempts, None, lambda: 1.0) for attempts in (1, 2, 3, 4, 10**9)]
    assert delays == [1.0, 3.0, 9.0, 20.0, 20.0]


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(1, 10), st.floats(0.001, 1000))
def test_jitter_takes_away_half_at_most(
    attempts: int, dice: float, factor: float, first: float
) -> None:
    """Whatever the random source says."""
    schedule = Schedule(first=first, factor=factor, max=100.0)
    longest = schedule.delay(attempts, None, lambda: 1.0)
    assert longest / 2 <= schedule.delay(attempts, None, lambda: dice) <= longest <= 100.0


def test_what_a_destination_asks_for_is_kept_to_within_reason() -> None:
    """Never less than its own delay, never more than the time until it gives up."""
    schedule = Schedule(first=4.0, give_up=3600.0)
    waits = [schedule.delay(1, after, lambda: 1.0) for after in (0.0, 3.0, 30.0, 10**9)]
    assert waits == [4.0, 4.0, 30.0, 3600.0]


def test_it_is_over_with_the_age_not_with_the_number_of_tries() -> None:
    """Counted in seconds from the acceptance."""
    schedule = Schedule(give_up=10.0)
    assert not schedule.over(1_000, 10_999)
    assert schedule.over(1_000, 11_000)
