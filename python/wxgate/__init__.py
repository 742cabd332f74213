"""wxgate: the gateway between WeChat's callbacks and a team's own services."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wxgate.event import Event
    from wxgate.gateway import Gateway
    from wxgate.replies import (
        Article,
        Image,
        Music,
        News,
        Text,
        TransferCustomerService,
        Video,
        Voice,
    )
    from wxgate.work.consume import consume

__all__ = [
    "Article",
    "Event",
    "Gateway",
    "Image",
    "Music",
    "News",
    "Text",
    "TransferCustomerService",
    "Video",
    "Voice",
    "consume",
]

_HOMES = {"Event": "wxgate.event", "Gateway": "wxgate.gateway", "consume": "wxgate.work.consume"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever the module has under that name)
    """Import on first use, so that commands start without what they do not need."""
    if name not in __all__:
        problem = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(problem)
    return getattr(import_module(_HOMES.get(name, "wxgate.replies")), name)
