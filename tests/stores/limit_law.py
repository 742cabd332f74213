"""The law of limits, as it can be seen from outside: by two times of the server's clock."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from redis import Redis

    Key = tuple[int, str]
    """A rule and a user: what is counted."""

SECOND = 1_000_000
A_DAY = 86_400


@dataclass
class Law:
    """One rule, as exact numbers."""

    name: str
    per_day: int
    burst: int

    @property
    def rate(self) -> str:
        """As a configuration has it."""
        return f"{self.per_day}/day"

    @property
    def per_second(self) -> Fraction:
        """The rate."""
        return Fraction(self.per_day, A_DAY)

    @property
    def interval(self) -> int:
        """Whole microseconds from one message to the next, never less than the rate says."""
        return ceil(SECOND / self.per_second)


def laws(count: int) -> st.SearchStrategy[list[Law]]:
    """Rules that are as good as none while a test runs, and some that let keys come back in it."""
    slow = st.integers(1, A_DAY)
    fast = st.integers(100, 20_000).map(lambda per_second: per_second * A_DAY)
    one = st.tuples(st.one_of(slow, fast), st.integers(1, 12))
    return st.lists(one, min_size=count, max_size=count).map(
        lambda drawn: [Law(f"rule{at}", *one) for at, one in enumerate(drawn)]
    )


@dataclass
class Heard:
    """What came of one round: all of it happened between two times of the server's clock."""

    before: int
    after: int
    passed: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    denied: dict[Key, int] = field(default_factory=dict)
    """The least that was denied at once."""

    def deny(self, key: Key, cost: int = 1) -> None:
        """Note that so many did not pass together."""
        self.denied[key] = min(cost, self.denied.get(key, cost))


def server_time(client: Redis) -> int:
    """The server's clock in whole microseconds."""
    seconds, microseconds = client.time()
    return int(seconds) * SECOND + int(microseconds)


def let_pass(client: Redis, us: int) -> int:
    """Return when the server's clock has gone on by so much: its time then."""
    began = now = server_time(client)
    while now < began + us:
        now = server_time(client)
    return now


def never_more(law: Law, key: Key, heard: list[Heard]) -> None:
    """In every span of time, not only from the start: burst, and rate times the time."""
    for first, one in enumerate(heard):
        rounds = heard[first:]
        spans = accumulate(later.passed[key] for later in rounds)
        for passed, last in zip(spans, rounds, strict=True):
            elapsed = Fraction(last.after - one.before, SECOND)
            assert passed <= law.burst + law.per_second * elapsed, (law, key)


def never_needlessly_less(law: Law, key: Key, heard: list[Heard]) -> None:
    """Who was denied stood at the end of a span that was full: with it, too many had passed.

    A round is at least as long ago as its end, and what passes in the round of the denial may have
    passed before it: so this never blames an exact limiter, whatever the order was.
    """
    full = law.burst * law.interval
    for at, last in enumerate(heard):
        if key not in last.denied:
            continue
        rounds = heard[at::-1]
        passed = accumulate(one.passed[key] for one in rounds)
        elapsed = (max(0, last.before - one.after) for one in rounds)
        assert any(
            (before + last.denied[key]) * law.interval > full + us
            for before, us in zip(passed, elapsed, strict=True)
        ), (law, key)
