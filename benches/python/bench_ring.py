"""Choosing a node, ours and uhashring's; and what the loss of a node moves, against the minimum."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import TYPE_CHECKING

import pytest
import uhashring
from wechat import USER
from wxcore import HashRing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    Pick = Callable[[str], str]

SIZES = [3, 32, 1000]
KEYS = [f"oUser{at}" for at in range(100_000)]
SLOTS = 65_537
SIGMAS = 5
"""Of keys and slots that fall as chance has it, a node may have so much more than its share."""


def _own(names: list[str]) -> Pick:
    """A competition up to 32 nodes, a table above."""
    return HashRing(names).pick


def _uhashring(names: list[str]) -> Pick:
    """Ketama: 160 points on a ring for each node."""
    return uhashring.HashRing(names).get_node  # type: ignore[no-any-return]


def _lose_the_fullest(make: Callable[[list[str]], Pick], names: list[str]) -> tuple[int, int]:
    """Count the keys of the node that has most, and the keys of others that its loss moves."""
    pick = make(names)
    was = {key: pick(key) for key in KEYS}
    ((lost, held),) = Counter(was.values()).most_common(1)
    after = make([name for name in names if name != lost])
    return held, sum(node not in (lost, after(key)) for key, node in was.items())


@pytest.mark.parametrize("nodes", SIZES)
@pytest.mark.parametrize("by", ["wxcore", "uhashring"])
def bench_pick(benchmark: BenchmarkFixture, nodes: int, by: str) -> None:
    """One key; and of many keys those that move, of which the lost node's are the least."""
    make = {"wxcore": _own, "uhashring": _uhashring}[by]
    names = [f"http://10.0.{at // 250}.{at % 250}:9001" for at in range(nodes)]
    held, beyond = _lose_the_fullest(make, names)
    assert beyond == 0
    if by == "wxcore":
        chance = SIGMAS * (sqrt(nodes / SLOTS) + sqrt(nodes / len(KEYS)))
        assert held * nodes / len(KEYS) <= 1 + chance
    benchmark.extra_info |= {"nodes": nodes, "moved": held / len(KEYS), "beyond": beyond}
    benchmark.group = f"HashRing.pick, {nodes} nodes"
    pick = make(names)
    assert benchmark(pick, USER) in names
