"""Where messages go: one module for each kind of destination, one protocol for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.dispatch.message import Stored
    from wxgate.sinks.fleet import Fleet

    Recall = Callable[[Sequence[int]], Sequence[Stored]]
    """Reads messages back by their places in the journal; what is gone is left out."""


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


@runtime_checkable
class Recalling(Protocol):
    """A destination that can find out what it has lost, and take it again from the journal."""

    def open(self, recall: Recall) -> None:
        """Read by ``recall`` what was delivered and is lost; it may be called in a thread."""
        ...


@runtime_checkable
class Starting(Protocol):
    """A destination that looks after something by itself."""

    def start(self) -> None:
        """Begin to look; inside the event loop."""
        ...


@runtime_checkable
class Watching(Starting, Protocol):
    """A destination of several nodes, whose health it looks after."""

    @property
    def fleet(self) -> Fleet:
        """The nodes, and how they stand."""
        ...
