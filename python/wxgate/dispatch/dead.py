"""Dead letters: what no destination takes is kept, until an operator replays or drops it.

One SQLite file beside the journal, for all workers and for the commands. Whatever is to be buried
in one tick of the event loop goes into one transaction, durable when it ends.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wxgate.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from wxgate.dispatch.letters import Letters
    from wxgate.dispatch.message import Letter

FILE = "dead.sqlite3"
"""Its name in the journal's folder."""


class Dead:
    """Buries letters. The file is opened with the first: sqlite3 costs 10 ms at the start."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        """Bury in the file at ``path``, sealed if there is a ``key``."""
        self._path = path
        self._key = key
        self._letters: Letters | None = None
        self._open: list[tuple[Letter, asyncio.Future[None]]] = []

    def bury(self, letter: Letter) -> asyncio.Future[None]:
        """Keep a letter; done means durable. Raises ``StoreError``."""
        loop = asyncio.get_running_loop()
        if not self._open:
            loop.call_soon(self._flush)
        future: asyncio.Future[None] = loop.create_future()
        self._open.append((letter, future))
        return future

    def _flush(self) -> None:
        burying, self._open = self._open, []
        error = self._keep([letter for letter, _ in burying])
        for _, future in burying:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def _keep(self, letters: list[Letter]) -> StoreError | None:
        try:
            if self._letters is None:
                from wxgate.dispatch.letters import Letters  # noqa: PLC0415 (see the class)

                self._letters = Letters(self._path, self._key)
            self._letters.bury(letters)
        except StoreError as error:
            return error
        return None

    def close(self) -> None:
        """Close the file."""
        if self._letters is not None:
            self._letters.close()
