"""Connections to the Redis that holds the streams."""

from __future__ import annotations

from typing import TypeAlias

from redis.asyncio import Redis, RedisCluster

Client: TypeAlias = Redis | RedisCluster


def connect(url: str, timeout: float) -> Client:
    """Connect lazily; ``timeout`` (s) bounds a connection and each answer."""
    return Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, decode_responses=False
    )


def is_cluster(client: Client) -> bool:
    """Whether keys of different slots must not meet in one call."""
    return isinstance(client, RedisCluster)
