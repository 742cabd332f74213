"""The `[state.redis]` table: the Redis or Valkey that gateways share."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import SplitResult, urlsplit

from msgspec import Meta

from wxgate.settings.account import Text
from wxgate.settings.problems import UnfitError
from wxgate.settings.secret import Secret
from wxgate.settings.table import Table
from wxgate.settings.texts import Written

Layout = Literal["one", "sentinel", "cluster"]

_SCHEMES: Mapping[str, tuple[Layout, bool]] = {
    "redis": ("one", False),
    "rediss": ("one", True),
    "unix": ("one", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_END_OF_HOSTS = re.compile("[/?#]")
_PORT, _SENTINEL_PORT = 6379, 26379
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class RedisUrl(Written):
    """Where it is; never who we are: user and password are keys of their own."""

    text: str
    layout: Layout
    tls: bool
    nodes: tuple[tuple[str, int], ...]
    """Host and port: the server, the Sentinels, or primaries of the Cluster to begin with.

    Of a Unix socket the path, which begins with a slash, and 0.
    """
    master: str = ""
    """What the Sentinels call the servers that they watch."""
    database: int = 0

    noun: ClassVar[str] = (
        'an address like "redis://127.0.0.1:6379/0", "rediss://…", "unix:///run/redis.sock", '
        '"redis+sentinel://HOST:26379,HOST:26379/MASTER/0" or "redis+cluster://HOST,HOST"'
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take it apart."""
        # Several hosts are no URL's: what the library thinks of them differs by its version.
        scheme, _, rest = text.partition("://")
        hosts = _END_OF_HOSTS.split(rest, maxsplit=1)[0]
        try:
            parts = urlsplit(f"{scheme}://{rest[len(hosts) :]}")
        except ValueError:
            raise cls.unfit() from None
        if parts.scheme == "unix" and not hosts:
            return cls._socket(text, parts)
        if parts.scheme == "unix" or not hosts.isprintable() or " " in hosts:
            raise cls.unfit()
        if parts.scheme not in _SCHEMES or not hosts or parts.query or parts.fragment:
            raise cls.unfit()
        if "@" in hosts:
            reason = "an address must not hold credentials"
            raise UnfitError(reason, 'write user = "NAME", password = "env:NAME" beside url')
        layout, tls = _SCHEMES[parts.scheme]
        port = _SENTINEL_PORT if layout == "sentinel" else _PORT
        nodes = tuple(cls._node(one, port) for one in hosts.split(","))
        path = [part for part in parts.path.split("/") if part]
        master = path.pop(0) if layout == "sentinel" and path else ""
        database = path.pop(0) if path else "0"
        if path or not _is_number(database) or (layout == "sentinel") != bool(master):
            raise cls.unfit()
        if layout == "cluster" and database != "0":
            reason = "a Cluster has no database but 0"
            raise UnfitError(reason)
        if layout == "one" and len(nodes) > 1:
            raise cls.unfit()
        return cls(text, layout, tls, nodes, master, int(database))

    @classmethod
    def _socket(cls, text: str, parts: SplitResult) -> Self:
        """Take a path, and a database as redis-py has it: ``?db=1``."""
        name, _, database = (parts.query or "db=0").partition("=")
        layout, tls = _SCHEMES["unix"]
        if name != "db" or not _is_number(database) or parts.fragment:
            raise cls.unfit()
        if not parts.path.strip("/"):
            raise cls.unfit()
        return cls(text, layout, tls, ((parts.path, 0),), database=int(database))

    @classmethod
    def _node(cls, text: str, default: int) -> tuple[str, int]:
        host, colon, port = text.rpartition(":")
        if not colon or (text.startswith("[") and text.endswith("]")):
            host, port = text, str(default)
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise cls.unfit()
        if not host or not (_is_number(port) and 0 < int(port) <= _HIGHEST_PORT):
            raise cls.unfit()
        return host, int(port)

    def __str__(self) -> str:
        """Write the address as the file does."""
        return self.text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


class RedisPlace(Table, frozen=True, kw_only=True):
    """How to reach a Redis or Valkey, 7.0 or later. A mere address will do."""

    noun: ClassVar[str] = "an address or a table"
    shorthand: ClassVar[str] = "url"

    url: Annotated[
        RedisUrl,
        Meta(
            description="Where it is; rediss, rediss+sentinel and rediss+cluster speak TLS.",
            examples=["redis://127.0.0.1:6379/0"],
        ),
    ]
    user: Annotated[
        Text | None,
        Meta(description="The ACL user; without one, the default user.", examples=["wxgate"]),
    ] = None
    password: Annotated[
        Secret | None, Meta(description="Its password.", examples=["env:REDIS_PASSWORD"])
    ] = None
    sentinel_user: Annotated[
        Text | None, Meta(description="The Sentinels' ACL user.", examples=["sentinel"])
    ] = None
    sentinel_password: Annotated[
        Secret | None,
        Meta(description="The Sentinels' password.", examples=["env:SENTINEL_PASSWORD"]),
    ] = None
    ca: Annotated[
        Text | None,
        Meta(
            description="File of the authorities trusted for TLS; without one, the system's.",
            examples=["ca.pem"],
        ),
    ] = None
    prefix: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9_-]{0,31}$",
            title="a prefix of at most 32 characters a-z 0-9 _ -",
            description="What every key begins with; gateways with the same one are one fleet.",
        ),
    ] = "wx"

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Have every key mean something."""
        url = got.get("url")
        if not isinstance(url, RedisUrl):
            return
        if url.layout != "sentinel":
            for name in ("sentinel_user", "sentinel_password"):
                if name in got:
                    yield (
                        name,
                        UnfitError("means nothing without redis+sentinel://", "leave it out"),
                    )
        if not url.tls and "ca" in got:
            yield "ca", UnfitError("means nothing without TLS", 'begin url with "rediss"')
        if "user" in got and "password" not in got:
            yield "password", UnfitError("is required where there is a user")


class Redis(RedisPlace, frozen=True, kw_only=True):
    """Redis or Valkey, 7.0 or later, that several gateways share. A mere address will do."""

    budget: Annotated[
        float,
        Meta(gt=0, le=1, description="Seconds that a message waits for it; then without it."),
    ] = 0.02
    lease: Annotated[
        float,
        Meta(
            gt=0,
            lt=5,
            description="Seconds in which a message must be on a gateway's disk; WeChat waits 5.",
        ),
    ] = 4.0
