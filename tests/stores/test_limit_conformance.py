"""Everything in wxgate that counts limits passes the tests that it sets for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.testing import LimitsConformance

from .limit_sites import OwnLimitsSite, RedisLimitsSite, SharedLimitsSite

if TYPE_CHECKING:
    from pathlib import Path

    from servers.cluster import Cluster
    from servers.server import Server


class TestOwn(LimitsConformance):
    """``wxcore.Limits``."""

    def site(self) -> OwnLimitsSite:
        """A process."""
        return OwnLimitsSite()


class TestShared(LimitsConformance):
    """``SharedLimits``."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self._path = tmp_path

    def site(self) -> SharedLimitsSite:
        """A file."""
        return SharedLimitsSite(self._path)


class TestRedis(LimitsConformance):
    """``RedisClaims`` with the limits of a node, on every server."""

    @pytest.fixture(autouse=True)
    def _place(self, each_redis: Server) -> None:
        self._server = each_redis

    def site(self) -> RedisLimitsSite:
        """A server."""
        return RedisLimitsSite(self._server)


class TestCluster(LimitsConformance):
    """The same in a Cluster."""

    @pytest.fixture(autouse=True)
    def _place(self, redis_cluster: Cluster) -> None:
        self._cluster = redis_cluster

    def site(self) -> RedisLimitsSite:
        """The primary that has the slot of every key."""
        holder = self._cluster.holder(self._cluster.slot("{wx}"))
        return RedisLimitsSite(holder, self._cluster.url)
