"""The messages of one destination that are in memory: a FIFO for each routing key.

Only the head of a lane is being delivered, or waits for its retry. Memory is bounded by the window;
what does not fit stays in the journal: a lane that has `spilled` takes nothing more until what it
left there was read again. A lane that cannot move keeps its head alone, and of that, when the
window fills, only the place in the journal. So neither a stuck key nor thousands of them keep the
window from the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.dispatch.tenants import LANES_PER_PLACE, Tenants
from wxgate.dispatch.turns import Turns
from wxgate.errors import SinkRetryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wxgate.dispatch.envelope import Envelope
    from wxgate.dispatch.pace import Row
    from wxgate.dispatch.tenants import Tenant


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

    __slots__ = ("account", "items", "key", "patient", "spilled", "tenant")

    def __init__(self, key: str, account: str = "", tenant: Tenant | None = None) -> None:
        """Start empty."""
        self.key = key
        self.account = account
        self.tenant = tenant
        self.items: list[Item] = []
        self.spilled = 0
        """The first seq that was left in the journal; 0 for none."""
        self.patient = False
        """Whether it waits because it was told how long."""

    def leave(self, item: Item) -> None:
        """Leave a message in the journal.

        It may be older than what was left before: of another account with the same key, which had
        more than its part of the window then.
        """
        self.spilled = min(self.spilled or item.seq, item.seq)


class Window:
    """All lanes of one destination."""

    def __init__(self, places: int, max_bytes: int, *, shared: bool = False) -> None:
        """Keep at most ``places`` messages and about ``max_bytes`` of events.

        ``shared`` if several accounts are to have their part of it.
        """
        self.tenants = Tenants(places) if shared else None
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

    def resize(self, places: int, *, shared: bool = False) -> None:
        """Keep at most ``places`` messages from now on; what is there stays.

        Once accounts have shared it they go on to: what they have left in the journal is to return.
        """
        self.places = places
        if self.tenants is not None:
            self.tenants.resize(places)
        elif shared:
            self.tenants = Tenants(places)
        self._half, self._quarter, self._eighth = places // 2, places // 4, places // 8
        self._share = max(1, places // 16)
        self._small_share = max(1, places // 64)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in memory, and nothing was left in the journal."""
        return not self.lanes and (self.tenants is None or not self.tenants.spilled)

    def items(self) -> Iterator[Item]:
        """Yield all that is in memory."""
        for lane in self.lanes.values():
            yield from lane.items

    @property
    def room(self) -> int:
        """How many messages can be added."""
        if self.bytes >= self.max_bytes or len(self.lanes) >= self.places * LANES_PER_PLACE:
            return 0
        return self.places - self.held

    def add(self, key: str, item: Item) -> bool:
        """Put a message behind those of its key; return whether its lane has become ready."""
        account = "" if item.message is None else item.message.account
        if self.tenants is None:
            return self._put(key, item, account, None)
        tenants = self.tenants
        if not tenants.counting:
            # So little is here that no account can have its part: nobody is counted yet.
            if self.held <= self._quarter and len(self.lanes) <= self.places:
                return self._put(key, item, account, None)
            tenants.count(self.lanes.values())
        tenant = tenants.of(account)
        if tenant.spilled or tenants.crowds(tenant, self.held):
            tenant.spilled = tenant.spilled or item.seq
            return False
        fresh = self._put(key, item, account, tenant)
        if not tenant.lanes:  # another account has a lane of that key, and this one nothing
            tenants.release(tenant)
        return fresh

    def _put(self, key: str, item: Item, account: str, tenant: Tenant | None) -> bool:
        lane = self.lanes.get(key)
        if lane is None:
            self.lanes[key] = lane = Lane(key, account, tenant)
            if tenant is not None:
                tenant.lanes += 1
            self.ready.append(lane)
            fresh = True
        elif lane.spilled or self._is_long(lane):
            lane.leave(item)
            return False
        else:
            fresh = False
        lane.items.append(item)
        self._hold(lane, item.event)
        return fresh

    def _hold(self, lane: Lane, event: bytes) -> None:
        self.held += 1
        self.bytes += len(event)
        if lane.tenant is not None:
            lane.tenant.held += 1

    def _drop(self, lane: Lane, item: Item) -> None:
        """Free the place of a message, unless it has given that up already."""
        if item.message is not None:
            self.held -= 1
            self.bytes -= len(item.event)
            if lane.tenant is not None:
                lane.tenant.held -= 1

    def _close(self, lane: Lane) -> None:
        del self.lanes[lane.key]
        if lane.tenant is not None and self.tenants is not None:
            lane.tenant.lanes -= 1
            self.tenants.release(lane.tenant)
            if self.held <= self._eighth and len(self.lanes) * 2 <= self.places:
                self.tenants.forget(self.lanes.values())

    def _is_long(self, lane: Lane) -> bool:
        length = len(lane.items)
        return length >= self._small_share and (self.held > self._half or length >= self._share)

    def recall(self, lane: Lane, item: Item) -> bool:
        """Take back what a lane left in the journal; return whether that made it ready."""
        if self._is_long(lane):
            lane.leave(item)
            del self.recalling[lane]
            return False
        fresh = not lane.items
        if fresh:
            self.ready.append(lane)
        lane.items.append(item)
        lane.spilled = max(lane.spilled, item.seq + 1)
        self._hold(lane, item.event)
        return fresh

    def restore(self, tenant: Tenant, key: str, item: Item) -> None:
        """Take back what an account left in the journal, in its order."""
        assert self.tenants is not None  # noqa: S101 (who left it there? for mypy)
        if self.tenants.crowds(tenant, self.held):
            tenant.spilled = item.seq
            del self.tenants.returning[tenant]
            return
        tenant.spilled = item.seq + 1
        lane = self.lanes.get(key)
        if lane is not None and lane in self.recalling:
            self.recall(lane, item)
        else:
            self._put(key, item, tenant.account, tenant)

    def recalled(self) -> None:
        """End a search that has seen all the journal: what still recalls has spilled nothing."""
        empty = [lane for lane in self.recalling if not lane.items]
        for lane in self.recalling:
            lane.spilled = 0
        for lane in empty:
            self._close(lane)
        self.recalling.clear()
        if self.tenants is not None:
            self.tenants.returned()
        self.scanned = None
        for lane in empty:
            # So many lanes may have been what kept an account from what it has left there.
            self._call_back(lane.tenant)

    def finish(self, lane: Lane, count: int) -> None:
        """Remove the first ``count`` messages of a lane, and let it go on."""
        items = lane.items
        for item in items[:count]:
            self._drop(lane, item)
        del items[:count]
        if items:
            self.ready.append(lane)
        elif lane.spilled:
            self.recalling[lane] = None
            self._search_from(lane.spilled)
        else:
            self._close(lane)
        if lane.tenant is not None and lane.tenant.spilled:
            self._call_back(lane.tenant)

    def _call_back(self, tenant: Tenant | None) -> None:
        """Have the journal searched for what an account left there, once there is room for it."""
        tenants = self.tenants
        if tenant is None or tenants is None or not tenants.has_room(tenant, self.held):
            return
        if tenant not in tenants.returning:
            tenants.returning[tenant] = None
            self._search_from(tenant.spilled)

    def _search_from(self, seq: int) -> None:
        """Have the journal searched from a message on, again if the search is too far."""
        self.scanned = seq - 1 if self.scanned is None else min(self.scanned, seq - 1)

    @property
    def searching(self) -> bool:
        """Whether something is looked for that was left in the journal."""
        return bool(self.recalling) or (self.tenants is not None and bool(self.tenants.returning))

    def freshest(self) -> Lane:
        """Remove the ready lane whose head was tried least, and of several the last.

        For probes: what failed says little, and must not keep what is new from being tried. For the
        same reason the newest goes first: keys that are stuck were there before.
        """
        lane = min(reversed(self.ready), key=lambda lane: lane.items[0].attempts)
        self.ready.remove(lane)
        return lane

    def yield_places(self, lane: Lane) -> None:
        """Give up the places of a lane that has to wait, unless there is room for all."""
        if self._is_roomy(lane.tenant):
            return
        head, *rest = lane.items
        for item in rest:
            self._drop(lane, item)
        if rest:
            lane.leave(rest[0])
            self.recalling.pop(lane, None)
            del lane.items[1:]
        self._drop(lane, head)
        head.message, head.event = None, b""
        self._call_back(lane.tenant)

    def _is_roomy(self, tenant: Tenant | None) -> bool:
        """Whether half is free: of the places, of the bytes, and of the account's part."""
        if self.held > self._half or self.bytes * 2 > self.max_bytes:
            return False
        return (
            tenant is None or self.tenants is None or self.tenants.is_roomy_for(tenant, self.held)
        )

    def refill(
        self, lane: Lane, item: Item, message: Envelope, event: bytes, nodes: Sequence[int]
    ) -> None:
        """Put back a message of which only the place was kept, to be tried now.

        It needs no room: no more than the tries that are open at once can be put back.
        """
        item.message, item.event, item.nodes = message, event, nodes
        self._hold(lane, event)

    def oldest(self) -> int | None:
        """When the oldest message in memory was accepted (ms)."""
        return min(
            (lane.items[0].accepted for lane in self.lanes.values() if lane.items), default=None
        )
