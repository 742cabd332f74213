"""How the nodes of a running gateway stand, asked at its operator's listener."""

from __future__ import annotations

import contextlib
import http.client
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from wxgate.settings import Settings

_PATIENCE_S = 1.0


class _Node(msgspec.Struct):
    name: str
    state: str


class _Destination(msgspec.Struct):
    name: str
    nodes: list[_Node] = []


class _Report(msgspec.Struct):
    destinations: list[_Destination]


def standing(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the state of each node by destination and name; empty if no gateway answers.

    It is that of the worker that happens to answer: each learns for itself.
    """
    address = settings.server.admin
    if address is None:
        return {}
    line = http.client.HTTPConnection(address.host, address.port, timeout=_PATIENCE_S)
    with contextlib.closing(line), contextlib.suppress(OSError, http.client.HTTPException):
        line.request("GET", "/readyz")
        with contextlib.suppress(msgspec.DecodeError):
            report = msgspec.json.decode(line.getresponse().read(), type=_Report)
            return {
                one.name: {node.name: node.state for node in one.nodes}
                for one in report.destinations
            }
    return {}
