"""The breaker under any sequence of calls: what must hold whatever happens."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from wxgate.guard.breaker import PASSING, Breaker, Circuit, Rules

SHORTEST, LONGEST = 1.0, 30.0
PATIENCE = 20.0


class Calls(RuleBasedStateMachine):
    """Calls begin, end or get lost, and time passes."""

    @initialize(probes=st.integers(1, 4), full=st.integers(1, 8), calls=st.integers(1, 6))
    def start(self, probes: int, full: int, calls: int) -> None:
        """Make a breaker."""
        self.now = 1000.0
        self.limits = Rules(
            calls=calls,
            slow_after=1.0,
            in_a_row=3,
            probes=probes,
            full=full,
            patience=PATIENCE,
            window=5.0,
        )
        self.breaker = Breaker(self.limits, self.pause)
        self.out: list[int] = []
        self.opened_at = -math.inf
        self.last_began = -math.inf

    def pause(self, level: int, after: float | None) -> float:
        """Stay open; it must have been let be for as long before."""
        assert level >= 1
        assert self.now - self.opened_at >= SHORTEST, "swings faster than configured"
        self.opened_at = self.now
        return max(min(LONGEST, SHORTEST * 2.0 ** (level - 1)), after or 0.0)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 6.0, 25.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def begin(self) -> None:
        """Begin a call, if one may begin."""
        if self.breaker.admits(self.now):
            was_open = self.breaker.circuit is Circuit.OPEN
            self.out.append(self.breaker.begin(self.now))
            self.last_began = self.now
            assert self.breaker.circuit is not Circuit.OPEN
            assert not was_open or self.now - self.opened_at >= SHORTEST

    @precondition(lambda self: self.out)
    @rule(data=st.data(), how=st.sampled_from(["fast", "slow", "failed", "again", "left"]))
    def end(self, data: st.DataObject, how: str) -> None:
        """End any of them."""
        token = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        if how == "left":
            self.breaker.leave(token)
        elif how in {"failed", "again"}:
            self.breaker.failed(token, self.now, 0.1, first=how == "failed", after=None)
        else:
            self.breaker.answered(token, self.now, 0.1 if how == "fast" else 2.0)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """Never hear of one again."""
        self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))

    @invariant()
    def sticks_never(self) -> None:
        """However many calls were lost, one may begin in the end, and its time is known."""
        one = self.breaker
        until = one.waits_until
        if until is None:
            assert one.admits(self.now)
        else:
            assert one.admits(until)
            bound = PATIENCE if one.circuit is not Circuit.OPEN else LONGEST
            assert until <= max(self.last_began, self.opened_at) + bound

    @invariant()
    def only_probes_pass_half_open(self) -> None:
        """And no more than are configured; closed, what is not counted says so."""
        one = self.breaker
        if one.circuit is Circuit.HALF_OPEN:
            assert one.room <= self.limits.probes
        if one.plain:
            assert one.circuit is Circuit.CLOSED
            assert one.begin(self.now) == PASSING


Calls.TestCase.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestCalls = Calls.TestCase
