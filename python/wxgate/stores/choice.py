"""Which stores a configuration needs; each is imported only where it is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from wxcore import Claims as OwnClaims
from wxcore import Limits as OwnLimits

from wxgate.dispatch.pace import Pacing
from wxgate.limits import Limits
from wxgate.stores.claims import SharedClaims

if TYPE_CHECKING:
    from wxgate.generation import Generation
    from wxgate.metrics import Counters
    from wxgate.settings import Settings
    from wxgate.stores.claims import Ground
    from wxgate.stores.nonces import Nonces
    from wxgate.stores.redis.claims import RedisClaims


def claims_for(settings: Settings, ground: Ground | None) -> OwnClaims | SharedClaims:
    """Open what remembers messages on this machine; ``ground`` is what several workers share.

    Raises ``OSError``.
    """
    if ground is None:
        now = time.time_ns() // 1_000_000
        return OwnClaims(settings.state.max_claims, settings.state.max_answers, now)
    return SharedClaims(ground, Path(settings.journal.dir))


def store_for(
    settings: Settings,
    claims: OwnClaims | SharedClaims,
    limits: Limits | None,
    shown: tuple[memoryview | None, int],
) -> RedisClaims | None:
    """Return what machines share, not open yet; ``shown`` is where its panel is, and whose."""
    if settings.state.redis is None:
        return None
    from wxgate.stores.redis.claims import RedisClaims  # noqa: PLC0415 (nobody else pays for it)
    from wxgate.stores.redis.panel import Panel  # noqa: PLC0415 (as above)

    return RedisClaims(settings.state.redis, claims, limits, Panel(*shown))


def limits_for(generation: Generation, counters: Counters) -> Limits | None:
    """Open the limits that messages pass when they come, if there are any.

    Raises ``OSError`` or ``sqlite3.Error``.
    """
    settings = generation.settings
    if all(limit.action == "pace" for limit in settings.limit):
        return None
    state, workers = settings.state, settings.server.workers
    if workers == 1:
        own = OwnLimits(state.max_limits, state.parts)
        return Limits(settings.limit, generation.limit_rows, own, counters)
    # Imported here: sqlite3 costs 10 ms at the start.
    from wxgate.stores.limits import SharedLimits  # noqa: PLC0415

    path = Path(settings.journal.dir) / "limits.sqlite3"
    shared = SharedLimits(path, state.max_limits, workers, state.parts)
    return Limits(settings.limit, generation.limit_rows, shared, counters)


def pacing_for(generation: Generation, counters: Counters) -> Pacing | None:
    """Return the limits under which messages are delivered, if there are any."""
    if not generation.core.has_paces():
        return None
    # Always each worker's part: what is delivered is counted nowhere but here.
    settings = generation.settings
    limits = OwnLimits(settings.state.max_limits, settings.server.workers * settings.state.parts)
    return Pacing(
        generation.paces, limits, lambda row, passed: counters.limited(row, passed=passed)
    )


def nonces_for(settings: Settings) -> Nonces | None:
    """Open what partners' calls need, if there are any. Raises as above."""
    if not any(account.kind == "partner" for account in settings.account.values()):
        return None
    from wxgate.stores.nonces import Nonces  # noqa: PLC0415 (as above)

    return Nonces(Path(settings.journal.dir) / "nonces.sqlite3")
