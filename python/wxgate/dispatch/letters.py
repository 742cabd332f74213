"""The file of dead letters, for one process among several."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from wxgate import private
from wxgate.dispatch.message import Letter
from wxgate.dispatch.seal import Seal
from wxgate.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

State = Literal["buried", "replayed", "dropped"]

_BUSY = 0.25
"""Seconds to wait for another process: burying waits on the event loop."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL, destination TEXT NOT NULL, account TEXT NOT NULL, type TEXT NOT NULL,
    subject TEXT, key TEXT NOT NULL, accepted INTEGER NOT NULL, buried INTEGER NOT NULL,
    reason TEXT NOT NULL, attempts INTEGER NOT NULL, event BLOB NOT NULL, sealed INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'buried',
    UNIQUE (id, destination)
)
"""
_COLUMNS = "id, destination, account, type, subject, key, accepted, buried, reason, attempts, event"
# Buried again after a crash between here and the journal: the same letter, not a second one.
_BURY = f"""
INSERT INTO letter ({_COLUMNS}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id, destination) DO UPDATE SET
    buried = excluded.buried, reason = excluded.reason, attempts = excluded.attempts,
    event = excluded.event, sealed = excluded.sealed, state = 'buried'
"""  # noqa: S608 (of constants)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant; what is None does not matter."""

    id: str | None = None
    account: str | None = None
    destination: str | None = None
    type: str | None = None
    since: int | None = None
    """Buried at or after, in milliseconds since 1970."""
    until: int | None = None
    """Buried before."""
    state: State | None = "buried"

    def where(self) -> tuple[str, list[Any]]:
        """Write it as SQL, with its values apart."""
        conditions = {
            "id = ?": self.id,
            "account = ?": self.account,
            "destination = ?": self.destination,
            "type = ?": self.type,
            "buried >= ?": self.since,
            "buried < ?": self.until,
            "state = ?": self.state,
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        return " AND ".join(given) or "TRUE", list(given.values())


class Entry(msgspec.Struct, frozen=True):
    """A letter in its place."""

    number: int
    state: State
    letter: Letter


class Letters:
    """A table that gateways bury in while commands read and mark it."""

    def __init__(self, path: Path, key: bytes | None = None, *, patience: float = _BUSY) -> None:
        """Open or create the file, for its owner alone; seal and unseal with ``key``.

        Wait ``patience`` seconds for other processes at most. Raises ``StoreError``.
        """
        self._seal = None if key is None else Seal(key)
        with _as_store_error(path):
            self._db = sqlite3.connect(private.file(path), timeout=patience, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_SCHEMA)
        self._path = path

    def bury(self, letters: Iterable[Letter]) -> None:
        """Keep letters, all or none, durably. Raises ``StoreError``."""
        rows = [self._row(letter) for letter in letters]
        with _as_store_error(self._path), self._transaction():
            self._db.executemany(_BURY, rows)

    def find(self, query: Query, limit: int = -1) -> Iterator[Entry]:
        """Yield letters in the order of their burial. Raises ``StoreError``."""
        where, values = query.where()
        sql = (
            f"SELECT number, state, sealed, {_COLUMNS} FROM letter "  # noqa: S608 (of constants)
            f"WHERE {where} AND number > ? ORDER BY number LIMIT 1"
        )
        number = 0
        # One by one: a reader that is slow, such as a replay, must hold no transaction open.
        while limit != 0:
            with _as_store_error(self._path):
                row = self._db.execute(sql, (*values, number)).fetchone()
            if row is None:
                return
            number = row[0]
            limit -= 1
            yield self._entry(row)

    def count(self, query: Query) -> int:
        """Return how many there are. Raises ``StoreError``."""
        where, values = query.where()
        sql = f"SELECT count(*) FROM letter WHERE {where}"  # noqa: S608 (of constants)
        with _as_store_error(self._path):
            (count,) = self._db.execute(sql, values).fetchone()
        return int(count)

    def mark_replayed(self, number: int) -> None:
        """Note that a letter was taken after all. Raises ``StoreError``."""
        with _as_store_error(self._path):
            self._db.execute("UPDATE letter SET state = 'replayed' WHERE number = ?", (number,))

    def drop(self, query: Query) -> int:
        """Forget what letters say, keeping that they were there; return how many. As above."""
        where, values = query.where()
        sql = f"UPDATE letter SET state = 'dropped', event = x'' WHERE {where}"  # noqa: S608
        with _as_store_error(self._path):
            return self._db.execute(sql, values).rowcount

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _row(self, letter: Letter) -> tuple[Any, ...]:
        *rest, event = msgspec.structs.astuple(letter)
        if self._seal is not None:
            event = self._seal.close(event, _name(letter.id, letter.destination))
        return (*rest, event, self._seal is not None)

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        number, state, sealed, *fields = row
        letter = Letter(*fields)
        if sealed and letter.event:
            if self._seal is None:
                reason = f"{self._path} is sealed: journal.key is missing"
                raise StoreError(reason)
            event = self._seal.open(letter.event, _name(letter.id, letter.destination))
            letter = msgspec.structs.replace(letter, event=event)
        return Entry(number, state, letter)


def fates(path: Path, messages: Iterable[str]) -> dict[str, dict[str, State]]:
    """Say which messages, by id, were given up where, and what became of them; writes nothing.

    Of a file that is not there none. Raises ``StoreError``.
    """
    if not path.exists():
        return {}
    with _as_store_error(path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY)
        try:
            sql = "SELECT destination, state FROM letter WHERE id = ?"
            return {one: dict(db.execute(sql, (one,))) for one in messages}
        finally:
            db.close()


def _name(message: str, destination: str) -> str:
    return f"{message} {destination}"


@contextmanager
def _as_store_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = f"{path}: {error}"
        raise StoreError(reason) from error
