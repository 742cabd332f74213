"""A gateway whose threads or windows are set otherwise: ``python otherwise.py WAY`` runs it.

Nothing here is a setting of the gateway's: each way changes one place before it starts.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from granian.constants import RuntimeModes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_EXCHANGE = "wxgate.stores.redis.exchange"


def main() -> None:
    """Change it, and serve."""
    WAYS[sys.argv[1]]()
    sys.exit(import_module("wxgate.cli").main(["serve"]))


def _as_it_is() -> None:
    """Change nothing: how far two alike are apart."""


def _granian(**options: object) -> None:
    """Set up granian with other options."""
    server: Any = vars(import_module("wxgate.serve"))["_Server"]
    begin = server.__init__

    def begin_otherwise(self: object, *args: object, **named: object) -> None:
        begin(self, *args, **named | options)

    server.__init__ = begin_otherwise


def _constant(module: str, name: str, value: object) -> None:
    changed = import_module(module)
    assert hasattr(changed, name), f"{module} has no {name} any more"
    setattr(changed, name, value)


def _journal_waits(seconds: float) -> None:
    """Have messages wait for others before they go to the journal, not for the turn's end alone."""
    recorder: Any = import_module("wxgate.record").Recorder
    begin = recorder.__init__

    def begin_otherwise(self: Any, *args: object, **named: object) -> None:  # noqa: ANN401
        begin(self, *args, **named)
        vars(self)["_loop"] = _Patient(vars(self)["_loop"], seconds)

    recorder.__init__ = begin_otherwise


class _Patient:
    """A loop that calls later what should be called soon."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self.call_soon = partial(loop.call_later, seconds)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)


WAYS: dict[str, Callable[[], None]] = {
    "as it is, another one": _as_it_is,
    "two I/O threads, a runtime each": partial(_granian, runtime_threads=2),
    "two I/O threads, one runtime": partial(
        _granian, runtime_threads=2, runtime_mode=RuntimeModes.mt
    ),
    "one I/O thread, a runtime for many": partial(_granian, runtime_mode=RuntimeModes.mt),
    "one call to Redis open": partial(_constant, _EXCHANGE, "_OPEN", 1),
    "four calls to Redis open": partial(_constant, _EXCHANGE, "_OPEN", 4),
    "16 claims a call": partial(_constant, "wxgate.stores.redis.run", "CAPACITY", 16),
    "notes linger 0 ms": partial(_constant, _EXCHANGE, "_LINGER_S", 0.0),
    "notes linger 2 ms": partial(_constant, _EXCHANGE, "_LINGER_S", 0.002),
    "notes linger 10 ms": partial(_constant, _EXCHANGE, "_LINGER_S", 0.010),
    "the journal waits 1 ms": partial(_journal_waits, 0.001),
    "the journal waits 3 ms": partial(_journal_waits, 0.003),
}


if __name__ == "__main__":
    main()
