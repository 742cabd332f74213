"""What gateways under a prefix have left in a Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate.work.connect import Client


async def remove(client: Client, prefix: str) -> None:
    """Remove all keys that have it in their names, the claims that would end by themselves too."""
    cursor = None
    while cursor != 0:
        # A payment's claim stays for a day: there are a million of them after a whole one.
        cursor, keys = await client.scan(cursor or 0, match=f"*{prefix}*", count=10_000)
        if keys:
            await client.unlink(*keys)
