"""Which node a message goes to, given its ranking: the first that is well and not overloaded."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import msgspec

from wxgate.sinks.cells import AWAY, EJECTED, PICKED, REROUTED, SPILLED, Cells
from wxgate.sinks.health import Health, Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

_LOG = logging.getLogger("wxgate.sinks")


class NodeStanding(msgspec.Struct, frozen=True):
    """How one node stands, as this worker sees it."""

    name: str
    state: str
    """``up``, ``slow``, ``ejected`` or ``down``."""
    in_flight: int


class Fleet:
    """The nodes of one upstream in one worker. Each worker learns for itself."""

    def __init__(
        self,
        names: Sequence[str],
        weights: Sequence[float],
        policy: Policy,
        spill: float | None,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """``spill`` bounds a node's requests in flight at so many times its fair share."""
        self._names = names
        self._weights = weights
        self._policy = policy
        self._spill = spill
        self._now = clock
        self._random = random
        self._health = [Health(policy) for _ in names]
        self._open = [0] * len(names)
        self._total = 0
        self._whole = 0.0
        self._away = 0
        self._recount_at = -math.inf
        self._cells = Cells.alone(len(names))
        self.spilled = 0
        """Messages that went on because their node had too much to do."""
        self.rerouted = 0
        """Messages that went on because their node was away, or could not be reached."""

    @property
    def names(self) -> Sequence[str]:
        """The nodes' names, in the order of the configuration."""
        return self._names

    def count_in(self, cells: Cells | None) -> None:
        """Count each node there from now on; None for where nobody looks."""
        self._cells = cells or Cells.alone(len(self._names))
        self._recount_at = -math.inf

    def choose(self, nodes: Sequence[int], tried: Collection[int] = ()) -> int | None:
        """Return the node to send to, of those not tried; None if no more are worth it.

        ``nodes`` are the first of the message's ranking; then come all others by their order. If
        all nodes are away, the first is tried all the same.
        """
        home = nodes[0] if nodes else 0
        if self._spill is None and not tried and self._health[home].plain:
            return home
        now = self._now()
        whole = self._whole_at(now)
        full = None
        for at in self._order(nodes):
            if at in tried or self._health[at].away(now):
                continue
            if self._has_room(at, whole, now):
                return self._count(at, home, full)
            full = at if full is None else full
        if full is not None:
            return self._count(full, home, full)
        return home if not whole and not tried else None

    def _count(self, chosen: int, home: int, full: int | None) -> int:
        """Note why a message goes elsewhere; ``full`` is the first node that had no room."""
        if chosen != home:
            words, places = self._cells
            if full == home:
                self.spilled += 1
                words[places[home] + SPILLED] += 1
            else:
                self.rerouted += 1
                words[places[home] + REROUTED] += 1
        return chosen

    def _whole_at(self, now: float) -> float:
        """Return the weight of all nodes that are well, which seldom changes."""
        if now >= self._recount_at:
            away = [one.away(now) for one in self._health]
            weights = zip(self._weights, away, strict=True)
            self._whole = sum(weight for weight, gone in weights if not gone)
            self._away = sum(away)
            words, places = self._cells
            for place, gone in zip(places, away, strict=True):
                words[place + AWAY] = gone
            ends = (one.until for one, gone in zip(self._health, away, strict=True) if gone)
            self._recount_at = min((end for end in ends if end > now), default=math.inf)
        return self._whole

    def _order(self, nodes: Sequence[int]) -> Iterator[int]:
        yield from nodes or (0,)
        count = len(self._names)
        if len(nodes) < count:
            first = nodes[0] if nodes else 0
            rest = (at % count for at in range(first, first + count))
            yield from (at for at in rest if at not in (nodes or (0,)))

    def _has_room(self, at: int, whole: float, now: float) -> bool:
        share = self._health[at].share(now)
        if self._spill is None and share >= 1:
            return True
        # With the one that is to be sent: so there is always a node below its bound.
        fair = (self._total + 1) * self._weights[at] / whole
        return self._open[at] < math.ceil((self._spill or 1.0) * fair * share)

    def begin(self, at: int) -> None:
        """Count a request that starts."""
        self._open[at] += 1
        self._total += 1
        words, places = self._cells
        words[places[at] + PICKED] += 1

    def end(self, at: int, *, well: bool | None) -> None:
        """Count one that ended; ``well`` says whether the node answered, None that nobody knows."""
        self._open[at] -= 1
        self._total -= 1
        health = self._health[at]
        if well:
            health.answered()
        elif well is False and health.failed(self._now(), self._random, may_go=self._may_go()):
            self._left_out(at)
            _LOG.warning("%s fails, and is left out for a while", self._names[at])

    def checked(self, at: int, *, ok: bool) -> None:
        """Take note of what a check found."""
        if self._health[at].checked(self._now(), ok=ok):
            self._recount_at = -math.inf
            if not ok:
                self._left_out(at)
            _LOG.warning("%s is %s by its checks", self._names[at], "back" if ok else "down")

    def _left_out(self, at: int) -> None:
        words, places = self._cells
        words[places[at] + EJECTED] += 1
        self._recount_at = -math.inf

    def _may_go(self) -> bool:
        count = len(self._names)
        return count > 1 and self.away < max(1, math.floor(self._policy.most * count))

    @property
    def away(self) -> int:
        """How many nodes are left out."""
        self._whole_at(self._now())
        return self._away

    def standing(self) -> tuple[NodeStanding, ...]:
        """How the nodes stand, in the order of the configuration."""
        now = self._now()
        parts = zip(self._names, self._health, self._open, strict=True)
        return tuple(NodeStanding(name, one.state(now), count) for name, one, count in parts)
