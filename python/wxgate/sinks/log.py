"""The destination of last resort: one line for each message, without its content."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOG = logging.getLogger("wxgate.log")


class _Attributes(msgspec.Struct):
    """What is logged. ``data`` is not: it is the users' own text."""

    id: str
    type: str
    source: str


class LogSink:
    """Writes id, type and source to the log ``wxgate.log``."""

    def __init__(self) -> None:
        """Prepare the decoder once."""
        self._decoder = msgspec.json.Decoder(_Attributes)

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Log one event."""
        del nodes
        attributes = self._decoder.decode(event)
        _LOG.info("%s %s %s", attributes.source, attributes.type, attributes.id)
        return b""

    async def aclose(self) -> None:
        """Nothing to release."""
