"""From a target and a configuration to a consumer."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxgate.errors import ConfigError
from wxgate.settings import Problem, Settings, load_hub
from wxgate.settings.problems import UnfitError
from wxgate.settings.stream import Stream
from wxgate.settings.texts import RedisUrl, Target
from wxgate.streams.connect import connect
from wxgate.work.consumer import Consumer
from wxgate.work.waiting import BLOCK, Waiting

if TYPE_CHECKING:
    from wxgate.streams.connect import Client

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


def client_of(settings: Settings, stream: str, redis: str = "", *, patience: float = 0.0) -> Client:
    """Connect to where a stream is, lazily; ``patience`` s are added to the time of an answer.

    Raises ``ConfigError`` for an address that is none.
    """
    table = settings.stream.get(stream, Stream())
    url = redis or table.redis or os.environ.get("WXGATE_REDIS") or REDIS
    try:
        return connect(RedisUrl.parse(url), table.timeout + patience)
    except UnfitError as error:
        raise ConfigError([error.at("redis")]) from None


def join(settings: Settings, one: Membership) -> Consumer:
    """Make a consumer, which is still to be started. Raises ``ConfigError``."""
    name = one.consumer or f"{socket.gethostname()}-{os.getpid()}"
    client = client_of(settings, one.stream, one.redis)
    waiting = Waiting(client_of(settings, one.stream, one.redis, patience=BLOCK))
    return Consumer(
        client,
        waiting,
        stream=one.stream,
        group=one.group,
        name=name,
        token=f"{name}:{secrets.token_hex(4)}",
        lease=one.lease,
    )
