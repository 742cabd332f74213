"""What the operator's listener shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from wxgate.metrics import Counters
    from wxgate.pipeline import Pipeline


class Page(NamedTuple):
    """An answer."""

    status: int
    content_type: str
    body: bytes


_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
NOT_FOUND = Page(404, _TEXT, b"not found\n")


def page(path: str, pipeline: Pipeline, counters: Counters) -> Page:
    """Return the page at ``path``."""
    match path:
        case "/healthz":
            return Page(200, _TEXT, b"ok\n")
        case "/readyz":
            return _ready(pipeline)
        case "/metrics":
            return Page(200, _METRICS, counters.render().encode())
        case _:
            return NOT_FOUND


def _ready(pipeline: Pipeline) -> Page:
    """503 while draining, so that a load balancer turns to another node."""
    state = {
        "ready": not pipeline.draining,
        "draining": pipeline.draining,
        "in_flight": pipeline.in_flight,
        "durability": "none: a message is acknowledged once its destination has taken it",
    }
    return Page(503 if pipeline.draining else 200, _JSON, msgspec.json.encode(state))
