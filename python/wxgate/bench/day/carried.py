"""The highest rate that the machine carries: everything acknowledged in time, and delivered.

``peak`` finds one that an hour may have among quieter ones, ``fastest`` one for a whole day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wxgate.bench.plan import Seen

_LOWEST = 250.0
_HIGHEST = 100_000.0
_GROWTH = 1.6
_HALVINGS = 3
_STEP_S = 2.0
_LONG_S = 10.0
_HOLDS_MS = 100.0
_BEHIND = 0.25
"""Of a stretch's seconds: delivery that takes longer to follow does not keep up."""
_LATE = 0.03
"""Share of the player's calls: it slips where the processors are taken."""
_OF_CAPACITY = 0.8
_OF_THE_FASTEST = 0.8
"""A whole day goes a seventh slower than seconds do: 13,126 messages a second after 15,189."""
_WARM, _RUSH = 20_000, 100_000
"""Messages: to fill caches, and to measure."""
_FEW = 0.01
_FEWEST = 4
_SLOWER = 0.85
_TRIES = 2
"""Of each stretch: another program may have had the processor."""


@dataclass(frozen=True, slots=True)
class Played:
    """A stretch, and how long after its last acknowledgement the last message arrived."""

    seen: Seen
    behind: float
    """Seconds."""


Rush: TypeAlias = "Callable[[int, int], Awaitable[Played]]"
"""Plays so many messages over so many connections, as fast as they are answered."""
Stretch: TypeAlias = "Callable[[float, float], Awaitable[Played]]"
"""Plays messages at a rate for some seconds, and waits until they have arrived."""


async def peak(stretch: Stretch, say: Callable[[str], None]) -> float:
    """Find a rate (messages a second) that is carried for long, with a fifth to spare.

    First in short stretches, faster and faster, then between the last two; what that gives is
    played for longer, and taken down until it holds. Raises ``ValueError`` if nothing does.
    """
    good, bad = 0.0, 0.0
    rate = _LOWEST
    while not bad and rate < _HIGHEST:
        if await _holds(stretch, rate, _STEP_S, say):
            good, rate = rate, rate * _GROWTH
        else:
            bad = rate
    if not good:
        reason = f"this machine does not carry {_LOWEST:,.0f} messages a second"
        raise ValueError(reason)
    for _ in range(_HALVINGS if bad else 0):
        middle = (good * bad) ** 0.5
        if await _holds(stretch, middle, _STEP_S, say):
            good = middle
        else:
            bad = middle
    rate = good * _OF_CAPACITY
    while not await _holds(stretch, rate, _LONG_S, say):
        rate *= _SLOWER
        if rate < _LOWEST:
            reason = f"this machine carries no {_LOWEST:,.0f} messages a second for long"
            raise ValueError(reason)
    return rate


async def fastest(rush: Rush, connections: int, say: Callable[[str], None]) -> tuple[float, int]:
    """Find a rate (messages a second) at which as many go through as the processors can do.

    A closed loop says how many that are; a fifth of it is spared, so that a queue that a stall has
    left behind becomes shorter again. Also gives over how many connections: half as many as
    long as the gateway refuses some, whose rule is how long messages have to queue. Raises
    ``ValueError`` if it does so over the fewest.
    """
    await rush(_WARM, connections)
    while True:
        played = await rush(_RUSH, connections)
        counts = played.seen.counts
        rate = counts.messages / (played.seen.seconds + played.behind)
        if counts.refused <= counts.messages * _FEW:
            say(f"{rate:8,.0f} messages a second over {connections} connections, one by one each")
            return rate * _OF_THE_FASTEST, connections
        say(f"{connections:8} connections: too much, {counts.refused:,} refused")
        connections //= 2
        if connections < _FEWEST:
            reason = "this machine is too busy: messages are refused one by one"
            raise ValueError(reason)


async def _holds(stretch: Stretch, rate: float, seconds: float, say: Callable[[str], None]) -> bool:
    for _ in range(_TRIES):
        reason = _fails(await stretch(rate, seconds), seconds)
        said = f"carried for {seconds:.0f} s" if not reason else f"too much: {reason}"
        say(f"{rate:8,.0f} messages a second: {said}")
        if not reason:
            return True
    return False


def _fails(played: Played, seconds: float) -> str:
    seen, counts = played.seen, played.seen.counts
    checks = (
        (counts.refused > 0, f"{counts.refused} refused"),
        (counts.unanswered + counts.broken > 0, "calls without an answer"),
        (counts.denied > 0, f"{counts.denied} refused for good"),
        (seen.latency is None, "nothing acknowledged"),
        (seen.latency is not None and seen.latency.p99 > _HOLDS_MS, "answers too late"),
        (seen.slip.share > _LATE, f"the player was late for {seen.slip.share:.1%}"),
        (played.behind > seconds * _BEHIND, f"delivered {played.behind:.1f} s later"),
    )
    return next((reason for wrong, reason in checks if wrong), "")
