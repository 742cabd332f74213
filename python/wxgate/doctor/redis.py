"""The Redis of claims and of streams: can it be reached and used, does it keep what it is given."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from wxgate.doctor.finding import Finding
from wxgate.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.redis.session import About, Session
    from wxgate.settings import Settings
    from wxgate.settings.redis import RedisPlace

_OLDEST = 7
_SKEW_S = 1.0


class Use(NamedTuple):
    """A server, and what is kept there."""

    path: str
    """The table or key that names it."""
    place: RedisPlace
    key: bytes
    """One that is where ours are, and that we write nothing to."""
    scripts: tuple[str, ...]
    """What is run there."""
    kept: str

    @property
    def user(self) -> str:
        """Who we are there."""
        return self.place.user or "default"

    def fail(self, key: str, found: str, expected: str) -> Finding:
        """Report what has to be changed under one of the table's keys."""
        return Finding("fail", str(self.place.url), found, expected, f"{self.path}.{key}")


async def redis(settings: Settings) -> list[Finding]:
    """Connect to each as a gateway would, and look; nothing where none is configured."""
    found = await asyncio.gather(*(_look(use) for use in uses(settings)))
    # Streams that share a server share what is wrong with it.
    return list(dict.fromkeys(one for some in found for one in some))


def uses(settings: Settings) -> Iterator[Use]:
    """Find what there is; nobody else pays for the imports."""
    if (own := settings.state.redis) is not None:
        from wxgate.stores.redis.call import SCRIPT  # noqa: PLC0415

        key = b"{%b}:check" % own.prefix.encode()
        yield Use("state.redis", own, key, (SCRIPT.source,), "claims")
    names = {route.to.place: None for route in settings.route if route.to.scheme == "stream"}
    for name in dict.fromkeys((*settings.stream, *names)):
        if (place := settings.redis_of(name)) is None:
            continue
        from wxgate.streams.append import SCRIPTS  # noqa: PLC0415
        from wxgate.streams.keys import Root  # noqa: PLC0415
        from wxgate.streams.survey import SCRIPT as SURVEY  # noqa: PLC0415

        path = "state.redis" if place is own else f"stream.{name}.redis"
        key = b"%b:check" % Root(place.prefix, name).about.encode()
        scripts = tuple(one.source for one in (*SCRIPTS, SURVEY))
        yield Use(path, place, key, scripts, "messages")


async def _look(use: Use) -> list[Finding]:
    from hiredis import ReplyError  # noqa: PLC0415 (as above)

    from wxgate.redis.place import Place  # noqa: PLC0415 (as above)

    try:
        session = await Place(use.place, use.key).open()
    except (StoreError, OSError) as error:
        return [_closed(use, error)]
    try:
        found = [*_about(use, session.about), *await _inside(use, session)]
        return [*found, *await _others(use, session)]
    except (ReplyError, StoreError) as error:
        return [_closed(use, error)]
    finally:
        session.link.close()


def _closed(use: Use, error: Exception) -> Finding:
    """Make out which key of the table keeps us from using the server."""
    said, url, whom = str(error), use.place.url, use.user
    # Sentinels have users and passwords of their own.
    watchers = tuple(f"{host}:{port}:" for host, port in url.nodes)
    asked = "sentinel_" if url.layout == "sentinel" and said.startswith(watchers) else ""
    if "WRONGPASS" in said or "NOAUTH" in said or "AUTH <password>" in said:
        expected = "the password that the server knows" if asked else f"that of the user {whom}"
        return use.fail(f"{asked}password", said, expected)
    if "NOPERM" in said:
        return use.fail(f"{asked}user", said, "a user that may")
    if isinstance(error, ssl.SSLError | FileNotFoundError) or "CERTIFICATE_VERIFY" in said:
        return use.fail("ca", said, "the authority that signed the server's certificate")
    return use.fail("url", said, "a primary that answers")


def _about(use: Use, about: About) -> Iterator[Finding]:
    if about.version < _OLDEST:
        yield use.fail("url", about.name, f"{_OLDEST}.0 or later")
    else:
        yield Finding("ok", str(use.place.url), f"{about.name}, answers")
    if about.evicts:
        found = f"drops keys when its memory is full: maxmemory-policy {about.policy}"
        yield use.fail("url", found, f"maxmemory-policy noeviction there, or {use.kept} are lost")


async def _others(use: Use, session: Session) -> list[Finding]:
    """Look at the other primaries of a Cluster: partitions are everywhere, claims on one."""
    if use.place.url.layout != "cluster" or use.kept == "claims":
        return []
    from wxgate.redis.session import logins, open_session  # noqa: PLC0415 (as above)

    host, _ = session.address
    found = []
    for address in _primaries(await session.link.ask(b"CLUSTER", b"SLOTS"), host):
        if address == session.address:
            continue
        try:
            other = await open_session(address, logins(use.place)[0])
        except StoreError as error:
            found.append(_closed(use, error))
            continue
        other.link.close()
        whose = f"{address[0]}:{address[1]}: "
        wrong = (one for one in _about(use, other.about) if one.verdict == "fail")
        found += [replace(one, found=whose + one.found) for one in wrong]
    return found


def _primaries(slots: object, asked: str) -> list[tuple[str, int]]:
    """Read who serves; one that names no host is on the one that was asked."""
    found = set()
    for one in slots if isinstance(slots, list) else ():
        match one:
            case [_, _, [host, int(port), *_], *_]:
                found.add(((host or b"").decode() or asked, port))
    return sorted(found)


async def _inside(use: Use, session: Session) -> list[Finding]:
    """Ask what is to be known of a server that lets us in."""
    from wxgate.doctor.permission import denied  # noqa: PLC0415 (as above)

    found = []
    if session.about.version >= _OLDEST:
        found += [use.fail("user", one, may) for one, may in await denied(use, session.link)]
    if use.kept == "claims":
        before = time.time()
        skew = _seconds(await session.link.ask(b"TIME")) - (before + time.time()) / 2
        found.append(_clock(use, skew))
    return found


def _clock(use: Use, skew: float) -> Finding:
    url = str(use.place.url)
    if abs(skew) <= _SKEW_S:
        return Finding("ok", url, "its clock is ours")
    found = f"its clock is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}"
    expected = "NTP on both: claims live as long as its clock says"
    return Finding("warn", url, found, expected, f"{use.path}.url")


def _seconds(said: object) -> float:
    match said:
        case [bytes(seconds), bytes(micros)]:
            return int(seconds) + int(micros) / 1e6
    return 0.0
