"""Lua scripts: what must be one step on the server."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING

from hiredis import pack_command

from wxgate.redis.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Word = str | bytes | int


class Script:
    """Called by its digest, and sent whole where the server does not know it (any more)."""

    def __init__(self, source: str) -> None:
        """Compute the digest."""
        self.source = source
        self.digest = sha1(source.encode(), usedforsecurity=False).hexdigest()
        self.head = b"\r\n$7\r\nEVALSHA" + bulk(self.digest.encode())
        """How a call by digest names it."""
        self._whole = b"\r\n$4\r\nEVAL" + bulk(source.encode())

    def write(self, keys: Sequence[Word], arguments: Iterable[Word]) -> bytes:
        """Write a call by digest."""
        words = ("EVALSHA", self.digest, len(keys), *keys, *arguments)
        written: bytes = pack_command(words)  # type: ignore[arg-type] # its stub knows one word
        return written

    def whole(self, written: bytes) -> bytes:
        """Write the same call with the script itself."""
        return written.replace(self.head, self._whole, 1)
