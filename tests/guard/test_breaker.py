"""The circuit breaker: what opens it, what passes meanwhile, what closes it."""

from __future__ import annotations

import pytest
from wxgate.guard.breaker import PASSING, Breaker, Rules

RULES = Rules(window=10.0, calls=10, errors=0.5, slow=0.5, slow_after=1.0, probes=3, full=8)


def breaker(rules: Rules = RULES) -> Breaker:
    """One that stays open for 1, 2, 4 … seconds, or for as long as the peer asks."""
    return Breaker(rules, lambda level, after: max(2.0 ** (level - 1), after or 0.0))


def circuit(one: Breaker) -> str:
    """Say what it lets pass."""
    return one.circuit.value


def opened(now: float = 100.0, rules: Rules = RULES) -> Breaker:
    """One that has just opened."""
    one = breaker(rules)
    turned = [one.failed(PASSING, now, 0.0, after=None) for _ in range(rules.in_a_row)]
    assert turned == [False] * (rules.in_a_row - 1) + [True]
    assert circuit(one) == "open"
    return one


def half_open(now: float = 101.0) -> tuple[Breaker, int]:
    """One whose first probe is under way, and the token of that."""
    one = opened(now - 1.0)
    assert one.admits(now)
    return one, one.begin(now)


def test_it_opens_after_several_failures_in_a_row() -> None:
    """An answer in between starts the count anew; repeated tries of one call do not count."""
    one = breaker()
    for at in range(3):
        for _ in range(RULES.in_a_row - 1):
            assert not one.failed(PASSING, at * 100.0, 0.0, after=None)
        assert not one.answered(PASSING, at * 100.0, 0.0)
    for _ in range(100):
        assert not one.failed(PASSING, 300.0, 0.0, first=False, after=None)
    assert one.plain


def test_it_opens_at_a_share_of_errors_once_there_are_enough_calls() -> None:
    """Nine calls say nothing, whatever came of them; calls of long ago neither."""
    one = breaker()
    for _ in range(50):
        one.answered(PASSING, 0.0, 0.0)
    for at in range(9):
        now = 100.0 + at / 10
        turned = one.failed(PASSING, now, 0.0, after=None) if at % 2 else one.answered(0, now, 0.0)
        assert not turned
    assert one.failed(PASSING, 101.0, 0.0, after=None)


def test_it_opens_at_a_share_of_slow_calls() -> None:
    """Though every one of them was answered."""
    one = breaker()
    turned = [one.answered(PASSING, 100.0, 1.0 if at % 2 else 0.1) for at in range(10)]
    assert turned == [False] * 9 + [True]
    assert circuit(one) == "open"


def test_open_nothing_passes_and_half_open_one_probe_does() -> None:
    """Each that is answered lets one more pass, and enough of them close it."""
    one = opened(100.0)
    assert not one.admits(100.9)
    assert one.waits_until == 101.0
    first = one.begin(101.0)
    assert circuit(one) == "half_open"
    assert not one.admits(101.0)
    assert one.answered(first, 101.1, 0.1)
    probes = [one.begin(101.1), one.begin(101.1)]
    assert not one.admits(101.1)
    assert one.answered(probes[0], 101.2, 0.1)
    assert one.answered(probes[1], 101.2, 0.1)
    assert circuit(one) == "closed"


def test_a_first_probe_that_fails_opens_it_for_longer() -> None:
    """Twice as long each time, or as long as the peer asks."""
    one = opened(100.0)
    now = 101.0
    for seconds in (2.0, 4.0, 8.0):
        assert one.failed(one.begin(now), now, 0.0, after=None)
        assert one.waits_until == now + seconds
        now += seconds
    assert one.failed(one.begin(now), now, 0.0, after=600.0)
    assert one.waits_until == now + 600.0
    assert one.opened == 5


def test_a_slow_probe_is_a_failed_one() -> None:
    """Where being slow opens it, answering slowly does not close it."""
    one, probe = half_open()
    assert one.answered(probe, 102.5, 1.5)
    assert circuit(one) == "open"


def test_one_failure_among_probes_that_are_answered_is_borne() -> None:
    """A share of them decides, as it does while it is closed."""
    one, probe = half_open()
    one.answered(probe, 101.0, 0.0)
    probes = [one.begin(101.0), one.begin(101.0)]
    assert not one.failed(probes[0], 101.0, 0.0, after=None)
    assert circuit(one) == "half_open"
    one.answered(probes[1], 101.0, 0.0)
    assert circuit(one) == "closed"


def test_a_probe_that_never_ran_gives_its_token_back() -> None:
    """D6: something else forbade the call; half-open does not stick (Sentinel's issue 1638)."""
    one, probe = half_open()
    assert not one.admits(101.0)
    one.leave(probe)
    assert one.admits(101.0)
    assert circuit(one) == "half_open"


def test_a_probe_that_is_never_heard_of_is_replaced() -> None:
    """After a time; should it come back after all, it counts no more."""
    one, lost = half_open(101.0)
    assert one.waits_until == 161.0
    assert not one.admits(160.9)
    assert one.admits(161.0)
    second = one.begin(161.0)
    assert second != lost
    one.leave(lost)
    assert not one.failed(lost, 162.0, 0.0, after=None)
    assert not one.admits(162.0)
    assert one.answered(second, 162.0, 0.0)


def test_one_that_takes_the_place_of_another_knows_none_of_its_tokens() -> None:
    """A probe that began under another configuration ends, and makes no room for a second."""
    before, lost = half_open(101.0)
    one = breaker()
    one.follow(before)
    one.leave(lost)
    assert (one.opened, one.plain) == (1, True)
    for _ in range(RULES.in_a_row):
        one.failed(PASSING, 200.0, 0.0, after=None)
    probe = one.begin(201.0)
    one.leave(lost)
    assert not one.admits(201.0)
    one.leave(probe)
    assert one.admits(201.0)
    # Nor if it came to it by the same number of steps.
    stale = range(probe)
    fresh = breaker()
    fresh.follow(one)
    for _ in range(RULES.in_a_row):
        fresh.failed(PASSING, 300.0, 0.0, after=None)
    fresh.begin(301.0)
    for token in (*stale, probe):
        fresh.leave(token)
    assert not fresh.admits(301.0)


@pytest.mark.parametrize("answered", [True, False])
def test_what_began_before_it_opened_says_nothing(answered: bool) -> None:  # noqa: FBT001
    """Stragglers neither close it nor keep it open for longer."""
    one = opened(100.0)
    for now in (100.5, 101.5):
        if answered:
            assert not one.answered(PASSING, now, 0.0)
        else:
            assert not one.failed(PASSING, now, 0.0, after=None)
        assert one.waits_until == 101.0
    one.begin(101.5)
    assert not one.answered(PASSING, 102.0, 0.0)
    assert circuit(one) == "half_open"


def closed_again() -> Breaker:
    """One that has just closed after having been open."""
    one, probe = half_open()
    one.answered(probe, 101.0, 0.0)
    for token in (one.begin(101.0), one.begin(101.0)):
        one.answered(token, 101.0, 0.0)
    assert circuit(one) == "closed"
    return one


def test_closed_again_it_lets_the_load_grow() -> None:
    """One more with each answer, until there is nothing to count."""
    one = closed_again()
    assert not one.plain
    assert one.room == 4
    tokens = [one.begin(101.0) for _ in range(4)]
    assert not one.admits(101.0)
    for token in tokens[:3]:
        assert not one.answered(token, 101.0, 0.0)
    assert one.room == 6
    one.leave(tokens[3])
    assert one.room == 7
    one.answered(one.begin(101.0), 101.0, 0.0)
    assert one.plain


def test_tokens_that_are_lost_while_the_load_grows_hold_nothing_up() -> None:
    """They are forgotten after a time."""
    one = closed_again()
    for _ in range(4):
        one.begin(101.0)
    assert not one.admits(150.0)
    assert one.waits_until == 161.0
    assert one.admits(161.0)
    assert one.begin(161.0)
    assert one.room == 0


def test_a_peer_that_comes_and_goes_is_given_more_time() -> None:
    """D5: it opens for longer if it has closed just now; a window later all is forgiven."""
    one, probe = half_open()
    assert one.failed(probe, 101.0, 0.0, after=None)
    now = 103.0
    for _ in range(3):
        token = one.begin(now)
        one.answered(token, now, 0.0)
    assert circuit(one) == "closed"
    assert one.level == 1
    for _ in range(RULES.in_a_row):
        one.failed(one.begin(now), now, 0.0, after=None)
    assert one.waits_until == now + 2.0
    now += 2.0
    for _ in range(3):
        one.answered(one.begin(now), now, 0.0)
    now += 10.1
    for _ in range(RULES.in_a_row):
        one.failed(one.begin(now), now, 0.0, after=None)
    assert one.waits_until == now + 1.0
