"""From the journal into the window of one destination: directly while it keeps up, else by reading.

Three ways lead in. A message that has just become durable is taken as it is (`offer`). Once one
found no room, the destination is `behind` and reads from its cursor on until it has caught up. And
what a lane left in the journal is searched for between there and the cursor (see `lane`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.dispatch.lane import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.dispatch.lane import Lane, Window
    from wxgate.dispatch.message import Live, Log, Routed, Stored

    Nodes = Callable[[int, Routed], Sequence[int]]
    """Which nodes of a destination (by index) a stored message is for, the chosen one first."""

_BATCH = 256
_BATCH_BYTES = 4 * 1024 * 1024
_SEARCH = 128


class Reader:
    """The cursor of one destination."""

    def __init__(self, index: int, window: Window, nodes: Nodes) -> None:
        """Start behind, before the first message."""
        self._index = index
        self._window = window
        self.nodes = nodes
        """Finds the nodes of what is read."""
        self._log: Log | None = None
        self.cursor = 0
        """Everything up to here has been considered."""
        self.behind = True

    def open(self, log: Log) -> None:
        """Read from ``log``."""
        self._log = log

    def offer(self, seq: int, accepted: int, message: Live, nodes: Sequence[int]) -> Item | None:
        """Take a message that has just become durable; None if it is, or will be, read instead."""
        if self.behind or seq <= self.cursor:
            return None
        if self._window.room <= 0:
            self.behind = True
            self.cursor = seq - 1
            return None
        self.cursor = seq
        return Item(seq, accepted, message, message.event, nodes)

    @property
    def wants(self) -> bool:
        """Whether there is something to read, and room for it."""
        window = self._window
        if self._log is None or not (self.behind or window.searching):
            return False
        return window.room * 4 >= window.places

    def read(self, last: int) -> bool:
        """Read a batch; return whether that led anywhere. ``last`` is the newest message known.

        Raises ``OSError``.
        """
        # A search for nothing would find nothing, and take that for the end.
        searched = self._window.searching and self._window.room > 0 and self._search()
        went_on = self.behind and self._window.room > 0 and self._go_on(last)
        return searched or went_on

    def _go_on(self, last: int) -> bool:
        before = self.cursor
        stored, position = self._read(before, min(self._window.room, _BATCH), _BATCH_BYTES)
        for message in stored:
            self._window.add(message.key, self._item(message))
            self.cursor = message.seq
        self.cursor = max(self.cursor, position)
        moved = self.cursor > before
        # Only a read that finds nothing proves that there is no more: at a start, ``last`` is 0.
        self.behind = moved or self.cursor < last
        return moved

    def _search(self) -> bool:
        window = self._window
        before = window.scanned or 0
        stored, position = self._read(before, min(window.room, _SEARCH), _BATCH_BYTES)
        window.scanned = max(before, position)
        for message in stored:
            window.scanned = max(window.scanned, message.seq)
            # What lies behind the cursor, the cursor will find.
            if message.seq <= self.cursor:
                self._fetch(message)
        moved = window.scanned > before
        if window.scanned >= self.cursor or not moved:
            window.recalled()
        return moved

    def _fetch(self, message: Stored) -> None:
        """Take a message that was left in the journal, if that is what it was left for."""
        window = self._window
        tenants = window.tenants
        tenant = None if tenants is None else tenants.find(message.account)
        if tenants is not None and tenant is not None and 0 < tenant.spilled <= message.seq:
            if tenant in tenants.returning:
                window.restore(tenant, message.key, self._item(message))
            return
        lane = window.lanes.get(message.key)
        if lane is not None and lane in window.recalling and message.seq >= lane.spilled:
            window.recall(lane, self._item(message))

    def again(self, lane: Lane, item: Item) -> bool:
        """Read a message again of which only the place was kept; False if it is gone.

        Raises ``OSError``.
        """
        stored, _ = self._read(item.seq - 1, 1, _BATCH_BYTES)
        if not stored or stored[0].seq != item.seq:
            return False
        (message,) = stored
        self._window.refill(lane, item, message, message.event, self.nodes(self._index, message))
        return True

    def _read(self, after: int, limit: int, max_bytes: int) -> tuple[Sequence[Stored], int]:
        if self._log is None:
            return (), after
        return self._log.read(self._index, after, limit, max_bytes)

    def _item(self, stored: Stored) -> Item:
        nodes = self.nodes(self._index, stored)
        item = Item(stored.seq, stored.accepted, stored, stored.event, nodes)
        item.wait = stored.wait
        return item
