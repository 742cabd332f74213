"""Messages to any node of a fleet, and some of them again to any: who takes them.

They come as to a fleet that has 20 billion a day, millisecond by millisecond: what comes to a node
within one is one turn of its loop. Played they take longer, which is nothing to claims.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from wxgate.testing import Rule, limited

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from wxcore._wxcore import Received

    from wxgate.stores import Claims, Denied, Held

    Deal = list[list[tuple[int, int]]]
    """For each millisecond the tries that come in it: the message's number, and the node."""

A_MILLISECOND = 20e9 / 86_400_000
"""Messages of a fleet that has 20 billion a day."""
_AGAIN = 0.1
"""Of the messages: more than WeChat sends again, so that there is something to count."""
_WITHIN_MS = 20
"""After the first try. WeChat waits for 5 s: here some come while the first one is open."""
_WIDE = Rule("one-user", "1000000/s", 1_000_000)
"""A limit that denies nobody, for each user: it is counted all the same."""
_USERS = 10_000


class Known(msgspec.Struct, frozen=True):
    """Of the tries that were not first, how many were known as such, and by whom."""

    messages: int
    repeats: int
    elsewhere: int
    """Repeats that came to another node than the first try."""
    alone: int
    """Known to nodes that know of their own messages only."""
    shared: int | None = None
    """Known to nodes that share a Redis; None if that was not played."""
    open: int | None = None
    """Among them those that came while the first try was not done."""
    lost: int | None = None
    """Messages that none of these nodes took."""


@dataclass(slots=True)
class Taken:
    """What nodes said."""

    by: Counter[int] = field(default_factory=Counter)
    """Of each message how often it was taken for new."""
    open: int = 0
    denied: int = 0

    @property
    def twice(self) -> int:
        """How often a message was taken that had been taken before."""
        return self.by.total() - len(self.by)


def deal(nodes: int, messages: int, chance: random.Random) -> Deal:
    """Say which tries come when, and to which node."""
    last = int(messages / A_MILLISECOND)
    dealt: Deal = [[] for _ in range(last + _WITHIN_MS + 1)]
    for number in range(messages):
        at = int(number / A_MILLISECOND)
        dealt[at].append((number, chance.randrange(nodes)))
        if chance.random() < _AGAIN:
            later = at + chance.randint(0, _WITHIN_MS)
            dealt[later].append((number, chance.randrange(nodes)))
    for tries in dealt:
        chance.shuffle(tries)
    return dealt


async def send(claims: Sequence[Claims], dealt: Deal) -> Taken:
    """Have nodes claim what comes to them; what is new is on their disk a millisecond later."""
    taken = Taken()
    recorded: dict[int, list[Received]] = {}
    for tries in dealt:
        now = time.time_ns() // 1_000_000
        asked = []
        for number, node in tries:
            message = limited(number, _WIDE, user=f"o{number % _USERS}")
            asked.append((number, node, message, claims[node].claim(message, now)))
        for node, messages in recorded.items():
            claims[node].complete(messages, now)
        recorded = {}
        for number, node, message, held in asked:
            if _is_new(await held if isinstance(held, asyncio.Future) else held, taken):
                taken.by[number] += 1
                recorded.setdefault(node, []).append(message)
    return taken


def _is_new(held: Held | Denied, taken: Taken) -> bool:
    taken.open += held is False
    taken.denied += isinstance(held, tuple)
    return held is True


def elsewhere(dealt: Deal) -> int:
    """How many tries came to another node than the first of their message."""
    first: dict[int, int] = {}
    return sum(first.setdefault(number, node) != node for tries in dealt for number, node in tries)


def together(known: Known, taken: Taken) -> Known:
    """Add what came of the same tries at nodes that share a Redis."""
    return msgspec.structs.replace(
        known,
        shared=known.repeats - taken.twice,
        open=taken.open,
        lost=known.messages - len(taken.by),
    )
