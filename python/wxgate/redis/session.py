"""From an address to a connection that is ours to use: TLS, user, database, and who it is."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiredis import ReplyError

from wxgate.errors import StoreError
from wxgate.redis.link import Link, LostError

if TYPE_CHECKING:
    from wxgate.redis.script import Script
    from wxgate.settings.redis import RedisPlace
    from wxgate.settings.secret import Secret

    Address = tuple[str, int]
    """As in ``RedisUrl.nodes``."""

_WITHIN_S = 1.0
_NAME = b"wxgate"


class UnreachableError(StoreError):
    """There is no server that could be used; the text says why, and names the address."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are towards a kind of server."""

    tls: ssl.SSLContext | None
    user: str | None
    password: Secret | None
    database: int = 0

    @property
    def words(self) -> tuple[bytes, ...]:
        """The AUTH command; empty if there is nothing to say."""
        if self.password is None:
            return ()
        user = () if self.user is None else (self.user.encode(),)
        return (b"AUTH", *user, self.password.reveal().encode())


@dataclass(frozen=True, slots=True)
class About:
    """What a server says of itself."""

    name: str
    """Product and version."""
    version: int
    """Its major version, as Redis counts: Valkey says which Redis it can stand in for."""
    run: str
    """Different after each start, and for each server."""
    role: str
    policy: str
    """What it does where its memory is full."""
    limited: bool
    """Whether its memory has a limit at all."""

    @property
    def evicts(self) -> bool:
        """Whether it may drop claims before their time: they all have a time to live."""
        return self.limited and self.policy != "noeviction"


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to somebody known."""

    link: Link
    about: About
    address: Address


def logins(settings: RedisPlace) -> tuple[Login, Login]:
    """Ours towards the servers, and towards Sentinels. Raises ``OSError`` for the CA file."""
    tls = None
    if settings.url.tls:
        tls = ssl.create_default_context(cafile=settings.ca)
    server = Login(tls, settings.user, settings.password, settings.url.database)
    return server, Login(tls, settings.sentinel_user, settings.sentinel_password)


async def open_session(
    address: Address, login: Login, script: Script | None = None, within: float = _WITHIN_S
) -> Session:
    """Connect, introduce ourselves, and say what ``script`` will be called.

    Raises ``UnreachableError`` within so many seconds.
    """
    link = await open_link(address, login, within)
    try:
        async with asyncio.timeout(within):
            about = _about(await link.ask(b"INFO"))
            # Who may not load it sends it with the first call.
            if script is not None:
                with contextlib.suppress(ReplyError):
                    await link.ask(b"SCRIPT", b"LOAD", script.source.encode())
    except (ReplyError, LostError, TimeoutError) as error:
        link.close()
        raise UnreachableError(_reason(address, error)) from None
    except BaseException:
        link.close()
        raise
    return Session(link, about, address)


async def open_link(address: Address, login: Login, within: float = _WITHIN_S) -> Link:
    """Connect, log in, choose the database. Raises ``UnreachableError``."""
    link = None
    try:
        async with asyncio.timeout(within):
            link = await Link.connect(*address, login.tls)
            if login.words:
                await link.ask(*login.words)
            # Shows whose connection it is; an old user's rules may not allow it.
            with contextlib.suppress(ReplyError):
                await link.ask(b"CLIENT", b"SETNAME", _NAME)
            if login.database:
                await link.ask(b"SELECT", b"%d" % login.database)
    except (OSError, ReplyError, LostError, TimeoutError) as error:
        if link is not None:
            link.close()
        raise UnreachableError(_reason(address, error)) from None
    except BaseException:
        # Whoever waits for us has no more time.
        if link is not None:
            link.close()
        raise
    return link


def shown(address: Address) -> str:
    """Write an address for people: HOST:PORT, or the path of a Unix socket."""
    host, port = address
    return f"{host}:{port}" if port else host


def _reason(address: Address, error: BaseException) -> str:
    said = "no answer in time" if isinstance(error, TimeoutError) else str(error)
    return f"{shown(address)}: {said or type(error).__name__}"


def _about(info: object) -> About:
    lines = info.decode(errors="replace").splitlines() if isinstance(info, bytes) else []
    said = dict(line.split(":", 1) for line in lines if ":" in line)
    product = said.get("server_name", "redis").capitalize()
    version = said.get("valkey_version") or said.get("redis_version", "of unknown version")
    return About(
        name=f"{product} {version}",
        version=int(said.get("redis_version", "0").split(".")[0] or 0),
        run=said.get("run_id", ""),
        role=said.get("role", ""),
        policy=said.get("maxmemory_policy", ""),
        limited=said.get("maxmemory", "0") != "0",
    )
