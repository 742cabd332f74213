"""Choosing a node, ours and uhashring's; and what the loss of a node moves, against the minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import uhashring
from wechat import USER
from wxcore import HashRing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

SIZES = [3, 32, 1000]
KEYS = [f"oUser{at}" for at in range(20_000)]


def named(nodes: int) -> list[str]:
    """So many nodes."""
    return [f"http://10.0.{at // 250}.{at % 250}:9001" for at in range(nodes)]


def _moved(before: Callable[[str], str], after: Callable[[str], str], lost: str) -> list[int]:
    """Count the keys of the lost node, and of the others those that moved."""
    was = {key: before(key) for key in KEYS}
    stays = [key for key in KEYS if was[key] != lost]
    return [len(KEYS) - len(stays), sum(after(key) != was[key] for key in stays)]


@pytest.mark.parametrize("nodes", SIZES)
def bench_pick(benchmark: BenchmarkFixture, nodes: int) -> None:
    """A competition up to 32 nodes, a table above."""
    names = named(nodes)
    ring, fewer = HashRing(names), HashRing(names[1:])
    least, more = _moved(ring.pick, fewer.pick, names[0])
    # The theoretical minimum is what the lost node held; it is exact.
    assert more == 0
    assert least / len(KEYS) <= 1 / nodes + 0.02
    benchmark.extra_info["moved"] = least
    benchmark.extra_info["moved beyond the minimum"] = more
    benchmark.group = f"HashRing.pick, {nodes} nodes"
    assert benchmark(ring.pick, USER) == ring.ranked(USER)[0]


@pytest.mark.parametrize("nodes", SIZES)
def bench_pick_uhashring(benchmark: BenchmarkFixture, nodes: int) -> None:
    """Ketama: 160 points on a ring for each node."""
    names = named(nodes)
    ring, fewer = uhashring.HashRing(names), uhashring.HashRing(names[1:])
    least, more = _moved(ring.get_node, fewer.get_node, names[0])
    benchmark.extra_info["moved"] = least
    benchmark.extra_info["moved beyond the minimum"] = more
    benchmark.group = f"HashRing.pick, {nodes} nodes"
    assert benchmark(ring.get_node, USER) in names
