"""What follows from the figures measured: cores, Redis primaries and claims for a rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

PEAK, HOLIDAY = 3.0, 10.0
"""The busiest hour over the mean, as `wxgate bench day` has them."""
PEAK_LOAD, HOLIDAY_LOAD = 0.5, 0.8
"""How busy processors may be then: at more than half, waiting shows in the 99th percentile."""
REDIS_LOAD, REDIS_HOLIDAY_LOAD = 0.6, 0.8
"""How busy the one core of a Redis may be then."""
PAYMENTS = 0.05
PAY_LIFE_S, LIFE_S = 25 * 3600, 60
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Model:
    """What follows from the figures measured."""

    seen: dict[str, Any]

    @property
    def day(self) -> dict[str, float] | None:
        """µs of CPU a message of a whole day, by process; all workers together."""
        if "day" not in self.seen:
            return None
        costs: dict[str, float] = {}
        for one in self.seen["day"]["costs"]:
            name = one["name"].partition(",")[0].replace(" ", "_")
            spent = one["cpu"] / self.seen["day"]["counts"]["messages"] * 1e6
            costs[name] = costs.get(name, 0.0) + spent
        return costs

    @property
    def cost(self) -> float:
        """µs of CPU a message with one worker: the day's, or at full speed if none was played."""
        costs: dict[str, float] = self.seen["full_speed_us"]
        return self.day["gateway"] if self.day else max(costs["service"], costs.get("stream", 0.0))

    @property
    def two(self) -> float:
        """What a message costs where two workers share a machine, over what it costs with one."""
        workers: dict[str, float] = self.seen["growth"]["workers"]
        return max(1.0, workers["2"] / workers["1"])

    @property
    def shared(self) -> float:
        """µs of CPU a message where workers share a machine, and the memory of their claims."""
        return self.cost * self.two

    @property
    def redis(self) -> float | None:
        """µs of a Redis' CPU a message at least: the day's, or at full speed."""
        costs: dict[str, float] = self.day or self.seen["full_speed_us"]
        return costs.get("redis")

    def redis_at(self, rate: float) -> float:
        """The same where each worker has so many messages a second, between those measured.

        Beyond the least that was measured it is as there, and beyond the most as ``redis`` has it.
        """
        least = self.redis or 0.0
        seen = {int(at): max(cost, least) for at, cost in self.seen.get("redis_us", {}).items()}
        above = min((at for at in seen if at >= rate), default=None)
        below = max((at for at in seen if at <= rate), default=above)
        if above is None or below is None:
            return least
        share = math.log(max(rate, below) / below) / math.log(above / below) if above > below else 0
        return float(seen[below] * (seen[above] / seen[below]) ** share)

    def cores(self, mean: float, cost: float) -> float:
        """Cores for a mean rate (messages a second), at so many µs a message."""
        peak = mean * PEAK * cost / 1e6 / PEAK_LOAD
        holiday = mean * HOLIDAY * cost / 1e6 / HOLIDAY_LOAD
        return max(peak, holiday)

    def node(self, mean: float) -> float:
        """Cores of a node with this mean rate: one worker, or several that share it."""
        alone = self.cores(mean, self.cost)
        return alone if alone <= 1 else self.cores(mean, self.shared)

    def primaries(self, mean: float, workers: int) -> tuple[int, int]:
        """Redis primaries for a mean rate: in the busiest hour, and on a holiday.

        Each is of a fleet of its own.
        """
        return (
            self._primaries(mean * PEAK, workers, REDIS_LOAD),
            self._primaries(mean * HOLIDAY, workers, REDIS_HOLIDAY_LOAD),
        )

    def _primaries(self, rate: float, workers: int, load: float) -> int:
        return max(1, math.ceil(rate * self.redis_at(rate / workers) / 1e6 / load))

    def claims(self, mean: float) -> float:
        """What a node at this mean rate remembers, in messages."""
        return mean * PEAK * LIFE_S + mean * PAYMENTS * PAY_LIFE_S
