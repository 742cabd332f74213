"""A node's health, and the choice among nodes: pure, on a clock that the tests turn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxcore import HashRing
from wxgate.sinks.cells import AWAY, COLUMNS, Cells
from wxgate.sinks.fleet import Fleet
from wxgate.sinks.health import Health, Policy

POLICY = Policy(failures=3, eject=10.0, eject_max=35.0, slow_start=20.0)


@dataclass
class Clock:
    """Turned by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def half() -> float:
    """A random number without surprises: no jitter comes of it."""
    return 0.5


def fail(health: Health, now: float, times: int = 3) -> bool:
    """Fail so many times; whether the last one ejected."""
    return [health.failed(now, half, may_go=True) for _ in range(times)][-1]


def test_only_failures_in_a_row_eject() -> None:
    """An answer between them, be it a no, begins the count anew."""
    health = Health(POLICY)
    assert not fail(health, 0.0, 2)
    health.answered()
    assert not fail(health, 0.0, 2)
    assert health.state(0.0) == "up"
    assert fail(health, 0.0, 1)
    assert health.state(0.0) == "ejected"
    assert health.away(9.9)
    assert not health.away(10.0)


def test_each_ejection_is_longer_until_the_node_has_kept_up() -> None:
    """Up to a limit. After a whole slow start it is as if nothing had been."""
    health, now, lengths = Health(POLICY), 0.0, []
    for times in (3, 1, 1, 1):
        assert fail(health, now, times)
        lengths.append(health.until - now)
        now = health.until
        assert health.state(now) == "slow"
    assert lengths == [10.0, 20.0, 35.0, 35.0]
    now += 20.0
    assert health.share(now) == 1.0
    assert health.plain
    assert not fail(health, now, 2)
    assert fail(health, now, 1)
    assert health.until - now == 10.0


@given(st.floats(min_value=0, max_value=1))
def test_jitter_parts_the_workers(random: float) -> None:
    """By a tenth of the ejection either way."""
    health = Health(POLICY)
    for _ in range(3):
        health.failed(0.0, lambda: random, may_go=True)
    assert 9.0 <= health.until <= 11.0


def test_what_fails_while_it_is_ejected_says_nothing_new() -> None:
    """Those requests began before."""
    health = Health(POLICY)
    assert fail(health, 0.0)
    assert not fail(health, 1.0, 10)
    assert health.until == 10.0


def test_who_is_back_starts_slowly() -> None:
    """From a tenth to all of its load."""
    health = Health(POLICY)
    fail(health, 0.0)
    assert [health.share(now) for now in (10.0, 15.0, 20.0, 30.0)] == [0.1, 0.25, 0.5, 1.0]
    assert health.state(30.0) == "up"


def test_checks_take_it_out_and_bring_it_back() -> None:
    """Several in a row, both ways."""
    health = Health(POLICY)
    assert [health.checked(0.0, ok=ok) for ok in (False, False, True, False, False)] == [False] * 5
    assert health.checked(0.0, ok=False)
    assert (health.state(1e6), health.away(1e6)) == ("down", True)
    assert [health.checked(50.0, ok=ok) for ok in (True, False, True)] == [False] * 3
    assert health.checked(50.0, ok=True)
    assert health.state(50.0) == "slow"
    assert health.state(70.0) == "up"


def fleet(
    count: int, clock: Clock, *, spill: float | None = None, policy: Policy = POLICY
) -> Fleet:
    """So many nodes of weight 1."""
    names = [f"node-{at}" for at in range(count)]
    return Fleet(names, [1.0] * count, policy, spill, clock, half)


def eject(nodes: Fleet, at: int) -> None:
    """Have a node fail until it is ejected, or would be."""
    for _ in range(3):
        nodes.begin(at)
        nodes.end(at, well=False)


def test_an_ejected_node_is_passed_over() -> None:
    """For the next of the ranking; then it gets some of its messages, then all."""
    clock = Clock()
    nodes = fleet(3, clock)
    assert nodes.choose([1, 2, 0]) == 1
    eject(nodes, 1)
    assert nodes.choose([1, 2, 0]) == 2
    assert (nodes.away, nodes.rerouted, nodes.spilled) == (1, 1, 0)
    clock.now += 10.0
    chosen = Counter(_open(nodes, [1, 2, 0]) for _ in range(40))
    assert 1 <= chosen[1] < 20
    clock.now += 20.0
    assert nodes.choose([1, 2, 0]) == 1
    assert [one.state for one in nodes.standing()] == ["up"] * 3


def _open(nodes: Fleet, ranked: list[int]) -> int:
    at = nodes.choose(ranked)
    assert at is not None
    nodes.begin(at)
    return at


@pytest.mark.parametrize(("count", "most"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_never_are_more_than_a_part_ejected(count: int, most: int) -> None:
    """Where all fail, it is not the nodes."""
    nodes = fleet(count, Clock())
    for at in range(count):
        eject(nodes, at)
    assert nodes.away == most


def test_if_all_are_down_the_first_is_tried() -> None:
    """Checks may be wrong, and a message that waits gains nothing."""
    nodes = fleet(2, Clock())
    for at in (0, 1):
        for _ in range(3):
            nodes.checked(at, ok=False)
    assert nodes.away == 2
    assert nodes.choose([1, 0]) == 1
    assert nodes.choose([1, 0], [1]) is None


def test_what_cannot_be_connected_to_is_tried_once() -> None:
    """Beyond the ranking come the others, in their order."""
    nodes = fleet(6, Clock())
    tried: list[int] = []
    while (at := nodes.choose([4, 0, 2, 1], tried)) is not None:
        tried.append(at)
    assert tried == [4, 0, 2, 1, 5, 3]


@given(
    st.lists(st.floats(min_value=0.5, max_value=8), min_size=2, max_size=12),
    st.floats(min_value=1.01, max_value=3),
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=200),
)
def test_no_node_has_more_than_its_bound(
    weights: list[float], spill: float, moves: list[tuple[int, bool]]
) -> None:
    """Whatever comes and goes: as it starts, a request is within the bound of its node."""
    count = len(weights)
    names = [str(at) for at in range(count)]
    nodes = Fleet(names, weights, POLICY, spill, Clock(), half)
    ring = HashRing(list(zip(names, weights, strict=True)))
    under_way: list[int] = []
    for key, comes in moves:
        if comes or not under_way:
            ranked = [int(name) for name in ring.ranked(f"k{key}", 4)]
            under_way.append(_open(nodes, ranked))
            at = under_way[-1]
            fair = len(under_way) * weights[at] / sum(weights)
            assert under_way.count(at) < spill * fair + 1
        else:
            nodes.end(under_way.pop(key % len(under_way)), well=True)


def test_a_hot_key_spills_and_no_more() -> None:
    """D8: half of all messages are one user's; no node exceeds 1.25 times its share."""
    count, clock = 8, Clock()
    nodes = fleet(count, clock, spill=1.25)
    ring = HashRing([str(at) for at in range(count)])
    keys = ["hot" if n % 2 else f"user{n}" for n in range(800)]
    opened = Counter(_open(nodes, [int(one) for one in ring.ranked(key, 4)]) for key in keys)
    assert max(opened.values()) <= 1.25 * len(keys) / count
    assert nodes.spilled > 0
    assert nodes.rerouted == 0


def test_each_node_is_counted_for_itself() -> None:
    """What it was given, what went on from it, how often it was left out, whether it is now."""
    clock = Clock()
    nodes = fleet(3, clock, spill=1.01)
    nodes.count_in(cells := Cells.alone(3))
    eject(nodes, 1)
    assert [_open(nodes, [1, 2, 0]) for _ in range(3)] == [2, 2, 0]
    assert counted(cells, nodes) == {
        "picked": [1, 3, 2],
        "spilled": [0, 0, 0],
        "rerouted": [0, 3, 0],
        "ejected": [0, 1, 0],
        "away": [0, 1, 0],
    }
    assert _open(nodes, [2, 0, 1]) == 2
    assert _open(nodes, [2, 0, 1]) == 0
    clock.now += 10.0
    for _ in range(3):
        nodes.checked(0, ok=False)
    assert counted(cells, nodes) == {
        "picked": [2, 3, 3],
        "spilled": [0, 0, 1],
        "rerouted": [0, 3, 0],
        "ejected": [1, 1, 0],
        "away": [1, 0, 0],
    }


def counted(cells: Cells, nodes: Fleet) -> dict[str, list[int]]:
    """What stands in the cells, after a tick."""
    assert nodes.away == sum(cells.words[place + AWAY] for place in cells.places)
    return {
        column: [cells.words[place + at] for place in cells.places]
        for at, column in enumerate(COLUMNS)
    }
