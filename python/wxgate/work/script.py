"""Scripts over the connections of workers, which also read and wait there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from wxgate.redis import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.redis.script import Word
    from wxgate.work.connect import Client


class Script(script.Script):
    """One that workers run."""

    async def __call__(self, client: Client, keys: Sequence[str], arguments: Sequence[Word]) -> Any:  # noqa: ANN401 (whatever the script returns)
        """Run it; all ``keys`` in one slot. Raises ``redis.RedisError``."""
        try:
            return await client.evalsha(self.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.eval(self.source, len(keys), *keys, *arguments)
