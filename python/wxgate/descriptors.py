"""How many connections a worker may hold, so that its other files always have a descriptor."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate.settings import Settings

MOST = 4096
"""Open connections of one worker, where descriptors are plenty."""
_FEWEST = 16
_OWN = 64
"""For the journal, listeners, stores, and what the interpreter opens itself; 45 were seen."""


def connections(settings: Settings) -> int:
    """Return how many callers a worker lets in; raises its limit of descriptors if need be.

    A server that takes connections until there are no descriptors left spins on the next one, and
    has none for the journal's next segment.
    """
    others = _OWN + _outbound(settings)
    return max(_FEWEST, min(MOST, raised(MOST + others) - others))


def raised(wanted: int) -> int:
    """Return the limit of descriptors, raised to ``wanted`` or as near as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= ceiling:
        return wanted if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
    return ceiling


def _outbound(settings: Settings) -> int:
    """The most connections to destinations."""
    bare = {str(route.to) for route in settings.route if route.to.scheme == "http"}
    upstreams = sum(upstream.concurrency for upstream in settings.upstream.values())
    return upstreams + len(bare) * settings.dispatch.concurrency
