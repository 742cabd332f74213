"""What becomes of messages over a limit: refused, or acknowledged and dropped."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxcore._wxcore import Gateway as Core
    from wxcore._wxcore import Received

    from wxgate.flight import Answer
    from wxgate.metrics import Counters
    from wxgate.settings.limit import Limit
    from wxgate.stores import Denied


_LOG = logging.getLogger("wxgate.limits")
_SECOND_US = 1_000_000
LONGEST_WAIT_S = 3600
"""Of a ``Retry-After``: who waits longer has given up."""


class Store(Protocol):
    """Where it is remembered what messages have used up; times are in microseconds."""

    def admit(self, message: Received, now: int) -> Denied | None:
        """Let a message pass all its limits, or none: then, which denies it."""

    def hold(self, message: Received) -> Denied | None:
        """Have it take its places under limits of concurrency, all or none: then, which is full."""

    def note(self, message: Received, now: int) -> None:
        """Note that its rates let it pass elsewhere, for when this store has to decide alone."""

    def leave(self, message: Received) -> None:
        """Free the places of a message under limits of concurrency."""


class Limits:
    """The limits that messages pass when they come."""

    def __init__(
        self, rules: Sequence[Limit], rows: Sequence[int], store: Store, counters: Counters
    ) -> None:
        """Ask ``store``; a rule is known by its index, and counted in its row."""
        self._store = store
        self._counters = counters
        self.apply(rules, rows)

    def apply(self, rules: Sequence[Limit], rows: Sequence[int]) -> None:
        """Go by other rules. What messages have used up is remembered by the names of rules."""
        self._rules = rules
        self._rows = rows
        self._absorbed = [(0.0, 0)] * len(rules)

    def close(self) -> None:
        """Close what is open in a file."""
        if (close := getattr(self._store, "close", None)) is not None:
            close()

    def admit(self, message: Received) -> Denied | None:
        """Let a message that is new pass; or return what denies it, having used up nothing."""
        denied = self._store.admit(message, _now())
        if denied is None:
            self._count(message)
        return denied

    def hold(self, message: Received) -> Denied | None:
        """Have it take its places alone, before a store that nodes share sees to its rates."""
        return self._store.hold(message)

    def note(self, message: Received) -> None:
        """Note that it passes: that store has let it, and it has its places."""
        self._store.note(message, _now())
        self._count(message)

    def leave(self, message: Received) -> None:
        """Note that it has its places no more: it is answered, or was not to be taken."""
        self._store.leave(message)

    def _count(self, message: Received) -> None:
        rows = self._rows
        # A message that was received before a reload may name a rule that is gone.
        self._counters.passed([rows[rule] for rule in message.rules if rule < len(rows)])

    def absorbs(self, denied: Denied) -> bool:
        """Count what a rule denies; return whether it has that acknowledged all the same."""
        if denied[0] < len(self._rows):
            self._counters.limited(self._rows[denied[0]], passed=False)
        return denied[0] < len(self._rules) and self._rules[denied[0]].action == "absorb"

    def absorb(self, account: str, denied: Denied) -> None:
        """Count a message that is acknowledged and dropped; log that at most once a second."""
        self._counters.add(account, "absorbed")
        rule = denied[0]
        now = time.monotonic()
        last, left_out = self._absorbed[rule]
        if last and now - last < 1.0:
            self._absorbed[rule] = (last, left_out + 1)
            return
        self._absorbed[rule] = (now, 0)
        more = f" (and {left_out} more)" if left_out else ""
        _LOG.warning("account %s: absorbed by limit %s%s", account, self._rules[rule].name, more)


def _now() -> int:
    """Return microseconds of the machine's monotonic clock: it is never set."""
    return time.monotonic_ns() // 1000


def refusal(core: Core, denied: Denied) -> Answer:
    """Return the answer of a rule that rejects, with the seconds after which to try again."""
    seconds = -(-denied[1] // _SECOND_US)
    return *core.refusal("admit.limited"), min(max(seconds, 1), LONGEST_WAIT_S)
