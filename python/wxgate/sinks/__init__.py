"""Where messages go: one module for each kind of destination, one protocol for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sink(Protocol):
    """A destination."""

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Hand over one CloudEvent (JSON) and return what the destination answers.

        ``nodes`` are indexes into the destination's nodes, the chosen one first. Returning means
        "taken". Raises ``SinkRetryError`` or ``SinkRefusedError``; all else counts as retryable.
        """
        ...

    async def aclose(self) -> None:
        """Release what the sink holds."""
        ...
