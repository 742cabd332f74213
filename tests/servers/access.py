"""Who may speak to servers, and how: by TLS, with a password, as users with few rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wxgate.settings.secret import Secret

if TYPE_CHECKING:
    from .tls import Identity

GATEWAY_RULES = (
    *("resetkeys", "~{wx}:*", "~wx:stream:*", "-@all", "+@connection", "+@scripting", "+info"),
    *("+get", "+mget", "+set", "+del", "+exists", "+time", "+pexpire", "+hget", "+hset"),
    *("+xadd", "+xlen", "+xtrim", "+xpending", "+xinfo|groups"),
)
"""As ``docs/operations.md`` has them for claims, limits and streams under one user."""
WORKER_RULES = (
    *("resetkeys", "~wx:stream:*", "-@all", "+@connection", "+@scripting", "+info", "+time"),
    *("+@read", "+@write", "+command", "+cluster|slots"),
)
"""What ``docs/streams.md`` says of workers."""
SENTINEL_RULES = (
    *("-@all", "+auth", "+client|setname", "+sentinel|get-master-addr-by-name"),
    "+sentinel|masters",
)
"""As ``docs/operations.md`` has them."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with rules of their own."""

    name: str
    password: str
    rules: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """What follows ``user`` in a server's settings."""
        return (self.name, "on", f">{self.password}", *self.rules)

    @property
    def secret(self) -> Secret:
        """The password as a configuration has it."""
        return Secret("env:X", self.password)


@dataclass(frozen=True, slots=True)
class Access:
    """What servers of a group are started with."""

    tls: Identity | None = None
    password: str = ""
    """The default user's: of tests, and of servers towards each other."""
    gateway: User | None = None
    worker: User | None = None
    sentinel: User | None = None
    """Who the other two are towards Sentinels."""

    @property
    def users(self) -> tuple[str, ...]:
        """Options of a server."""
        known = (one for one in (self.gateway, self.worker) if one is not None)
        return tuple(word for one in known for word in ("--user", *one.words))

    @property
    def sentinel_users(self) -> tuple[str, ...]:
        """Lines of a Sentinel's file."""
        return () if self.sentinel is None else (f"user {' '.join(self.sentinel.words)}",)

    def settings(self, user: User | None, *, sentinel: bool) -> dict[str, Any]:
        """What somebody's ``RedisPlace`` has beside its ``url``."""
        found: dict[str, Any] = {}
        if self.tls is not None:
            found["ca"] = str(self.tls.certificate)
        if user is not None:
            found |= {"user": user.name, "password": user.secret}
        if sentinel and self.sentinel is not None:
            found["sentinel_user"] = self.sentinel.name
            found["sentinel_password"] = self.sentinel.secret
        return found


OPEN = Access()
"""Anybody may do anything."""


def locked(tls: Identity) -> Access:
    """TLS alone, and nobody without a name."""
    return Access(
        tls,
        "of-tests",
        User("wxgate", "of-a-gateway", GATEWAY_RULES),
        User("worker", "of-a-worker", WORKER_RULES),
        User("watching", "of-whoever-asks", SENTINEL_RULES),
    )
