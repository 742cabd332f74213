"""What is left in the journal comes back, each message once, whatever meets what."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from wxgate.dispatch.lane import Item, Window
from wxgate.dispatch.reader import Reader

from .world import Memory

if TYPE_CHECKING:
    from wxgate.dispatch.lane import Lane

_ACCOUNTS = ("shop", "mini", "work", "mch")
_SHARES = (60, 20, 15, 5)
_Part = tuple["Lane", list[Item]]


class Play:
    """A window, its reader and its journal; tries begin and end by chance."""

    def __init__(self, seed: int) -> None:
        """Draw how much there is of everything."""
        self.chance = random.Random(seed)  # noqa: S311 (a test)
        draw = self.chance.choice
        self.log = Memory()
        self.window = Window(draw([16, 32, 64, 128]), 1 << 30, shared=draw([False, True, True]))
        self.reader = Reader(0, self.window, lambda _, __: (0,))
        self.reader.open(self.log)
        self.keys, self.burst = draw([1, 10, 100]), draw([1, 4, 30, 200])
        self.common = draw([False, True])
        self.total = draw([300, 1000])
        self.offered = 0
        self.open: list[list[_Part]] = []
        self.taken: list[Item] = []
        self.unsettled: list[int] = []

    def record(self) -> None:
        """Make some messages durable, many of them of few keys."""
        for _ in range(self.chance.randint(1, self.burst)):
            (account,) = self.chance.choices(_ACCOUNTS, _SHARES)
            number = min(int(self.chance.paretovariate(0.8)), self.keys)
            self.log.put(f"k{number}" if self.common else f"{account}{number}", account=account)

    def offer(self) -> None:
        """Tell of all that is durable."""
        for message in self.log.messages[self.offered :]:
            self.offered = message.seq
            item = self.reader.offer(message.seq, 0, message, (0,))
            if item is not None:
                self.window.add(message.key, item)

    def begin(self) -> None:
        """Begin a try of a batch."""
        room = self.chance.choice([1, 4, 16, 64])
        parts: list[_Part] = []
        while self.window.ready and room:
            lane = self.window.ready.popleft()
            parts.append((lane, lane.items[:room]))
            room -= len(parts[-1][1])
        self.open.append(parts)

    def end(self) -> None:
        """End the oldest."""
        for lane, items in self.open.pop(0):
            assert lane.items[: len(items)] == items
            self.taken += items
            self.unsettled += [item.seq for item in items]
            self.window.finish(lane, len(items))

    def read(self) -> None:
        """Read what was left, after all that is taken has been settled, as a destination does."""
        self.log.settle(0, self.unsettled)
        self.unsettled = []
        self.reader.read(self.offered)

    def step(self) -> bool:
        """Do some of what can be done; whether there was anything."""
        total, chance = len(self.log.messages), self.chance.random
        could = [
            (total < self.total, 0.4, self.record),
            (self.offered < total, 0.7, self.offer),
            (bool(self.window.ready) and len(self.open) < 4, 1.0, self.begin),
            (bool(self.open), 0.6, self.end),
            (self.reader.wants, 0.5, self.read),
        ]
        for possible, how_often, act in could:
            if possible and chance() < how_often:
                act()
        return any(possible for possible, *_ in could)


@pytest.mark.parametrize("seeds", [range(at, at + 50) for at in range(0, 400, 50)])
def test_all_that_is_left_behind_comes_back_once(seeds: range) -> None:
    """Accounts may have a key in common, and each more than its part of the window."""
    for seed in seeds:
        play = Play(seed)
        while play.step():
            pass
        numbers = [item.seq for item in play.taken]
        assert sorted(numbers) == [one.seq for one in play.log.messages], seed
        last: dict[tuple[str, str], int] = {}
        for item in play.taken:
            message = play.log.messages[item.seq - 1]
            place = message.account, message.key
            assert last.get(place, 0) < item.seq, seed
            last[place] = item.seq
