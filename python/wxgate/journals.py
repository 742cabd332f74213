"""Which journal a worker writes, how it is opened, and what is taken over from it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import msgspec
from wxcore import Journal, JournalError, JournalReader

from wxgate.settings.problems import Problem
from wxgate.sinks import Recalling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wxcore._wxcore import Gateway as Core

    from wxgate.dispatch import Place
    from wxgate.dispatch.message import Routed, Stored
    from wxgate.flights import Flights
    from wxgate.settings.journal import Journal as Table
    from wxgate.stores import Claims

_HOUR_MS = 3_600_000
_YOUNG_MS = 30_000
"""Answers to older messages interest nobody any more."""
_LOOK_BACK = 20_000
"""Messages before the last that may still be young: a backlog of millions is not read through."""
_BATCH = 1024
_BATCH_BYTES = 4 * 1024 * 1024


def folder(table: Table, worker: int) -> Path:
    """Return the folder of a worker: of its place, so that a successor finds it."""
    return Path(table.dir) / f"{worker:02}"


def open_journal(table: Table, place: Path, names: Sequence[str], now: int) -> Journal:
    """Open or create the journal in ``place`` at ``now`` (ms). Raises ``wxcore.JournalError``."""
    options = {
        "segment_bytes": table.segment,
        "durability": table.durability,
        "max_bytes": table.max_bytes,
        "retain_ms": round(table.retain * _HOUR_MS),
        "retain_bytes": table.retain_bytes,
        # A name may be a text of its own class, which msgspec would not write.
        "destinations": [str(name) for name in names],
    }
    return Journal(str(place), msgspec.json.encode(options), raw_key(table), now)


def left_behind(table: Table, workers: int) -> list[Path]:
    """Folders of workers that there were once, when there were more of them."""
    found = Path(table.dir).glob("[0-9][0-9]*")
    return sorted(one for one in found if one.name.isdigit() and int(one.name) >= workers)


def raw_key(table: Table) -> bytes | None:
    """Return the 32 bytes that seal at rest, if the operator asks for it."""
    return None if table.key is None else table.key.raw


def standing_place(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.exists())


def unfit(table: Table) -> Problem | None:
    """Say what keeps a gateway from using the journal's folder, if anything; leaves no trace.

    A worker would say it in a traceback, and be started again.
    """
    folder = Path(table.dir).absolute()
    place = standing_place(folder)
    try:
        with TemporaryFile(dir=place):
            pass
        if place == folder:
            # Asks for nothing, but has the key tried on every segment.
            JournalReader(str(folder), raw_key(table)).find(id="-", limit=1)
    except JournalError as error:
        if error.code == "key":
            return Problem(
                "journal.key", str(error), "expected the key that the journal was begun with"
            )
        # Whatever else it is, a start repairs it, or says it better than a look from outside.
        return None
    except OSError as error:
        reason = f"{folder} cannot be used: {place}: {error.strerror or error}"
        return Problem("journal.dir", reason, "expected a folder that this user may write")
    return None


def nodes_of(core: Core, places: Sequence[int]) -> Callable[[int, Routed], Sequence[int]]:
    """Return what finds the nodes of a message that was read back, by the ring of today.

    ``places`` is for each route the journal's index of its destination.
    """
    routes = {place: route for route, place in reversed(list(enumerate(places)))}

    def nodes(destination: int, stored: Routed) -> Sequence[int]:
        route = routes[destination]
        # What an upstream hashes by may be a field: it stands in the event.
        keys = (stored.key, stored.account, stored.id, stored.seq)
        return core.nodes(route, *keys, stored.event)

    return nodes


def lend(places: Iterable[Place], folder: Path, key: bytes | None) -> None:
    """Let destinations that may have to deliver again read the journal in ``folder``."""
    for one in places:
        if isinstance(one.sink, Recalling):
            one.sink.open(partial(_read_back, folder, key))


def _read_back(place: Path, key: bytes | None, seqs: Sequence[int]) -> list[Stored]:
    reader = JournalReader(place, key)
    found = (reader.get(place.name, seq) for seq in seqs)
    return [one for one in found if one is not None]


def recall(
    journal: Journal, claims: Claims, flights: Flights, answering: Iterable[int], now: int
) -> None:
    """Remember what earlier processes have seen, and wait for the answers that they waited for.

    ``answering`` are the destinations that are waited for, by the journal's index.
    """
    for key, until, answer in journal.claims():
        claims.restore(key, until, answer)
    start = max(0, journal.stats()["next"] - _LOOK_BACK)
    for destination in sorted(answering):
        stored, after = journal.read(destination, start, _BATCH, _BATCH_BYTES)
        while stored:
            young = [one for one in stored if one.wait and one.accepted > now - _YOUNG_MS]
            flights.resume(young, destination)
            stored, after = journal.read(destination, after, _BATCH, _BATCH_BYTES)
