"""Every store that wxgate has passes the tests that it sets for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.testing import ClaimsConformance

from .sites import OwnSite, RedisSite, SharedSite

if TYPE_CHECKING:
    from pathlib import Path

    from servers.cluster import Cluster
    from servers.server import Server


class TestOwn(ClaimsConformance):
    """``wxcore.Claims``."""

    def site(self) -> OwnSite:
        """A process."""
        return OwnSite()


class TestShared(ClaimsConformance):
    """``SharedClaims``."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self._path = tmp_path

    def site(self) -> SharedSite:
        """Memory, and the file that is locked for it."""
        return SharedSite(self._path)


class TestRedis(ClaimsConformance):
    """``RedisClaims``, on every server."""

    @pytest.fixture(autouse=True)
    def _place(self, each_redis: Server) -> None:
        self._server = each_redis

    def site(self) -> RedisSite:
        """A server."""
        return RedisSite(self._server)


class TestCluster(ClaimsConformance):
    """``RedisClaims``, in a Cluster."""

    @pytest.fixture(autouse=True)
    def _place(self, redis_cluster: Cluster) -> None:
        self._cluster = redis_cluster

    def site(self) -> RedisSite:
        """The primary that has the slot of every key."""
        holder = self._cluster.holder(self._cluster.slot("{wx}"))
        return RedisSite(holder, self._cluster.url)


class TestRedisBeforeWorkers(ClaimsConformance):
    """``RedisClaims`` in front of what the workers of a machine share."""

    @pytest.fixture(autouse=True)
    def _place(self, redis_server: Server, tmp_path: Path) -> None:
        self._server, self._path = redis_server, tmp_path

    def site(self) -> RedisSite:
        """A server, and memory for each machine."""
        return RedisSite(self._server, workers=self._path)
