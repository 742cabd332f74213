"""The ring of an upstream: how evenly keys lie on its nodes, and how many move."""

from __future__ import annotations

import time
from statistics import pstdev
from typing import TYPE_CHECKING

import msgspec
from wxcore import HashRing

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_US = 1_000_000


class Ring(msgspec.Struct, frozen=True):
    """How evenly keys lie on nodes, and how many move."""

    busiest: float
    """Keys of the fullest node, over the mean."""
    spread: float
    """Standard deviation over the mean."""
    moved: float
    """Share of the keys that have another node once one is gone."""
    least: float
    """The share that the lost node had: what has to move."""
    joined: float
    """Share of the keys that move to a node that is added."""
    pick: float
    """Microseconds to find a key's node."""


def keys(count: int, chance: random.Random) -> list[str]:
    """Make openids up."""
    return ["o" + "".join(chance.choices(_ALPHABET, k=27)) for _ in range(count)]


def lay(nodes: int, keys: Sequence[str]) -> Ring:
    """Lay keys on nodes, then take the first of these away, then add one."""
    names = [f"10.0.{number // 256}.{number % 256}:9001" for number in range(nodes)]
    whole = HashRing(names)
    whole.pick("warm")
    began = time.perf_counter()
    places = [whole.pick(key) for key in keys]
    pick = (time.perf_counter() - began) / len(keys) * _US
    counts = dict.fromkeys(names, 0)
    for place in places:
        counts[place] += 1
    mean = len(keys) / nodes
    return Ring(
        busiest=max(counts.values()) / mean,
        spread=pstdev(counts.values()) / mean,
        moved=_moved(HashRing(names[1:]), keys, places),
        least=counts[names[0]] / len(keys),
        joined=_moved(HashRing([*names, "10.1.0.0:9001"]), keys, places),
        pick=pick,
    )


def _moved(other: HashRing, keys: Sequence[str], places: Sequence[str]) -> float:
    pairs = zip(keys, places, strict=True)
    return sum(other.pick(key) != place for key, place in pairs) / len(keys)
