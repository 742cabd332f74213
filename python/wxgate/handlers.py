"""Handlers of the team's own, registered by decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from wxgate.sinks.function import Handler


class Registered(msgspec.Struct, frozen=True):
    """An async function and the messages it takes: the ``when`` of a route."""

    when: dict[str, list[str]]
    function: Handler


def conditions(account: str | None, type_: str | None, event: str | None) -> dict[str, list[str]]:
    """Write the arguments of ``Gateway.on`` as a ``when``."""
    given = {"account": account, "type": type_, "event": event}
    return {name: [value] for name, value in given.items() if value is not None}
