"""Which accounts, destinations and limits have rows in the memory that workers share.

It is made before they fork, and names come and go with each reload: so there is room to spare, a
name keeps its row for as long as the gateway runs, and what it counted is never counted backwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
from msgspec.structs import replace

from wxgate.errors import ConfigError
from wxgate.metrics import Layout
from wxgate.settings import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wxgate.settings import Settings
    from wxgate.settings.route import Route

    Node = tuple[str, str]
    """A destination, and one of its nodes."""

_ROOM = 1024
"""For so many of each that no configuration has named yet."""
_HANDLERS = 64


class Rows(msgspec.Struct, frozen=True):
    """Every name that there was since the start, in the order of their coming."""

    accounts: tuple[str, ...]
    destinations: tuple[str, ...]
    """Those of the routes; before them are the team's own handlers, whom only workers know."""
    limits: tuple[str, ...]
    nodes: tuple[Node, ...]
    """Those of upstreams, as far as there are rows: others are counted nowhere."""
    account_rows: int
    destination_rows: int
    limit_rows: int
    node_rows: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Lay out memory for a start with ``settings``."""
        accounts, destinations, limits = _names(settings)
        nodes = _nodes(settings)
        more = len(accounts), len(destinations) + _HANDLERS, len(limits), len(nodes)
        return cls(accounts, destinations, limits, nodes, *(count + _ROOM for count in more))

    def extended(self, settings: Settings) -> Rows:
        """Add what ``settings`` name. Raises ``ConfigError`` where there is no room left."""
        accounts, destinations, limits = _names(settings)
        more = replace(
            self,
            accounts=_united(self.accounts, accounts),
            destinations=_united(self.destinations, destinations),
            limits=_united(self.limits, limits),
            # Addresses may come and go as often as they like: no reload fails for want of a row.
            nodes=tuple(dict.fromkeys([*self.nodes, *_nodes(settings)]))[: self.node_rows],
        )
        reason = "more names have come and gone than one run of wxgate can count"
        full = (
            ("account", len(more.accounts) > self.account_rows),
            ("route", len(more.destinations) > self.destination_rows - _HANDLERS),
            ("limit", len(more.limits) > self.limit_rows),
        )
        if problems := [Problem(path, reason, "restart wxgate") for path, over in full if over]:
            raise ConfigError(problems)
        return more

    def layout(self, handlers: Sequence[str] = ()) -> Layout:
        """Say which counter stands where."""
        names, room = self.names(handlers), (self.account_rows, self.limit_rows)
        return Layout(self.accounts, names, self.destination_rows, self.limits, room)

    def names(self, handlers: Sequence[str]) -> tuple[str, ...]:
        """Return the names of all destinations, each with its row."""
        return _united(tuple(handlers[:_HANDLERS]), self.destinations)


def _names(settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    destinations = _united((), (str(route.to) for route in settings.route))
    return tuple(settings.account), destinations, tuple(one.name for one in settings.limit)


def _nodes(settings: Settings) -> tuple[Node, ...]:
    """Name the nodes that routes lead to."""
    places = {str(route.to): route.to.place for route in settings.route if _is_upstream(route)}
    return tuple(
        (name, node.title)
        for name, place in places.items()
        for node in settings.upstream[place].nodes
    )


def _is_upstream(route: Route) -> bool:
    return route.to.scheme == "upstream"


def _united(first: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *more]))
