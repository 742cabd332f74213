"""The limits of several workers of one machine, counted together in one file."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from wxcore import Limits as OwnLimits
from wxcore import decide

from wxgate import private

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxcore._wxcore import Received

    from wxgate.stores import Denied

    Limit = tuple[bytes, int, int, int]
    """Key, interval, tolerance (both µs), rule: as ``Received.limits`` has them."""

_LOG = logging.getLogger("wxgate.admit")
_SCHEMA = "CREATE TABLE IF NOT EXISTS tat (key BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"
_SWEEP_EVERY = 4096
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_HOUR_S = 3600


class SharedLimits:
    """One table for all workers of a machine; decides exactly as ``wxcore.Limits`` does.

    While the file fails, each worker counts for itself, with its part of every limit. Limits of
    concurrency are each worker's own. Times are microseconds of the machine's monotonic clock: what
    is in the file from before the machine was started anew means nothing, and is dropped.
    """

    def __init__(self, path: Path, capacity: int, workers: int, parts: int) -> None:
        """Open or create the file. Raises ``sqlite3.Error`` or ``OSError``.

        ``capacity`` is the number of keys that a worker remembers by itself, ``parts`` among how
        many machines each limit is divided.
        """
        self._db = sqlite3.connect(private.file(path), timeout=1.0, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_SCHEMA)
        self._drop_what_another_clock_wrote()
        self._open = OwnLimits(capacity)
        self._alone = OwnLimits(capacity, workers * parts)
        self._parts = parts
        self._asked = 0

    def admit(self, message: Received, now: int) -> Denied | None:
        """Let a message pass all its limits at ``now`` (µs), or none: then, which denies it."""
        if denied := self.hold(message):
            return denied
        denied = self._count(message.limits, now)
        if denied:
            self.leave(message)
        return denied

    def hold(self, message: Received) -> Denied | None:
        """Have it take its places under limits of concurrency, all or none: then, which is full."""
        return self._open.hold(message)

    def note(self, message: Received, now: int) -> None:
        """Forget that its rates let it pass elsewhere: workers that are alone begin anew."""

    def leave(self, message: Received) -> None:
        """Free the places of a message under limits of concurrency."""
        self._open.leave(message)

    def _drop_what_another_clock_wrote(self) -> None:
        """Or its keys would be over their limits for as long as the machine was up before."""
        boot = _boot()
        self._db.execute("BEGIN IMMEDIATE")
        if self._db.execute("PRAGMA user_version").fetchone() != (boot,):
            self._db.execute("DELETE FROM tat")
            self._db.execute(f"PRAGMA user_version = {boot}")
        self._db.execute("COMMIT")

    def _count(self, limits: Sequence[Limit], now: int) -> Denied | None:
        if not limits:
            return None
        try:
            return self._transact(limits, now)
        except sqlite3.Error:
            _LOG.exception("the limits that workers share cannot be counted")
            denied = self._alone.acquire(limits, now)
            return denied and (limits[denied[0]][3], denied[1])

    def _transact(self, limits: Sequence[Limit], now: int) -> Denied | None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            return self._decide(limits, now)
        finally:
            self._db.execute("COMMIT")

    def _decide(self, limits: Sequence[Limit], now: int) -> Denied | None:
        passed = []
        denied = None
        for key, interval, tolerance, rule in limits:
            row = self._db.execute("SELECT at FROM tat WHERE key = ?", (key,)).fetchone()
            tat, wait = decide(row and row[0], *self._part(interval, tolerance), now)
            if tat is None:
                denied = (denied[0], max(denied[1], wait)) if denied else (rule, wait)
            passed.append((key, tat))
        if denied is None:
            self._db.executemany("INSERT OR REPLACE INTO tat VALUES (?, ?)", passed)
        self._sweep(now)
        return denied

    def _part(self, interval: int, tolerance: int) -> tuple[int, int]:
        burst = (tolerance // interval + 1) // self._parts
        interval *= self._parts
        return interval, interval * max(0, burst - 1)

    def _sweep(self, now: int) -> None:
        self._asked += 1
        if self._asked % _SWEEP_EVERY == 0:
            self._db.execute("DELETE FROM tat WHERE at <= ?", (now,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _boot() -> int:
    """Return a number that is another one once the machine, and so its clock, has started anew."""
    try:
        boot = _BOOT_ID.read_text()
    except OSError:
        # Not Linux: the hour in which the clock began. Taken for another one it costs a burst.
        boot = str(round((time.time() - time.monotonic()) / _HOUR_S))
    return crc32(boot.encode()) >> 1
