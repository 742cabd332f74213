"""A handler inside the gateway's process that takes every message and says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate import Event


async def take(event: Event) -> None:
    """Read what a handler reads first."""
    assert event.text
