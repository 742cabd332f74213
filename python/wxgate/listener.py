"""What granian's listener lacks: a caller that takes nothing of its answers is let go."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

STUCK_MS = 10_000
"""Milliseconds in which something of what was sent to a caller must have arrived.

Timeouts of granian's end with a request. Its answer is the kernel's to deliver, which asks whoever
takes nothing when it will, for ever: a place that is never given back.
"""


def serve_with_bounds(
    serve: Callable[..., Any],
    number: int,
    name: str | None,
    load: Callable[[], Any],
    sock: tuple[tuple[Any, Any], Any],
    *rest: Any,  # noqa: ANN401 (granian's)
) -> Any:  # noqa: ANN401
    """Run a worker of granian's on a listener whose connections inherit the bound."""
    (spec, holder), shared = sock
    if spec is not None:
        # Built here rather than by ``serve``, in the same process: each worker has its own.
        holder = spec.build()
        bound(holder.get_fd())
    return serve(number, name, load, ((None, holder), shared), *rest)


def bound(descriptor: int) -> None:
    """Have the kernel end connections of a listener on which what was sent does not arrive."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MS)
