"""Fleets at their size: what the capacity page counts on."""

from __future__ import annotations

import pytest
from wxgate.bench import fleet
from wxgate.bench.fleet import SIZES, Fleet, Fleets


def holds(played: Fleet) -> None:
    """What is true of a fleet of any size."""
    ring, known, limited = played.ring, played.recognition, played.limited
    assert ring.moved == ring.least, "only what the lost node had"
    assert 0 < ring.joined < 2 / (played.nodes + 1)
    # 65,537 slots, each of which is some node's, and keys that fall into them at random.
    assert ring.busiest < 1 + 5 * ring.spread
    assert known.shared == known.repeats >= known.elsewhere > known.repeats * 0.8
    assert known.alone == known.repeats - known.elsewhere
    assert 0.99 < limited.shared_over <= 1
    assert limited.parts_over <= 1
    assert limited.shared_under == 1


@pytest.fixture(scope="module")
def small() -> Fleets:
    """Two of them, with a tenth of the messages."""
    return fleet.play(SIZES[:2], scale=0.1)


def test_a_small_fleet(small: Fleets) -> None:
    """Balance, movement, retries at other nodes, limits."""
    for one in small.fleets:
        holds(one)
    ten, hundred = (one.ring for one in small.fleets)
    assert ten.busiest < 1.1
    assert hundred.busiest < 1.4


def test_a_claim_is_some_tens_of_bytes(small: Fleets) -> None:
    """As the configuration's page says."""
    assert 20 < small.claim_bytes < 60


@pytest.mark.slow
def test_a_thousand_nodes() -> None:
    """Each has some 65 slots of the ring: the fullest has half as much again as the mean."""
    (large,) = fleet.play(SIZES[2:], scale=1.0).fleets
    holds(large)
    assert 1.2 < large.ring.busiest < 1.7
    assert large.limited.parts_under < 0.9, "a part of one a second is no limit to live with"
