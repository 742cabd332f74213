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


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_is_above_zero_and_finite(weight: float) -> None:
    """Named by the node's place."""
    with pytest.raises(ValueError, match=r"^nodes\[1\]: weight"):
        wxcore.HashRing(["a", ("b", weight)])
