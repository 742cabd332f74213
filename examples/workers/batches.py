# ruff: noqa: INP001 (a script, in no package)
"""The same as a program of one's own, which takes messages in batches."""

import asyncio
import sys

import wxgate


async def main() -> None:
    """Consume until SIGTERM."""
    async for batch in wxgate.consume("stream:wechat", group="archive"):
        for event in batch:
            sys.stdout.write(f"{event.type} {event.subject} {event.text}\n")


if __name__ == "__main__":
    asyncio.run(main())
