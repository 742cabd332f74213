"""Claims of several workers of one machine: the same states as ``wxcore.Claims``, in one file.

The file outlives a crash of any worker; a power cut may empty it, and the journals fill it again.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from typing import TYPE_CHECKING

from wxgate.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from wxcore._wxcore import Received

_LOG = logging.getLogger("wxgate.admit")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS claim (
    key BLOB PRIMARY KEY, until INTEGER NOT NULL, done INTEGER NOT NULL, answer BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS expiry ON claim (until);
"""
_LEASE_MS = 4_000
"""Shorter than the 5 s after which WeChat tries again: who died with a lease has lost nothing."""
_SWEEP_EVERY = 1024


class SharedClaims:
    """One table for all workers of a machine.

    Only ``claim`` raises ``StoreError``; a note that cannot be written is logged: its lease ends.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ``sqlite3.Error`` or ``OSError``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)
        self._claimed = 0

    def claim(self, message: Received, now: int) -> bytes | bool:
        """Ask for a message at ``now`` (ms); see ``wxcore.Claims.claim``."""
        self._claimed += 1
        if self._claimed % _SWEEP_EVERY == 0:
            self._write("DELETE FROM claim WHERE until < ?", (now,))
        key = _key(message.id)
        # One statement decides, whoever else asks at the same time.
        taken = self._write(
            "INSERT INTO claim VALUES (?1, ?2, 0, x'') ON CONFLICT (key) DO UPDATE "
            "SET until = ?2, done = 0, answer = x'' WHERE until <= ?3",
            (key, now + _LEASE_MS, now),
        )
        if taken:
            return True
        row = self._read("SELECT done, answer FROM claim WHERE key = ?", (key,))
        return row is not None and bool(row[0]) and bytes(row[1])

    def complete(self, messages: list[Received], now: int) -> None:
        """Note that messages are done at ``now`` (ms)."""
        for message in messages:
            self.restore(_key(message.id), now + message.lifetime, b"")

    def answer(self, message: Received, answer: bytes, now: int) -> tuple[bytes, int]:
        """Note that a message is done, and its answer; return its key and the end of its life."""
        key, until = _key(message.id), now + message.lifetime
        self.restore(key, until, answer)
        return key, until

    def pending(self, message: Received, now: int) -> None:
        """Note that a message is on disk and its answer still to come: nobody may have it anew."""
        self.lease(message.id, now + message.lifetime)

    def lease(self, message_id: str, until: int) -> bytes:
        """Take a message that is on disk, but unfinished, until ``until`` (ms)."""
        key = _key(message_id)
        self._note("INSERT OR REPLACE INTO claim VALUES (?, ?, 0, x'')", (key, until))
        return key

    def abandon(self, message: Received) -> None:
        """Give a message back that is not recorded."""
        self._note("DELETE FROM claim WHERE key = ? AND NOT done", (_key(message.id),))

    def restore(self, key: bytes, until: int, answer: bytes) -> None:
        """Note that a message is done until ``until`` (ms)."""
        self._note("INSERT OR REPLACE INTO claim VALUES (?, ?, 1, ?)", (key, until, answer))

    def done(self, part: int, parts: int) -> list[tuple[bytes, int, bytes]]:
        """Return one of ``parts`` equal parts of what is done: key, end of life (ms), answer."""
        first, end = ((at << 16) // parts for at in (part, part + 1))
        last = b"\xff" * 17 if part + 1 == parts else end.to_bytes(2, "big")
        query = "SELECT key, until, answer FROM claim WHERE done AND key >= ? AND key < ?"
        try:
            return self._db.execute(query, (first.to_bytes(2, "big"), last)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    def __len__(self) -> int:
        """How many messages are remembered; 0 if the file does not answer."""
        try:
            row = self._read("SELECT count(*), x'' FROM claim", ())
        except StoreError:
            return 0
        return row[0] if row else 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _note(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.Error:
            _LOG.exception("the store of claims cannot be written")

    def _write(self, statement: str, values: tuple[object, ...]) -> int:
        try:
            return self._db.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    def _read(self, statement: str, values: tuple[object, ...]) -> tuple[int, bytes] | None:
        try:
            row: tuple[int, bytes] | None = self._db.execute(statement, values).fetchone()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error
        return row


def _key(message_id: str) -> bytes:
    """As ``wxcore`` keys its claims: the journals hold these."""
    return hashlib.sha256(message_id.encode()).digest()[:16]
