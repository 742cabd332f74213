"""Which journal a worker writes, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from wxcore import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.settings.journal import Journal as Table

_HOUR_MS = 3_600_000


def folder(table: Table, worker: int) -> Path:
    """The folder of a worker: its place, not its process, so that a successor finds it."""
    return Path(table.dir) / f"{worker:02}"


def open_journal(
    table: Table, place: Path, destinations: Sequence[str], routes: Sequence[int], now: int
) -> Journal:
    """Open or create the journal in ``place`` at ``now`` (ms).

    ``destinations`` are names; ``routes`` has for each route the index of its destination. Raises
    ``wxcore.JournalError``.
    """
    place.mkdir(parents=True, exist_ok=True)
    options = {
        "segment_bytes": table.segment,
        "durability": table.durability,
        "max_bytes": table.max_bytes,
        "retain_ms": round(table.retain * _HOUR_MS),
        "retain_bytes": table.retain_bytes,
        "destinations": list(destinations),
        "routes": list(routes),
    }
    key = None if table.key is None else table.key.raw
    return Journal(str(place), msgspec.json.encode(options), key, now)
