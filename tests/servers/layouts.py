"""Every way in which several servers hang together, of every flavour, open or locked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
from wxgate.settings.redis import RedisPlace, RedisUrl

from .access import OPEN, Access, locked
from .cluster import Cluster
from .flavour import ALL, REDIS_7
from .replicated import Replicated

if TYPE_CHECKING:
    from pathlib import Path

    from .access import User
    from .flavour import Flavour
    from .tls import Identity


_PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Servers that are running, and how one gets to them."""

    group: Cluster | Replicated
    access: Access = OPEN

    @property
    def url(self) -> str:
        """Where they are."""
        return self.group.url

    @property
    def settings(self) -> dict[str, Any]:
        """What a gateway is configured with beside it."""
        return self._settings(self.access.gateway)

    @property
    def gateway(self) -> RedisPlace:
        """Where streams are, for a gateway."""
        return RedisPlace(url=RedisUrl.parse(self.url), **self.settings)

    @property
    def worker(self) -> RedisPlace:
        """Where they are for a worker."""
        return RedisPlace(url=RedisUrl.parse(self.url), **self._settings(self.access.worker))

    def reset(self) -> None:
        """Have them empty."""
        if isinstance(self.group, Cluster):
            self.group.reset()
        else:
            self.group.primary.reset()

    async def until_left(self) -> None:
        """Wait until this process has no connection to any of them.

        By TLS a farewell takes an answer, which redis-py does not wait for after an error.
        """
        if isinstance(self.group, Cluster):
            servers = self.group.everybody
        else:
            servers = [self.group.primary, self.group.replica, *self.group.sentinels]
        ports = {one.port for one in servers}
        async with asyncio.timeout(_PATIENCE):
            while ports & _ports_called():  # noqa: ASYNC110 (which tell nobody)
                await asyncio.sleep(0.005)

    def _settings(self, user: User | None) -> dict[str, Any]:
        return self.access.settings(user, sentinel=isinstance(self.group, Replicated))


def _ports_called() -> set[int]:
    """Where this process has connections to."""
    return {one.raddr.port for one in psutil.Process().net_connections("tcp") if one.raddr}


@dataclass(frozen=True, slots=True)
class Kind:
    """A layout that can be put up."""

    type: type[Cluster | Replicated]
    flavour: Flavour
    is_locked: bool = False

    @property
    def name(self) -> str:
        """Its name among tests."""
        return "-".join(
            (self.type.__name__.lower(), self.flavour.name, *(("locked",) * self.is_locked))
        )

    def up(self, folder: Path, tls: Identity) -> Layout:
        """Choose ports; ``group`` is still to be entered."""
        access = locked(tls) if self.is_locked else OPEN
        return Layout(self.type(self.flavour, folder, access=access), access)


LOCKED = [Kind(one, REDIS_7, is_locked=True) for one in (Cluster, Replicated)]
"""Redis 7 is the one here that was built with TLS."""
KINDS = [Kind(one, flavour) for one in (Cluster, Replicated) for flavour in ALL] + LOCKED
