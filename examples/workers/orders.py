# ruff: noqa: INP001 (a script, in no package)
"""What workers do with a message: `wxgate work stream:wechat --to python:orders:handle`."""

import sys

from wxgate import Event


async def handle(event: Event) -> None:
    """Handle one message; an exception means that it comes again."""
    sys.stdout.write(f"{event.type} {event.subject} {event.text}\n")
    sys.stdout.flush()
