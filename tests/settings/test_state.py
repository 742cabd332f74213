"""Room for what is remembered of messages."""

from __future__ import annotations

from wxgate.settings.state import State


def test_a_worker_remembers_all_that_a_day_of_twenty_million_leaves() -> None:
    """Its payments live for 25 hours: with less room they push out what was sent a minute ago.

    Beside them are the pushes of 75 seconds at 12,000 a second, as fast as such a day was played.
    """
    payments = 20_000_000 * 0.05 * 25 / 24
    pushes = 12_000 * 0.95 * 75

    assert State().max_claims > payments + pushes
