"""The hours of a day."""

from __future__ import annotations

import pytest
from wxgate.bench.day.curve import EVEN, HOLIDAY, PEAK, day


@pytest.mark.parametrize("peak", [PEAK, HOLIDAY, 1.5, EVEN])
def test_all_messages_are_sent_at_the_mean_and_the_peak_that_were_asked_for(peak: float) -> None:
    """As many as the area under the rate."""
    legs = day(1_000_000, 2000.0, peak)
    assert len(legs) == 24
    sent = sum(leg.seconds * (leg.rate + (leg.to or 0)) / 2 for leg in legs)
    assert sent == pytest.approx(1_000_000)
    assert sum(leg.seconds for leg in legs) == pytest.approx(500.0)
    assert max(leg.rate for leg in legs) == pytest.approx(2000.0 * peak)


def test_hours_follow_each_other_and_the_day_ends_as_it_began() -> None:
    """No jumps: an hour ends at the rate at which the next begins."""
    legs = day(1000, 10.0)
    for leg, following in zip(legs, [*legs[1:], legs[0]], strict=True):
        assert leg.to == following.rate


@pytest.mark.parametrize("peak", [0.9, 24.0, 100.0])
def test_a_peak_that_no_day_has(peak: float) -> None:
    """It is refused with what was expected."""
    with pytest.raises(ValueError, match="between 1 and 24 times"):
        day(1000, 10.0, peak)
