"""Choosing a node: ours alone, since the packages for it place nodes in other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wechat import USER
from wxcore import HashRing

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("nodes", [3, 32])
def bench_pick(benchmark: BenchmarkFixture, nodes: int) -> None:
    """Weighted rendezvous: each node is asked, so the cost grows with them."""
    names = [f"http://10.0.0.{at}:9001" for at in range(nodes)]
    ring = HashRing(names)
    chosen = ring.pick(USER)
    assert chosen == ring.ranked(USER)[0]
    others = HashRing([name for name in names if name != ring.ranked(USER)[1]])
    assert others.pick(USER) == chosen
    benchmark.group = f"HashRing.pick, {nodes} nodes"
    assert benchmark(ring.pick, USER) == chosen
