"""Destinations in this process: async functions of the team's own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from wxgate.event import Event
from wxgate.replies import encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from wxgate.replies import Reply

    Handler = Callable[[Event], Awaitable["str | Reply | None"]]


class FunctionSink:
    """Calls one function; what it returns is the reply."""

    def __init__(self, function: Handler) -> None:
        """Call ``function`` with each event."""
        self._function = function

    @classmethod
    def from_name(cls, name: str) -> FunctionSink:
        """Import ``module:function``. Raises ``ImportError`` or ``AttributeError``."""
        module, _, function = name.partition(":")
        return cls(getattr(import_module(module), function))

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Call the function; an exception means that the message was not taken."""
        del nodes
        return encode(await self._function(Event.decode(event)))

    async def aclose(self) -> None:
        """Nothing to release."""
