"""Lua scripts: what must be one step on the server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.streams.connect import Client


class Script:
    """Runs by its digest, and is sent whole where the server does not know it (any more)."""

    def __init__(self, source: str) -> None:
        """Compute the digest."""
        self.source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(
        self, client: Client, keys: Sequence[str], arguments: Sequence[str | bytes | int]
    ) -> Any:  # noqa: ANN401 (whatever the script returns)
        """Run it; all ``keys`` in one slot. Raises ``redis.RedisError``."""
        try:
            return await client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.eval(self.source, len(keys), *keys, *arguments)
