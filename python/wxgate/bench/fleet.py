"""A fleet at its full size, in one process: the ring, the claims and the limits of all nodes.

Sockets and disks are left out; what decides is the same code as in a gateway. ``docs/capacity.md``
counts on what comes of it, and the tests run it small.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import pstdev
from typing import TYPE_CHECKING

import msgspec
from wxcore import HashRing
from wxcore._wxcore import Claims, Limits

from wxgate.testing import message

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (10, 100, 1000)
"""Nodes of the fleets that are played."""
_KEYS = 400_000
_MESSAGES = 100_000
_CLAIMS = 1_000_000
_LIMITED = 20_000
_RETRIED = 0.02
_LIFE_MS = 60_000
_RATE, _BURST = 1000, 1000
"""Of the limit: messages a second, and at once."""
_US = 1_000_000
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_PAGE = 4096
_STATM = Path("/proc/self/statm")


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


class Recognition(msgspec.Struct, frozen=True):
    """Of messages that were sent again, how many were known as such."""

    repeats: int
    elsewhere: int
    """Repeats that came to another node than the first try."""
    alone: int
    """Recognised by nodes that know of their own messages only."""
    shared: int
    """Recognised with claims that the fleet shares."""
    asked: int
    """Claims that the store was asked for."""


class Limited(msgspec.Struct, frozen=True):
    """What passes a limit, over what should, for an account whose calls come to any node."""

    shared_over: float
    """Twice as much as is allowed comes; the fleet counts together."""
    parts_over: float
    """The same, where each node keeps to its part by itself."""
    shared_under: float
    """Four fifths of what is allowed come; the fleet counts together."""
    parts_under: float
    """The same, where each node keeps to its part by itself."""


class Fleet(msgspec.Struct, frozen=True):
    """What came of one size."""

    nodes: int
    ring: Ring
    recognition: Recognition
    limited: Limited


class Fleets(msgspec.Struct, frozen=True):
    """What came of all."""

    fleets: list[Fleet]
    claim_bytes: float
    """Memory of one claim in a node."""
    seconds: float


def play(sizes: Sequence[int] = SIZES, *, scale: float = 1.0) -> Fleets:
    """Play fleets of so many nodes; a ``scale`` below 1 sends fewer keys and messages."""
    began = time.perf_counter()
    fleets = [_fleet(nodes, scale) for nodes in sizes]
    claim_bytes = _claim_bytes_alone(int(_CLAIMS * scale))
    return Fleets(fleets, claim_bytes, time.perf_counter() - began)


def _fleet(nodes: int, scale: float) -> Fleet:
    chance = random.Random(nodes)  # noqa: S311 (a run that can be repeated)
    keys = ["o" + "".join(chance.choices(_ALPHABET, k=27)) for _ in range(int(_KEYS * scale))]
    return Fleet(
        nodes,
        ring(nodes, keys),
        _recognition(nodes, int(_MESSAGES * scale), chance),
        _limited(nodes, int(_LIMITED * scale), chance),
    )


def ring(nodes: int, keys: Sequence[str]) -> Ring:
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


def _recognition(nodes: int, messages: int, chance: random.Random) -> Recognition:
    """Send messages to any node, and some of them again, to any node.

    The store is what the script in ``stores/redis`` makes of a server: a claim is taken if nobody
    has it, and kept until its life ends.
    """
    own = [Claims(max(1000, messages), 0, 0) for _ in range(nodes)]
    store: set[bytes] = set()
    repeats = elsewhere = alone = shared = asked = 0
    for number in range(1, messages + 1):
        first = chance.randrange(nodes)
        key = own[first].lease(f"shop:m:{number}", _LIFE_MS)
        own[first].restore(key, _LIFE_MS, b"")
        store.add(key)
        asked += 1
        if chance.random() >= _RETRIED:
            continue
        again, other_try = chance.randrange(nodes), message(number)
        repeats += 1
        elsewhere += again != first
        if own[again].claim(other_try, 0) == b"":
            alone += 1
            shared += 1
        else:  # a node asks only for what is new to it
            asked += 1
            shared += other_try.claim_key in store
    return Recognition(repeats, elsewhere, alone, shared, asked)


def _limited(nodes: int, messages: int, chance: random.Random) -> Limited:
    """Send an account's messages to any node, at twice and at four fifths of its limit."""
    return Limited(
        shared_over=_passed(1, messages, 2.0, chance),
        parts_over=_passed(nodes, messages, 2.0, chance),
        shared_under=_passed(1, messages, 0.8, chance),
        parts_under=_passed(nodes, messages, 0.8, chance),
    )


def _passed(parts: int, allowed: int, times: float, chance: random.Random) -> float:
    """What passes, over what should: of ``times`` what is allowed, at random times."""
    interval = _US // _RATE
    limit = [(b"account", interval, (_BURST - 1) * interval, 0)]
    tables = [Limits(1000, parts) for _ in range(parts)]
    now, passed, sent = 0.0, 0, int(allowed * times)
    for _ in range(sent):
        now += chance.expovariate(_RATE * times) * _US
        passed += tables[chance.randrange(parts)].acquire(limit, round(now)) is None
    return passed / min(sent, now / interval + _BURST)


def _claim_bytes_alone(count: int) -> float:
    """Ask a fresh process: this one may have memory to use again, and not grow at all."""
    program = f"from wxgate.bench.fleet import claim_bytes; print(claim_bytes({count}))"
    command = (sys.executable, "-c", program)
    return float(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603


def claim_bytes(count: int) -> float:
    """Fill a table, and see by how much this process has grown."""
    ids = [f"shop:m:{number}" for number in range(count)]
    before = _resident()
    claims = Claims(count, 0, 0)
    for identity in ids:
        claims.restore(claims.lease(identity, _LIFE_MS), _LIFE_MS, b"")
    return (_resident() - before) / len(claims)


def _resident() -> int:
    return int(_STATM.read_text().split()[1]) * _PAGE
