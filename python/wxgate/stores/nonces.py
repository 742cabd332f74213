"""Partners' nonces, none of which is accepted twice: by no worker, and not after a restart."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from wxgate import private
from wxgate.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS nonce (
    account TEXT NOT NULL, nonce TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (account, nonce)
) WITHOUT ROWID
"""
_SWEEP_EVERY = 1024


class Nonces:
    """A table shared by all workers of one machine."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ``sqlite3.Error`` or ``OSError``."""
        self._db = sqlite3.connect(private.file(path), timeout=1.0, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(_SCHEMA)
        self._claimed = 0

    def claim(self, account: str, nonce: str, until: int, now: int) -> bool:
        """Remember a nonce until ``until`` (ms); False if it is remembered already.

        Raises ``StoreError`` if it cannot be known.
        """
        try:
            return self._claim(account, nonce, until, now)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    def _claim(self, account: str, nonce: str, until: int, now: int) -> bool:
        self._claimed += 1
        if self._claimed % _SWEEP_EVERY == 0:
            self._db.execute("DELETE FROM nonce WHERE until < ?", (now,))
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO nonce VALUES (?, ?, ?)", (account, nonce, until)
        )
        return cursor.rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._db.close()
