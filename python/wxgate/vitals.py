"""How each worker is, for whoever scrapes any of them: what cannot be added up over workers.

A worker looks at itself every few seconds, and when it is scraped; nothing is done per message.
"""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from wxgate.guard.overload import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.running import State

_EVERY_S = 5.0
_METRICS = {
    "journal_bytes": ("gauge", "Bytes of the journal's segments."),
    "journal_max_bytes": ("gauge", "What they may be at most; then messages are refused."),
    "oldest_seconds": ("gauge", "Age of the oldest undelivered message in memory; 0 for none."),
    "claims_dropped_total": ("counter", "Claims and answers forgotten early, for want of room."),
    "overload_level": ("gauge", f"Of {LEVELS} levels of importance, how many are refused."),
    "connections_closed_total": ("counter", "Connections closed: their address had too many."),
}
_WORDS = len(_METRICS)
SIZE = 8 * _WORDS
"""Bytes of one worker's region."""


class Vitals:
    """The figures that one worker writes, and those of all that it can read."""

    def __init__(self, block: memoryview | None = None, worker: int = 0) -> None:
        """Write region ``worker`` of ``block``; without a block, memory of one's own."""
        words = (block or memoryview(bytearray(SIZE))).cast("Q")
        self._regions = [words[at : at + _WORDS] for at in range(0, len(words), _WORDS)]
        self._own = self._regions[worker if block is not None else 0]
        self._state: State | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.closed = 0
        """Connections that were closed since their address had too many."""

    def watch(self, state: State) -> None:
        """Look at a worker from now on, until ``close``."""
        self._state = state
        self._tick()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self.look()
        self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self._tick)

    def look(self) -> None:
        """Write how the worker is now."""
        state = self._state
        if state is None:
            return
        journals = [state.journal, *(one.journal for one in state.adopted)]
        ages = (one.oldest for one in state.dispatchers)
        figures = (
            sum(one.stats()["bytes"] for one in journals),
            state.settings.journal.max_bytes,
            # The time, not the age: that grows by itself until somebody asks.
            min((one for one in ages if one is not None), default=0),
            state.stores.claims.dropped,
            state.way.turnstile.refused_levels,
            self.closed,
        )
        for at, figure in enumerate(figures):
            self._own[at] = figure

    def render(self) -> Iterator[str]:
        """Yield lines in Prometheus' text format, those of this worker as it is now."""
        self.look()
        yield "# HELP wxgate_info Which version runs."
        yield "# TYPE wxgate_info gauge"
        yield f'wxgate_info{{version="{version("wxgate")}"}} 1'
        now = time.time_ns() // 1_000_000
        for at, (name, (kind, meaning)) in enumerate(_METRICS.items()):
            yield f"# HELP wxgate_{name} {meaning}"
            yield f"# TYPE wxgate_{name} {kind}"
            for worker, region in enumerate(self._regions):
                figure: float = region[at]
                if name == "oldest_seconds":
                    figure = max(0, now - region[at]) / 1000 if region[at] else 0
                yield f'wxgate_{name}{{worker="{worker}"}} {figure}'
