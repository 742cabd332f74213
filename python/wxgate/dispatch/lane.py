"""The messages of one destination that are in memory: a FIFO for each routing key.

Only the head of a lane is being delivered, or waits for its retry. Memory is bounded by the window;
what does not fit stays in the journal: a lane that has `spilled` takes nothing more until what it
left there was read again. A lane that cannot move keeps its head alone, and of that, when the
window fills, only the place in the journal. So neither a stuck key nor thousands of them keep the
window from the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wxgate.dispatch.turns import Turns
from wxgate.errors import SinkRetryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wxgate.dispatch.pace import Row

_LANES_PER_PLACE = 16
"""Lanes may outnumber the window's places: a stuck one costs some hundred bytes and no place."""


class Envelope(Protocol):
    """What dead letters want to know; live messages and stored ones have it."""

    @property
    def id(self) -> str:
        """The idempotency key."""

    @property
    def account(self) -> str:
        """The account's name."""

    @property
    def key(self) -> str:
        """The routing key."""

    @property
    def type(self) -> str:
        """The CloudEvents type."""


class Item:
    """One message for one destination."""

    __slots__ = (
        "accepted",
        "alone",
        "attempts",
        "event",
        "message",
        "nodes",
        "paces",
        "seq",
        "wait",
    )

    def __init__(
        self, seq: int, accepted: int, message: Envelope, event: bytes, nodes: Sequence[int]
    ) -> None:
        """Take a message that was accepted at ``accepted`` (ms)."""
        self.seq = seq
        self.accepted = accepted
        self.message: Envelope | None = message
        self.event = event
        self.nodes = nodes
        self.wait = False
        self.attempts = 0
        self.alone = False
        """Whether it must not share a batch."""
        self.paces: Sequence[Row] | None = None
        """The limits under which it is delivered; None until somebody has looked."""

    def seek_another(self, error: Exception) -> None:
        """Put a node last that failed; the next try goes to the one behind it."""
        node = error.node if isinstance(error, SinkRetryError) else None
        if node is not None and node in self.nodes:
            self.nodes = [*(one for one in self.nodes if one != node), node]


class Lane:
    """The messages of one routing key."""

    __slots__ = ("account", "items", "key", "patient", "spilled")

    def __init__(self, key: str, account: str = "") -> None:
        """Start empty."""
        self.key = key
        self.account = account
        self.items: list[Item] = []
        self.spilled = 0
        """The first seq that was left in the journal; 0 for none."""
        self.patient = False
        """Whether it waits because it was told how long."""


class Window:
    """All lanes of one destination."""

    def __init__(self, places: int, max_bytes: int) -> None:
        """Keep at most ``places`` messages and about ``max_bytes`` of events."""
        self.lanes: dict[str, Lane] = {}
        self.ready = Turns()
        self.recalling: dict[Lane, None] = {}
        """Lanes with room again for what they left in the journal."""
        self.scanned: int | None = None
        """Up to where the journal was searched for that."""
        self.held = 0
        self.bytes = 0
        self.max_bytes = max_bytes
        self.resize(places)

    def resize(self, places: int) -> None:
        """Keep at most ``places`` messages from now on; what is there stays."""
        self.places = places
        self._half = places // 2
        self._share = max(1, places // 16)
        self._small_share = max(1, places // 64)

    def items(self) -> Iterator[Item]:
        """Yield all that is in memory."""
        for lane in self.lanes.values():
            yield from lane.items

    @property
    def room(self) -> int:
        """How many messages can be added."""
        if self.bytes >= self.max_bytes or len(self.lanes) >= self.places * _LANES_PER_PLACE:
            return 0
        return self.places - self.held

    def add(self, key: str, item: Item) -> bool:
        """Put a message behind those of its key; return whether its lane has become ready."""
        lane = self.lanes.get(key)
        if lane is None:
            self.lanes[key] = lane = Lane(key, "" if item.message is None else item.message.account)
            self.ready.append(lane)
            fresh = True
        elif lane.spilled or self._is_long(lane):
            lane.spilled = lane.spilled or item.seq
            return False
        else:
            fresh = False
        lane.items.append(item)
        self.held += 1
        self.bytes += len(item.event)
        return fresh

    def _is_long(self, lane: Lane) -> bool:
        length = len(lane.items)
        return length >= self._small_share and (self.held > self._half or length >= self._share)

    def recall(self, lane: Lane, item: Item) -> bool:
        """Take back what a lane left in the journal; return whether that made it ready."""
        if self._is_long(lane):
            lane.spilled = item.seq
            del self.recalling[lane]
            return False
        fresh = not lane.items
        if fresh:
            self.ready.append(lane)
        lane.items.append(item)
        lane.spilled = item.seq + 1
        self.held += 1
        self.bytes += len(item.event)
        return fresh

    def recalled(self) -> None:
        """End a search that has seen all the journal: what still recalls has spilled nothing."""
        for lane in self.recalling:
            lane.spilled = 0
            if not lane.items:
                del self.lanes[lane.key]
        self.recalling.clear()
        self.scanned = None

    def finish(self, lane: Lane, count: int) -> None:
        """Remove the first ``count`` messages of a lane, and let it go on."""
        items = lane.items
        for item in items[:count]:
            if item.message is not None:
                self.held -= 1
                self.bytes -= len(item.event)
        del items[:count]
        if items:
            self.ready.append(lane)
        elif lane.spilled:
            self._start_recalling(lane)
        else:
            del self.lanes[lane.key]

    def _start_recalling(self, lane: Lane) -> None:
        """Have the journal searched for what the lane left there, again if it is too far."""
        self.recalling[lane] = None
        start = lane.spilled - 1
        self.scanned = start if self.scanned is None else min(self.scanned, start)

    def freshest(self) -> Lane:
        """Remove the ready lane whose head was tried least, and of several the last.

        For probes: what failed says little, and must not keep what is new from being tried. For the
        same reason the newest goes first: keys that are stuck were there before.
        """
        lane = min(reversed(self.ready), key=lambda lane: lane.items[0].attempts)
        self.ready.remove(lane)
        return lane

    def yield_places(self, lane: Lane) -> None:
        """Give up the places of a lane that has to wait, if more than half of all are taken."""
        if self.held <= self._half:
            return
        head, *rest = lane.items
        for item in rest:
            self.held -= 1
            self.bytes -= len(item.event)
        if rest:
            lane.spilled = rest[0].seq
            self.recalling.pop(lane, None)
            del lane.items[1:]
        if head.message is not None:
            self.held -= 1
            self.bytes -= len(head.event)
            head.message, head.event = None, b""

    def refill(self, item: Item, message: Envelope, event: bytes, nodes: Sequence[int]) -> None:
        """Put back a message of which only the place was kept, to be tried now.

        It needs no room: no more than the tries that are open at once can be put back.
        """
        item.message, item.event, item.nodes = message, event, nodes
        self.held += 1
        self.bytes += len(event)

    def oldest(self) -> int | None:
        """When the oldest message in memory was accepted (ms)."""
        return min(
            (lane.items[0].accepted for lane in self.lanes.values() if lane.items), default=None
        )
