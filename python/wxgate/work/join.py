"""From a target and a configuration to a consumer."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import msgspec

from wxgate.errors import ConfigError
from wxgate.settings import Problem, Settings, load_hub
from wxgate.settings.problems import UnfitError
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.settings.stream import Stream
from wxgate.settings.texts import Target
from wxgate.streams.keys import Root
from wxgate.work.connect import connect
from wxgate.work.consumer import Consumer
from wxgate.work.waiting import BLOCK, Waiting

CONFIG = Path("wxgate.toml")
REDIS = "redis://127.0.0.1:6379/0"


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part in what."""

    stream: str
    """The stream's name."""
    group: str = "workers"
    consumer: str = ""
    """Its name in the group; the machine's and the process's if empty."""
    redis: str = ""
    """Where the stream is; as configured if empty."""
    lease: float = 10.0


def name_of(target: str) -> str:
    """Return the name in ``stream:NAME``. Raises ``ConfigError``."""
    try:
        parsed = Target.parse(target)
    except UnfitError as error:
        raise ConfigError([error.at(target)]) from None
    if parsed.scheme != "stream":
        raise ConfigError([Problem(target, 'expected "stream:NAME"')])
    return parsed.place


def settings_of(path: Path | None) -> Settings:
    """Read the file at ``path``; without one, that of the working directory if there is any.

    Raises ``ConfigError``.
    """
    if path is None and not CONFIG.exists():
        return Settings(account={})
    return load_hub(path or CONFIG)


def place_of(settings: Settings, stream: str, redis: str = "") -> RedisPlace:
    """Return where a stream is: ``redis`` if given, else as configured, else the usual address.

    Raises ``ConfigError`` for an address that is none.
    """
    known = settings.redis_of(stream)
    if known is not None and not redis:
        return known
    url = redis or os.environ.get("WXGATE_REDIS") or REDIS
    try:
        return RedisPlace(url=RedisUrl.parse(url))
    except UnfitError as error:
        raise ConfigError([error.at("redis")]) from None


def join(settings: Settings, one: Membership) -> Consumer:
    """Make a consumer, which is still to be started. Raises ``ConfigError``."""
    name = one.consumer or f"{socket.gethostname()}-{os.getpid()}"
    place = place_of(settings, one.stream, one.redis)
    timeout = settings.stream.get(one.stream, Stream()).timeout
    return Consumer(
        connect(place, timeout),
        Waiting(connect(place, timeout + BLOCK)),
        root=Root(place.prefix, one.stream),
        group=one.group,
        name=name,
        token=f"{name}:{secrets.token_hex(4)}",
        lease=one.lease,
    )
