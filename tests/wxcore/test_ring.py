"""The hash ring, under any nodes and any key."""

from __future__ import annotations

import math

import pytest
import wxcore
from hypothesis import given, settings
from hypothesis import strategies as st

NODES = st.lists(st.text(min_size=1), min_size=1, max_size=12, unique=True)


@given(NODES, st.text())
@settings(deadline=None)
def test_a_ranking_holds_every_node_once(names: list[str], key: str) -> None:
    """In an order that does not depend on that of the nodes."""
    ring = wxcore.HashRing(names)
    ranked = ring.ranked(key)
    assert sorted(ranked) == sorted(names)
    assert ring.pick(key) == ranked[0]
    assert len(ring) == len(names)
    assert wxcore.HashRing(names[::-1]).ranked(key) == ranked


@given(NODES, st.text(), st.data())
@settings(deadline=None)
def test_a_node_that_goes_changes_no_other_place(
    names: list[str], key: str, data: st.DataObject
) -> None:
    """The rest of the ranking stays as it was."""
    gone = data.draw(st.sampled_from(names))
    rest = [name for name in names if name != gone]
    if rest:
        ranked = [name for name in wxcore.HashRing(names).ranked(key) if name != gone]
        assert wxcore.HashRing(rest).ranked(key) == ranked


@given(NODES, st.text(), st.integers(min_value=0, max_value=14))
@settings(deadline=None)
def test_a_few_are_the_first_of_all(names: list[str], key: str, count: int) -> None:
    """However they were found."""
    ring = wxcore.HashRing(names)
    assert ring.ranked(key, count) == ring.ranked(key)[:count]


def test_a_large_fleet_is_looked_up() -> None:
    """And growing into it moves keys to the new node only."""
    names = [f"node-{at}" for at in range(33)]
    small, large = wxcore.HashRing(names[:32]), wxcore.HashRing(names)
    assert (small.table, large.table) == (False, True)
    keys = [f"oUser{at}" for at in range(20_000)]
    moved = [key for key in keys if small.pick(key) != large.pick(key)]
    assert {large.pick(key) for key in moved} == {names[32]}
    assert abs(len(moved) / len(keys) - 1 / 33) < 0.02
    for key in keys[:100]:
        assert large.ranked(key, 4) == large.ranked(key)[:4]
        assert large.pick(key) == large.ranked(key)[0]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_is_above_zero_and_finite(weight: float) -> None:
    """Named by the node's place."""
    with pytest.raises(ValueError, match=r"^nodes\[1\]: weight"):
        wxcore.HashRing(["a", ("b", weight)])
