"""Destinations by name, for commands that deliver by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxcore import HashRing

from wxgate.dispatch.build import place
from wxgate.settings.problems import UnfitError
from wxgate.settings.texts import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.dispatch.place import Place
    from wxgate.dispatch.replay import Deliverable
    from wxgate.settings import Settings
    from wxgate.settings.upstream import Upstream


_FEW = 4
"""Nodes of a ranking that a delivery may want; as the core gives them."""


class UnknownDestinationError(ValueError):
    """There is no such destination in the configuration."""


class Outlets:
    """Opens each destination when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        """Open none yet."""
        self._settings = settings
        self._open: dict[str, Outlet] = {}

    def get(self, name: str) -> Outlet:
        """Return the destination of that name, as the configuration writes targets.

        Raises ``UnknownDestinationError``.
        """
        if name not in self._open:
            self._open[name] = self._make(name)
        return self._open[name]

    def _make(self, name: str) -> Outlet:
        try:
            target = Target.parse(name)
            upstream = self._upstream(target)
            return Outlet(place(self._settings, target), upstream)
        except UnfitError as error:
            reason = f"{name}: {error.reason}"
        except (ImportError, AttributeError) as error:
            reason = f"{name}: {error}"
        raise UnknownDestinationError(reason)

    def _upstream(self, target: Target) -> Upstream | None:
        if target.scheme != "upstream":
            return None
        if target.place not in self._settings.upstream:
            reason = f"there is no [upstream.{target.place}]"
            raise UnfitError(reason)
        return self._settings.upstream[target.place]

    async def aclose(self) -> None:
        """Close what is open."""
        for outlet in self._open.values():
            await outlet.place.sink.aclose()
        self._open.clear()


class Outlet:
    """A destination, and the ring of its nodes if it has several."""

    def __init__(self, place: Place, upstream: Upstream | None) -> None:
        """Spread messages over the nodes of ``upstream`` as the gateway does."""
        self.place = place
        self._upstream = upstream
        self._indices: dict[str, int] = {}
        self._ring: HashRing | None = None
        if upstream is not None:
            self._indices = {node.title: at for at, node in enumerate(upstream.nodes)}
            self._ring = HashRing([(node.title, node.weight) for node in upstream.nodes])

    def nodes(self, message: Deliverable) -> Sequence[int]:
        """Which nodes a message goes to, the chosen one first."""
        if self._ring is None or self._upstream is None:
            return (0,)
        keys = {"account": message.account, "openid": message.key}
        # By "key" each message has a node of its own; by "none" any will do.
        ranked = self._ring.ranked(keys.get(self._upstream.hash, message.id), _FEW)
        return [self._indices[name] for name in ranked]
