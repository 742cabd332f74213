"""The Redis that gateways share: can it be reached, does it keep claims, is its clock ours."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wxgate.doctor.finding import Finding
from wxgate.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.settings import Settings
    from wxgate.settings.redis import Redis
    from wxgate.stores.redis.session import About

_OLDEST = 7
_SKEW_S = 1.0


async def state(settings: Settings) -> list[Finding]:
    """Connect as a gateway would, and look; nothing where no Redis is configured."""
    redis = settings.state.redis
    if redis is None:
        return []
    from hiredis import ReplyError  # noqa: PLC0415 (nobody else pays for it)

    from wxgate.stores.redis.link import LostError  # noqa: PLC0415 (as above)
    from wxgate.stores.redis.place import Place  # noqa: PLC0415 (as above)

    try:
        session = await Place(redis, b"{%b}:e" % redis.prefix.encode()).open()
    except (StoreError, OSError) as error:
        return [_fail(redis, str(error), "a primary that answers", "state.redis.url")]
    try:
        before = time.time()
        said = await session.link.ask(b"TIME")
        skew = _seconds(said) - (before + time.time()) / 2
    except (ReplyError, LostError) as error:
        return [_fail(redis, str(error), "a user that may run scripts", "state.redis.user")]
    finally:
        session.link.close()
    return [*_about(redis, session.about), _clock(redis, skew)]


def _about(redis: Redis, about: About) -> Iterator[Finding]:
    if about.version < _OLDEST:
        yield _fail(redis, about.name, f"{_OLDEST}.0 or later", "the server")
    else:
        yield Finding("ok", str(redis.url), f"{about.name}, answers")
    if about.evicts:
        found = f"drops keys when its memory is full: maxmemory-policy {about.policy}"
        yield _fail(redis, found, "noeviction, or claims are lost", "maxmemory-policy")


def _clock(redis: Redis, skew: float) -> Finding:
    found = f"its clock is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > _SKEW_S:
        expected = "the same time: claims live as long as its clock says"
        return Finding("warn", str(redis.url), found, expected, "NTP on both")
    return Finding("ok", str(redis.url), "its clock is ours")


def _fail(redis: Redis, found: str, expected: str, setting: str) -> Finding:
    return Finding("fail", str(redis.url), found, expected, setting)


def _seconds(said: object) -> float:
    match said:
        case [bytes(seconds), bytes(micros)]:
            return int(seconds) + int(micros) / 1e6
    return 0.0
