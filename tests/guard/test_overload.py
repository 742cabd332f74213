"""The level of admission: what moves it, and where it comes to rest."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from wxgate.guard.overload import CLASSES, LEVELS, PER_CLASS, Overload, OverloadRules, refused_from

RULES = OverloadRules(wait=0.02, down=0.05, up=0.01)
MIX = {"pay": 6, "refund": 2, "authorisation": 2, "user": 75, "passing": 15}


class Server:
    """Serves so many messages a window, in the order in which they were let in."""

    def __init__(self, capacity: int) -> None:
        """Serve nobody yet."""
        self.overload = Overload(RULES)
        self.capacity = capacity
        self.backlog = 0
        self.chance = random.Random(1)  # noqa: S311 (a run that can be repeated)

    def window(self, arriving: int) -> Counter[str]:
        """Let a window pass; return what was let in of each class."""
        kinds = self.chance.choices(list(MIX), list(MIX.values()), k=arriving)
        let_in: Counter[str] = Counter()
        may_serve = 0.0
        for kind in kinds:
            level = CLASSES.index(kind) * PER_CLASS + self.chance.randrange(PER_CLASS)
            if self.overload.admits(level, self.backlog):
                let_in[kind] += 1
                self.backlog += 1
            may_serve += self.capacity / arriving
            while self.backlog and may_serve >= 1:
                may_serve -= 1
                self.overload.served(self.backlog / self.capacity * 0.1)
                self.backlog -= 1
            may_serve = min(may_serve, 1.0)
        oldest = self.backlog / self.capacity * 0.1
        self.overload.end_window(0.1, oldest, self.backlog, unread=0, busy=True)
        return let_in


@pytest.mark.parametrize("times", [1.5, 3, 10])
def test_what_is_served_stays_near_what_can_be(times: float) -> None:
    """F1: under any load nine tenths of the capacity are used, by the most important messages."""
    server = Server(1000)
    for _ in range(30):
        server.window(round(1000 * times))
    let_in: Counter[str] = Counter()
    for _ in range(20):
        let_in += server.window(round(1000 * times))
    assert 0.9 * 20_000 <= let_in.total() <= 1.1 * 20_000
    share = {kind: let_in[kind] / (MIX[kind] / 100 * 20_000 * times) for kind in MIX}
    ordered = [share[kind] for kind in CLASSES]
    for upper, lower in pairwise(ordered):
        # Less is let in of a class only once nothing is of the next; the level moves meanwhile.
        assert upper >= lower - 0.05, share
    assert share["passing"] < 0.7
    assert server.overload.level < LEVELS


def test_it_is_found_within_a_second_and_given_back_in_time() -> None:
    """Ten windows later no more waits than may; after the flood all are let in again."""
    server = Server(1000)
    for _ in range(10):
        server.window(5000)
    assert server.backlog <= 1000
    windows = 0
    while not server.overload.admits_all:
        server.window(500)
        windows += 1
    assert 10 < windows < LEVELS


def test_without_waiting_nothing_is_refused() -> None:
    """However many come."""
    server = Server(1000)
    assert sum(server.window(999).total() for _ in range(50)) == 50 * 999


def test_a_moment_of_an_idle_gateway_refuses_nobody() -> None:
    """A few that had to wait are no flood; what queues behind them makes one."""
    overload = Overload(RULES)
    for level in range(0, LEVELS, LEVELS // 8):
        assert overload.admits(level, 0)
        overload.served(0.5)
    before = overload.ahead
    overload.end_window(0.1, 0.5, 0, unread=0, busy=False)
    assert (overload.admits_all, overload.ahead) == (True, before)
    overload.admits(LEVELS - 1, 0)
    overload.end_window(0.1, 0.5, 9, unread=0, busy=False)
    assert not overload.admits_all


def test_one_user_stays_in_or_out() -> None:
    """The level is between users, not between messages."""
    overload = Overload(RULES)
    overload.level = 3 * PER_CLASS + 64
    assert overload.admits(3 * PER_CLASS + 63, 0)
    assert not overload.admits(3 * PER_CLASS + 64, 0)
    assert refused_from(overload.level) == "user, but for 50% of its users"


def test_the_most_important_level_is_always_let_in() -> None:
    """Whatever happens."""
    overload = Overload(RULES)
    for _ in range(1000):
        overload.admits(0, 0)
        overload.end_window(0.1, 5.0, 9, unread=0, busy=True)
    assert overload.level == 1
    assert overload.admits(0, 0)


def test_where_some_are_refused_unread_there_is_a_choice_among_the_rest() -> None:
    """The least important fifth of what is read makes room for the others."""
    server = Server(1000)
    for _ in range(5):
        for number in range(100):
            server.overload.admits(number * LEVELS // 100, 0)
        server.overload.end_window(0.1, 0.0, 0, unread=50, busy=True)
    assert server.overload.level == pytest.approx(0.8 * LEVELS, abs=8)
    for _ in range(LEVELS):
        server.window(500)
    assert server.overload.admits_all


def test_a_level_that_fell_too_far_is_back_within_half_a_second() -> None:
    """A flood out of nothing: first all time goes to reading, and as good as none to serving."""
    server = Server(1000)
    server.overload.level = PER_CLASS // 8
    for _ in range(5):
        for number in range(300):
            if server.overload.admits(number * LEVELS // 300, 0):
                server.overload.served(0.0001)
        server.overload.end_window(0.1, 0.0, 0, unread=2000, busy=True)
    assert 0.7 * LEVELS < server.overload.level <= 0.8 * LEVELS + 8


def test_a_spike_is_forgotten_as_soon_as_there_is_time_left() -> None:
    """Nobody is refused by the second for what is long over."""
    server = Server(1000)
    server.overload.level = PER_CLASS // 8
    for _ in range(10):
        for number in range(100):
            if server.overload.admits(number * LEVELS // 100, 0):
                server.overload.served(0.0001)
        server.overload.end_window(0.1, 0.0, 0, unread=0, busy=False)
    assert server.overload.admits_all


def test_as_many_are_read_ahead_as_can_be_served_in_half_the_wait() -> None:
    """So that what is read waits for as long as it may at most."""
    overload = Overload(RULES)
    window(overload, 500, unread=500)
    assert overload.ahead == (40, 50)
    overload.end_window(0.1, 0.0, 0, unread=0, busy=False)
    assert overload.ahead == (80, 100)
    for _ in range(9):
        overload.end_window(0.1, 0.0, 0, unread=0, busy=False)
    assert overload.ahead == (512, 512)


def window(overload: Overload, many: int, *, unread: int) -> None:
    """Let one pass in which so many were read and served, and the processor was busy."""
    for number in range(many):
        overload.admits(number * LEVELS // many, 0)
        overload.served(0.001)
    overload.end_window(0.1, 0.0, 0, unread=unread, busy=True)


def test_a_few_that_are_refused_unread_have_as_few_refused_for_their_level() -> None:
    """They came in a burst, of which nothing is left: there is room for everybody else."""
    overload = Overload(RULES)
    window(overload, 1000, unread=10)
    assert LEVELS * 0.98 < overload.level < LEVELS


def test_a_burst_may_fill_the_whole_wait_and_a_flood_less_than_half_of_it() -> None:
    """In a flood the room is always full: that is what who is read and refused waits for."""
    overload = Overload(RULES)
    window(overload, 500, unread=0)
    assert overload.ahead == (100, 125)
    window(overload, 500, unread=500)
    assert overload.ahead == (40, 50)
    for _ in range(9):
        window(overload, 500, unread=0)
    assert overload.ahead == (40, 50)
    window(overload, 500, unread=0)
    assert overload.ahead == (100, 125)


def test_one_window_in_which_others_had_the_processor_takes_no_room() -> None:
    """What is refused for it would be dearer than to serve it."""
    overload = Overload(RULES)
    for served in (500, 50, 50):
        window(overload, served, unread=2000)
    assert 30 <= overload.ahead[0] < 40
    for _ in range(50):
        window(overload, 50, unread=2000)
    assert overload.ahead[0] < 10
