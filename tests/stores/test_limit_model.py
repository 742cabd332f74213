"""Limits under a clock that only the test moves: each decision is the one of a plain model."""

from __future__ import annotations

from itertools import count
from math import ceil
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from wxcore import Limiter, Limits
from wxgate.stores.limits import SharedLimits
from wxgate.testing.messages import Rule, limited

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    Step = tuple[bool, int]
    """Whether the last one asks again, its wait being over; and how many microseconds later."""
    Ask = tuple[Step, int, tuple[tuple[int, ...], str]]
    """When; which of the tables; the rules and the user."""

SECOND, BEGAN = 1_000_000, 10**12
UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3_600 * SECOND, "day": 86_400 * SECOND}


class Bucket:
    """A bucket of microseconds that time fills: what a limit means, without arrival times."""

    def __init__(self, interval: int, burst: int) -> None:
        """Full: as many messages at once as the burst says."""
        self._interval = interval
        self._most = self._left = interval * burst
        self._at = BEGAN

    def missing(self, now: int, cost: int = 1) -> int:
        """How many microseconds there are too few for so many messages."""
        self._left = min(self._most, self._left + now - self._at)
        self._at = now
        return max(0, cost * self._interval - self._left)

    def take(self, cost: int = 1) -> None:
        """Have them pass."""
        self._left -= cost * self._interval


class Model:
    """Buckets by rule and user: a message takes of all, or of none."""

    def __init__(self, rules: Iterable[tuple[int, int]]) -> None:
        """Of these intervals and bursts."""
        self._rules = list(rules)
        self._buckets: dict[tuple[int, str], Bucket] = {}

    def admit(self, chosen: tuple[int, ...], user: str, now: int) -> tuple[int, int] | None:
        """None if it passes; else the place of the first rule that denies, and the longest wait."""
        found = [
            self._buckets.setdefault((rule, user), Bucket(*self._rules[rule])) for rule in chosen
        ]
        waits = [bucket.missing(now) for bucket in found]
        if any(waits):
            return next(at for at, wait in enumerate(waits) if wait), max(waits)
        for bucket in found:
            bucket.take()
        return None


RATES = st.tuples(st.integers(1, 3_000), st.sampled_from(sorted(UNITS)))
STEPS = st.one_of(
    # Just when it is due, a microsecond before, and one after.
    st.tuples(st.just(True), st.integers(-1, 1)),
    *(st.tuples(st.just(False), st.integers(0, 10**most)) for most in (3, 6, 8, 11)),
)
RULES = st.lists(st.tuples(RATES, st.integers(1, 12)), min_size=3, max_size=3)
CHOSEN = st.sets(st.integers(0, 2), min_size=1).map(lambda one: tuple(sorted(one)))
ASKS = st.lists(
    st.tuples(STEPS, st.integers(0, 1), st.tuples(CHOSEN, st.sampled_from("ab"))),
    min_size=1,
    max_size=80,
)


def after(step: Step, wait: int) -> int:
    """How many microseconds later."""
    waits, more = step
    return max(0, waits * wait + more)


def interval(rate: tuple[int, str]) -> int:
    """Whole microseconds from one message to the next, never less than the rate says."""
    number, unit = rate
    return ceil(UNITS[unit] / number)


@settings(max_examples=300)
@given(
    RATES,
    st.integers(1, 40),
    st.lists(
        st.tuples(STEPS, st.tuples(st.sampled_from("abc"), st.integers(1, 44))),
        min_size=1,
        max_size=80,
    ),
)
def test_a_limiter_says_to_the_microsecond_when_so_many_may_pass(
    rate: tuple[int, str], burst: int, asks: list[tuple[Step, tuple[str, int]]]
) -> None:
    """Whatever they cost together, all or none; more than the burst never do."""
    limiter = Limiter("{}/{}".format(*rate), burst)
    buckets = {key: Bucket(interval(rate), burst) for key in "abc"}
    now, wait = BEGAN, 0
    last = ("a", 1)
    for step, drawn in asks:
        now += after(step, wait)
        last = key, cost = last if step[0] else drawn
        wait = buckets[key].missing(now, cost)
        assert limiter.acquire(key, now, cost) == wait
        if not wait:
            buckets[key].take(cost)
        assert cost <= burst or wait


def written(rules: list[tuple[tuple[int, str], int]]) -> list[Rule]:
    """Rules as limits of a message."""
    return [
        Rule(f"rule{at}", "{}/{}".format(*rate), burst) for at, (rate, burst) in enumerate(rules)
    ]


def modelled(rules: list[tuple[tuple[int, str], int]], parts: int = 1) -> Model:
    """The same as buckets; of parts each has its share, and one message at least."""
    return Model((interval(rate) * parts, max(1, burst // parts)) for rate, burst in rules)


def played(
    tables: list[Limits] | list[SharedLimits],
    models: list[Model],
    rules: list[tuple[tuple[int, str], int]],
    asks: list[Ask],
) -> None:
    """Ask one table after the other, as the models do."""
    limits, numbers, now, wait = written(rules), count(1), BEGAN, 0
    last: tuple[tuple[int, ...], str] = ((0,), "a")
    for step, table, drawn in asks:
        now += after(step, wait)
        last = chosen, user = last if step[0] else drawn
        message = limited(next(numbers), *(limits[one] for one in chosen), user=user)
        expected = models[table].admit(chosen, user, now)
        assert tables[table].admit(message, now) == expected
        _, wait = expected or (0, 0)


@settings(max_examples=100)
@given(RULES, ASKS, st.integers(1, 5))
def test_a_process_and_each_part_of_a_limit_decides_as_the_model_does(
    rules: list[tuple[tuple[int, str], int]], asks: list[Ask], parts: int
) -> None:
    """The first rule that denies, the longest wait, and nothing used up of the others."""
    models = [modelled(rules, parts) for _ in range(2)]
    played([Limits(1_000, parts) for _ in range(2)], models, rules, asks)


@settings(max_examples=60)
@given(RULES, ASKS, st.integers(1, 3))
def test_two_workers_decide_as_one_model_does(
    tmp_path_factory: pytest.TempPathFactory,
    rules: list[tuple[tuple[int, str], int]],
    asks: list[Ask],
    nodes: int,
) -> None:
    """They share a file: whom a message comes to makes no difference."""
    path = tmp_path_factory.mktemp("limits") / "limits.sqlite3"
    workers = [SharedLimits(path, 1_000, 2, nodes) for _ in range(2)]
    model = modelled(rules, nodes)
    try:
        played(workers, [model, model], rules, asks)
    finally:
        for worker in workers:
            worker.close()


@settings(max_examples=150)
@given(
    RATES,
    st.integers(1, 12),
    st.integers(1, 8),
    st.lists(st.tuples(STEPS, st.integers(0, 7)), min_size=1, max_size=120),
)
def test_parts_admit_together_the_burst_or_one_each_and_no_more_than_the_rate(
    rate: tuple[int, str], burst: int, parts: int, asks: list[tuple[Step, int]]
) -> None:
    """In every span of time, whichever part is asked; and an idle fleet admits just so many."""
    rule, numbers, now = Rule("one", "{}/{}".format(*rate), burst), count(1), BEGAN
    fleet = [Limits(1_000, parts) for _ in range(parts)]
    at_once = sum(
        fleet[at % parts].admit(limited(next(numbers), rule), now) is None
        for at in range(parts * burst)
    )
    assert at_once == (burst - burst % parts if burst >= parts else parts)
    passed, wait = [now] * at_once, 0
    for step, part in asks:
        now += after(step, wait)
        denied = fleet[part % parts].admit(limited(next(numbers), rule), now)
        if denied is None:
            passed.append(now)
        _, wait = denied or (0, 0)
    for first, began in enumerate(passed):
        for last, ended in enumerate(passed[first:], first):
            allowed = max(burst, parts) + (ended - began) // interval(rate)
            assert last - first + 1 <= allowed
