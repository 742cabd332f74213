"""Limits that nodes share: the script in Redis decides as the core does.

The server's clock may be set back, or be another server's after a failover; the script's goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from wxcore import decide
from wxgate.stores.redis.call import SCRIPT

if TYPE_CHECKING:
    from servers.server import Server

_TIMED = SCRIPT.source.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
"""The script with a clock that is an argument: not a character of its arithmetic is another."""
_YEAR_2026 = 1_767_225_600_000_000
_MINUTE = 60_000_000

Rule = tuple[int, int]
Step = tuple[int, int, list[int]]


def asked(redis: Redis, claim: int, rules: list[tuple[int, Rule]], now: int) -> tuple[int, int]:
    """Let the script decide on a new message; ``(-1, 0)`` if it passes, else rule and wait."""
    limits = [f"l{rule}" for rule, _ in rules]
    terms = "".join(f"{interval} {tolerance} {rule} " for rule, (interval, tolerance) in rules)
    arguments: list[str | int] = ["epoch", "holder", 1000, 0, 1, 1, terms, "\x01"]
    keys = ["e", f"c{claim}", *limits, "t"]
    answer = redis.eval(_TIMED, len(keys), *keys, *arguments, now // 1_000_000, now % 1_000_000)
    _, letter, more = answer
    if letter == b"n":
        return -1, 0
    assert letter == b"x"
    rule, wait = more[0].split(b":")
    return int(rule), int(wait)


class Core:
    """The same by ``wxcore.decide``, and a clock that is put right when it is set back."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._tats: dict[int, int] = {}
        self._last = self._ahead = 0

    def ask(self, rules: list[tuple[int, Rule]], now: int) -> tuple[int, int]:
        """Decide on a new message at this time of a server's clock."""
        now += self._ahead
        behind = max(0, self._last - now)
        self._ahead += behind
        answer = self._decide(rules, now + behind)
        if behind or answer == (-1, 0):
            self._last = now + behind
        return answer

    def _decide(self, rules: list[tuple[int, Rule]], now: int) -> tuple[int, int]:
        found = {
            rule: decide(self._tats.get(rule), interval, tolerance, now)
            for rule, (interval, tolerance) in rules
        }
        denied = [(rule, wait) for rule, (tat, wait) in found.items() if tat is None]
        if denied:
            return denied[0][0], max(wait for _, wait in denied)
        self._tats |= {rule: tat for rule, (tat, _) in found.items() if tat is not None}
        return -1, 0


_RULES = st.tuples(
    st.one_of(st.integers(1, 2_000_000), st.integers(1, 30 * 86_400_000_000)), st.integers(1, 50)
).map(lambda one: (one[0], min(one[0] * (one[1] - 1), 366 * 86_400_000_000)))
_STEPS = st.lists(
    st.tuples(
        # Mostly on, now and then back: a server's clock may be set, or another take over.
        st.one_of(st.integers(0, 3_000_000), st.integers(-_MINUTE, _MINUTE)),
        st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
    ),
    min_size=1,
    max_size=60,
)


@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(_RULES, min_size=4, max_size=4), _STEPS)
def test_the_script_and_the_core_agree_on_every_decision(
    each_redis: Server, rules: list[Rule], steps: list[tuple[int, list[int]]]
) -> None:
    """Rule by rule and microsecond by microsecond, whatever the clock does."""
    with Redis(port=each_redis.port) as redis:
        redis.flushall()
        core, now = Core(), _YEAR_2026
        for claim, (step, chosen) in enumerate(steps):
            now += step
            limits = [(one, rules[one]) for one in sorted(chosen)]
            assert asked(redis, claim, limits, now) == core.ask(limits, now)


def test_more_limits_in_a_call_than_lua_returns_at_once(each_redis: Server) -> None:
    """Sixty-four messages under a hundred and fifty rules each; the last of them counts too."""
    rules: list[tuple[int, Rule]] = [(rule, (1000, 0)) for rule in range(64 * 150)]
    with Redis(port=each_redis.port) as redis:
        redis.flushall()
        assert asked(redis, 1, rules, _YEAR_2026) == (-1, 0)
        assert asked(redis, 2, rules[-1:], _YEAR_2026) == (rules[-1][0], 1000)


def test_a_clock_that_is_set_back_shuts_nobody_out(each_redis: Server) -> None:
    """By whatever step: who waits as long as told passes, and nothing is given away."""
    rules = [(0, (_MINUTE, _MINUTE))]
    with Redis(port=each_redis.port) as redis:
        redis.flushall()
        for step in (0, 1, _MINUTE, 1000 * _MINUTE, 30 * 24 * 60 * _MINUTE):
            numbers = iter(range(step * 10, step * 10 + 10))
            back = _YEAR_2026 - step
            passed = [asked(redis, next(numbers), rules, back) for _ in range(3)]
            assert passed.count((-1, 0)) == (0 if step else 2)
            wait = passed[-1][1]
            assert asked(redis, next(numbers), rules, back + wait - 1) == (0, 1)
            assert asked(redis, next(numbers), rules, back + wait) == (-1, 0)
