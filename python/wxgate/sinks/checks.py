"""Asking nodes how they are: a GET each, all at once, again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec

from wxgate.sinks.connection import ExchangeError
from wxgate.sinks.origin import Address, field
from wxgate.sinks.pool import ConnectError, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TAKEN = range(200, 300)
_JITTER = 0.2
"""Of the time between rounds, so that workers do not ask in step."""


class Schedule(msgspec.Struct, frozen=True):
    """What is asked, and when."""

    path: str
    every: float = 5.0
    """Seconds between rounds."""
    timeout: float = 1.0
    """Seconds for an answer."""


class Checked(Protocol):
    """Who is told."""

    def __call__(self, at: int, *, ok: bool) -> None:
        """Take note of whether the node of this index is well."""


class Checks:
    """Asks until it is closed."""

    def __init__(
        self,
        nodes: Sequence[tuple[Address, Pool]],
        schedule: Schedule,
        checked: Checked,
        random: Callable[[], float],
    ) -> None:
        """Tell ``checked`` after each answer, or for want of one. Ask nothing before ``start``."""
        self._nodes = [(pool, _request(address, schedule.path)) for address, pool in nodes]
        self._schedule = schedule
        self._checked = checked
        self._random = random
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with the first round; to be called inside the event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await asyncio.gather(*(self._check(at) for at in range(len(self._nodes))))
            pause = self._schedule.every * (1 + _JITTER * (self._random() - 0.5))
            await asyncio.sleep(pause)

    async def _check(self, at: int) -> None:
        pool, request = self._nodes[at]
        deadline = asyncio.get_running_loop().time() + self._schedule.timeout
        try:
            # On a connection of its own: whether it accepts is a part of the question.
            answer = await pool.exchange(request, deadline, fresh=True)
        except (ConnectError, ExchangeError):
            self._checked(at, ok=False)
        else:
            self._checked(at, ok=answer.status in _TAKEN)


def _request(address: Address, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1\r\n",
        field("host", address.authority),
        "connection: close\r\n\r\n",
    )
    return "".join(lines).encode("latin-1")
