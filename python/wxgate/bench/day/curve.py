"""How a day's messages spread over its hours."""

from __future__ import annotations

from wxgate.bench.plan import Leg

PEAK = 3.0
"""Of an ordinary day: its busiest hour over the mean."""
HOLIDAY = 10.0
"""The same of a holiday."""
EVEN = 1.0
"""The same of a day whose hours are all alike, which no day is: it is played fastest."""
_HOURS = (
    *(0.5, 0.35, 0.25, 0.2, 0.2, 0.25, 0.45, 0.75, 1.0, 1.1, 1.15, 1.3),
    *(1.55, 1.2, 1.0, 1.0, 1.05, 1.2, 1.5, 2.1, 2.6, 2.2, 1.5, 0.9),
)
"""Midnight to midnight: little at night, much at noon, most in the evening."""


def day(messages: int, mean: float, peak: float = PEAK) -> list[Leg]:
    """Return the 24 hours of a day of so many messages at a mean rate (messages a second).

    Each hour goes evenly from its own rate to that of the next. Raises ``ValueError`` for a peak
    below 1, or one that a day of 24 hours cannot have.
    """
    shape = _shape(peak)
    seconds = messages / mean / len(shape)
    after = (*shape[1:], shape[0])
    return [Leg(seconds, mean * now, mean * then) for now, then in zip(shape, after, strict=True)]


def _shape(peak: float) -> list[float]:
    """Return the hours with a mean of 1 and a maximum of ``peak``."""
    if not 1 <= peak < len(_HOURS):
        reason = f"a peak between 1 and {len(_HOURS)} times the mean is needed, not {peak:g}"
        raise ValueError(reason)
    if peak == EVEN:
        return [1.0] * len(_HOURS)
    low, high = 0.0, 50.0
    # The higher the power, the more of the day falls into its busiest hour.
    for _ in range(60):
        power = (low + high) / 2
        if max(_normal(power)) < peak:
            low = power
        else:
            high = power
    return _normal(high)


def _normal(power: float) -> list[float]:
    hours = [hour**power for hour in _HOURS]
    mean = sum(hours) / len(hours)
    return [hour / mean for hour in hours]
