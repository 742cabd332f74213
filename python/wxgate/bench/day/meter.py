"""What each process of the day uses: CPU seconds and memory."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from redis import Redis

from wxgate.bench import usage
from wxgate.settings.redis import RedisUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MB = 1e6
_MILLION = 1_000_000
_BLOCK = 512
"""Bytes, as ``stat`` counts them whatever the file system."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has used."""

    name: str
    cpu: float
    """Seconds."""
    rss: float
    """MB resident at the end."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """What is resident, and what lies on the disk, after so many messages."""

    messages: int
    mb: dict[str, float]
    """By process; the journal's files as ``journal``."""


class Marks:
    """Looks at sizes after each tenth of a day, and after the first million messages."""

    def __init__(self, messages: int, sizes: Callable[[], dict[str, float]]) -> None:
        """``sizes`` are MB by what they are of."""
        tenths = {messages * tenth // 10 for tenth in range(1, 10)}
        self._due = sorted(tenths | ({_MILLION} if messages > _MILLION else set()))
        self._sizes = sizes
        self.seen: list[Sizes] = []

    def look(self, messages: int) -> None:
        """Hear how far the day is, once a second."""
        if self._due and messages >= self._due[0]:
            self._due = [mark for mark in self._due if mark > messages]
            self.seen.append(Sizes(messages=messages, mb=self._sizes()))


class Meter:
    """Reads the processes of a gateway, a far end and this one, and a Redis if there is one."""

    def __init__(self, gateway: int, far_end: int, redis: str | None, journal: Path) -> None:
        """Begin now. Raises ``redis.RedisError`` if it cannot be asked."""
        self._gateway = gateway
        self._far_end = far_end
        self._journal = journal
        self._redis = None if redis is None else _client(redis)
        self._began = dict(self._spent())

    def costs(self, player: float) -> list[Cost]:
        """What was used since the beginning; the ``player`` tells its own CPU seconds."""
        costs = [
            Cost(name=name, cpu=cpu - self._began.get(name, (0.0, 0.0))[0], rss=rss)
            for name, (cpu, rss) in self._spent()
        ]
        return [*costs, Cost(name="player", cpu=player, rss=_rss(os.getpid()))]

    def sizes(self) -> dict[str, float]:
        """MB by process, and of the journal."""
        sizes = {name: rss for name, (_, rss) in self._spent()}
        return sizes | {"player": _rss(os.getpid()), "journal": _on_disk(self._journal)}

    def _spent(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """CPU seconds and MB, by name."""
        parent, *children = usage.family(self._gateway)
        yield "gateway, parent", (usage.own_cpu_seconds(parent), _rss(parent))
        for number, child in enumerate(children, 1):
            name = f"gateway, worker {number}"
            with suppress(OSError):  # it has ended since
                yield name, (usage.own_cpu_seconds(child), _rss(child))
        yield "far end", (usage.cpu_seconds(self._far_end), _rss(self._far_end))
        if self._redis is not None:
            cpu, memory = self._redis.info("cpu"), self._redis.info("memory")
            spent = float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
            yield "redis", (spent, float(memory["used_memory_rss"]) / _MB)


def _rss(pid: int) -> float:
    return usage.memory(pid).rss


def _on_disk(folder: Path) -> float:
    sizes = []
    for file in folder.rglob("*"):
        with suppress(OSError):  # a segment that has been deleted since
            sizes.append(file.stat().st_blocks * _BLOCK)
    return sum(sizes) / _MB


def _client(text: str) -> Redis:
    """Connect to what ``play`` has found to be one server."""
    ((host, port),) = RedisUrl.parse(text).nodes
    if not port:
        return Redis(unix_socket_path=host, protocol=2)
    return Redis(host=host, port=port, protocol=2)
