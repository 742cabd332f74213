"""Stage dispatch: hand a message to every destination that its routes name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wxgate.sinks.function import FunctionSink
from wxgate.sinks.log import LogSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxcore._wxcore import Received

    from wxgate.settings import Settings
    from wxgate.sinks import Sink


class Dispatcher:
    """The sinks, by index of their route."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        """Take one sink for each route."""
        self._sinks = tuple(sinks)

    async def hand_over(self, message: Received) -> bytes:
        """Deliver to all destinations; return the answer of the first that is waited for.

        Returning means that each of them has taken the message. Raises what a sink raises.
        """
        event = message.event or b""
        destinations = message.destinations
        if len(destinations) == 1:
            route, nodes, wait = destinations[0]
            answer = await self._sinks[route].deliver(event, nodes)
            return answer if wait else b""
        results = await asyncio.gather(
            *(self._sinks[route].deliver(event, nodes) for route, nodes, _ in destinations),
            # A destination that fails leaves the others alone: they shall have the message once.
            return_exceptions=True,
        )
        answers = []
        for (_, _, wait), result in zip(destinations, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            if wait:
                answers.append(result)
        return next(iter(answers), b"")

    async def aclose(self) -> None:
        """Close every sink once."""
        for sink in {id(sink): sink for sink in self._sinks}.values():
            await sink.aclose()


def build_sinks(settings: Settings) -> list[Sink]:
    """Make the sink of each route of the file; routes to one upstream share it.

    Raises ``ImportError`` or ``AttributeError`` for a function that is not there.
    """
    shared: dict[str, Sink] = {}
    sinks = []
    for route in settings.route:
        name = str(route.to)
        if name not in shared:
            shared[name] = _sink(settings, route.to.scheme, route.to.place)
        sinks.append(shared[name])
    return sinks


def _sink(settings: Settings, scheme: str, place: str) -> Sink:
    if scheme == "python":
        return FunctionSink.from_name(place)
    if scheme == "log":
        return LogSink()
    # Imported here: a gateway that calls nobody need not carry an HTTP client.
    from wxgate.sinks.http import HttpSink  # noqa: PLC0415

    if scheme == "http":
        return HttpSink([place])
    upstream = settings.upstream[place]
    return HttpSink(
        [node.url for node in upstream.nodes],
        timeout=upstream.timeout,
        concurrency=upstream.concurrency,
        headers={name: value.reveal() for name, value in upstream.headers.items()},
    )
