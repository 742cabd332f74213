"""Connections to the Redis that holds the streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import RedisClusterException

if TYPE_CHECKING:
    from wxgate.settings.redis import RedisPlace

Client: TypeAlias = Redis | RedisCluster


class _Telling:
    """A client for which a connection that is lost is always a ``redis.ConnectionError``.

    uvloop raises a ``RuntimeError`` where something is written to one that is closed, and redis-py
    lets it through: when a server is restarted just as a connection to it is made. And of a Cluster
    of which nobody can be reached redis-py raises what is no ``redis.RedisError``.
    """

    async def execute_command(self, *words: Any, **options: Any) -> Any:  # noqa: ANN401 (redis-py's)
        """Send a command. Raises ``redis.RedisError``."""
        try:
            return await super().execute_command(*words, **options)  # type: ignore[misc]
        except (RuntimeError, RedisClusterException) as error:
            raise LostError(str(error)) from error


class _Server(_Telling, Redis):  # type: ignore[misc] # (redis-py's own bases differ)
    """One server, or the one that Sentinels name."""


class _Cluster(_Telling, RedisCluster):  # type: ignore[misc] # (as above)
    """A Cluster."""


def connect(place: RedisPlace, timeout: float) -> Client:
    """Connect lazily; ``timeout`` (s) bounds a connection and each answer."""
    url = place.url
    options = _options(place, timeout) | _credentials(place.user, place.password)
    match url.layout:
        case "one":
            ((host, port),) = url.nodes
            where = {"host": host, "port": port} if port else {"unix_socket_path": host}
            return _Server(db=url.database, **where, **options)
        case "sentinel":
            own = _credentials(place.sentinel_user, place.sentinel_password)
            asked = _options(place, timeout) | own
            watchers = Sentinel(url.nodes, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
            client: Redis = watchers.master_for(
                url.master, redis_class=_Server, db=url.database, **options
            )
            return client
        case "cluster":
            # It follows slots that have moved, but must not ask again where an answer was lost:
            # what that one gave out would be overtaken by what the next one does.
            nodes = [ClusterNode(host, port) for host, port in url.nodes]
            return _Cluster(startup_nodes=nodes, **options)


def is_cluster(client: Client) -> bool:
    """Whether keys of different slots must not meet in one call."""
    return isinstance(client, RedisCluster)


async def close(client: Client) -> None:
    """Disconnect, from the Sentinels too."""
    await client.aclose()
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for watcher in pool.sentinel_manager.sentinels:
            await watcher.aclose()


def _options(place: RedisPlace, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # An append that may have been made is repeated where it can be told from a new one.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if place.url.tls:
        options |= {"ssl": True, "ssl_ca_certs": place.ca}
    return options


def _credentials(user: str | None, password: Any) -> dict[str, Any]:  # noqa: ANN401 (a Secret or None)
    secret = None if password is None else password.reveal()
    return {"username": user, "password": secret}
