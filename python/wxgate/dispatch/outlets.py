"""Destinations by name, for commands that deliver by themselves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from wxcore._wxcore import Gateway as Core

from wxgate.dispatch.build import place
from wxgate.settings.blob import upstream_blob
from wxgate.settings.problems import UnfitError
from wxgate.settings.texts import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.dispatch.place import Place
    from wxgate.dispatch.replay import Deliverable
    from wxgate.settings import Settings
    from wxgate.settings.upstream import Upstream


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
    """A destination, and how messages are spread over its nodes if it has several."""

    def __init__(self, place: Place, upstream: Upstream | None) -> None:
        """Spread messages over the nodes of ``upstream`` as the gateway does: by its core."""
        self.place = place
        self._core = None if upstream is None else Core(upstream_blob(place.name, upstream))
        self._count = itertools.count()

    def nodes(self, message: Deliverable) -> Sequence[int]:
        """Which nodes a message goes to, the chosen one first."""
        if self._core is None:
            return (0,)
        keys = (message.key, message.account, message.id, next(self._count))
        return self._core.nodes(0, *keys, message.event)
