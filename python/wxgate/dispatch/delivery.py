"""The way out of a destination: its sink, and those that reloads have put it in the place of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.dispatch.batch import takes_items
from wxgate.sinks import Starting, Watching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.dispatch.crew import Tries
    from wxgate.dispatch.lane import Item
    from wxgate.dispatch.place import Desk
    from wxgate.sinks import Sink
    from wxgate.sinks.fleet import Fleet, NodeStanding


class Delivery:
    """Hands messages over; a sink that was replaced lives until its last try has ended."""

    def __init__(self, name: str, sink: Sink, desk: Desk) -> None:
        """Hand over to ``sink``, whose nodes are counted under ``name``."""
        self.sink = sink
        self._name = name
        self._desk = desk
        self._replaced: list[tuple[Sink, Tries]] = []
        self._fleet: Fleet | None = None
        self._watch()

    def start(self) -> None:
        """Have the sink do what it does without messages."""
        if isinstance(self.sink, Starting):
            self.sink.start()

    async def deliver(self, item: Item) -> bytes:
        """Hand over one message; return what the service answered. Raises ``SinkError``."""
        if takes_items(self.sink):
            await self.sink.deliver_items([item])
            return b""
        return await self.sink.deliver(item.event, item.nodes)

    def _watch(self) -> None:
        """Watch the sink's nodes, if it has any, and have them counted where they are shown."""
        self._fleet = fleet = self.sink.fleet if isinstance(self.sink, Watching) else None
        names = () if fleet is None else fleet.names
        cells = self._desk.cells(self._name, names)
        if fleet is not None:
            fleet.count_in(cells)

    # At a reload

    def replace(self, sink: Sink, tries: Tries | None) -> None:
        """Hand over to another sink; ``tries`` are open at the former, None if that is closed."""
        if tries is not None:
            self._replaced.append((self.sink, tries))
        before = self._fleet
        self.sink = sink
        self._watch()
        if before is not None:
            # Its last tries say nothing of nodes as they are seen now.
            before.count_in(None)
        if before is not None and self._fleet is not None:
            self._fleet.spilled += before.spilled
            self._fleet.rerouted += before.rerouted
        self.start()

    def retire(self, open_now: Tries) -> None:
        """Close replaced sinks whose last try has ended."""
        for sink, tries in self._replaced:
            if not tries & open_now:
                self._desk.keep(sink.aclose())
        self._replaced = [(sink, its) for sink, its in self._replaced if its & open_now]

    @property
    def has_replaced(self) -> bool:
        """Whether there are others than the sink in use."""
        return bool(self._replaced)

    async def aclose(self) -> None:
        """Close the sink, and those that it has replaced."""
        for sink in self.leave():
            await sink.aclose()

    def leave(self) -> Sequence[Sink]:
        """Return the sink, and those that it has replaced, for whoever closes them."""
        sinks = [self.sink, *(sink for sink, _ in self._replaced)]
        self._replaced = []
        return sinks

    def forget_nodes(self) -> None:
        """Show no node as away any more, for want of anybody who would go there."""
        if self._fleet is not None:
            self._fleet.count_in(None)
            self._desk.cells(self._name, ())

    # How it stands

    def figures(self) -> tuple[int, int, int]:
        """Nodes that are away; messages that spilled to another; that went on to the next."""
        fleet = self._fleet
        return (0, 0, 0) if fleet is None else (fleet.away, fleet.spilled, fleet.rerouted)

    def standing(self) -> tuple[NodeStanding, ...]:
        """How the nodes stand."""
        return () if self._fleet is None else self._fleet.standing()
