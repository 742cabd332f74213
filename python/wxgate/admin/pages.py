"""What the operator's listener shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from wxgate.admin.status import Status
    from wxgate.metrics import Counters


class Page(NamedTuple):
    """An answer."""

    status: int
    content_type: str
    body: bytes


_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
NOT_FOUND = Page(404, _TEXT, b"not found\n")


def page(path: str, status: Status, counters: Counters) -> Page:
    """Return the page at ``path``."""
    match path:
        case "/healthz":
            return Page(200, _TEXT, b"ok\n")
        case "/readyz":
            return _ready(status)
        case "/metrics":
            text = counters.render() + "\n".join([*status.metrics(), ""])
            return Page(200, _METRICS, text.encode())
        case _:
            return NOT_FOUND


def _ready(status: Status) -> Page:
    """503 while draining or unable to record, so that a load balancer turns to another node."""
    report = status.report()
    return Page(200 if report["ready"] else 503, _JSON, msgspec.json.encode(report))
