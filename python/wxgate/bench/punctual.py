"""A player that is on time on a machine that it shares with what it plays against."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOWEST = 1
"""Of the real-time priorities: any goes before all that have none."""


class NotFirstError(ValueError):
    """The system does not let the player go first."""


@contextmanager
def punctual() -> Iterator[None]:
    """Have this thread go before all others (``SCHED_FIFO``) as long as this lasts.

    WeChat, whom it plays, waits for no processor of ours. Threads that it starts do not inherit it:
    they would keep the gateway from the processors while they sign. Raises ``NotFirstError``
    without the right to it, or where there is no such policy.
    """
    if not hasattr(os, "SCHED_FIFO"):
        reason = "the player cannot go first here: this system has no SCHED_FIFO"
        raise NotFirstError(reason)
    before, param = os.sched_getscheduler(0), os.sched_getparam(0)
    first = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, first, os.sched_param(_LOWEST))
    except OSError as error:
        reason = f"the player may not go first, which takes root or CAP_SYS_NICE: {error.strerror}"
        raise NotFirstError(reason) from error
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, param)


def why_not() -> str | None:
    """Return why a player may not go first here, or None if it may."""
    try:
        with punctual():
            return None
    except NotFirstError as error:
        return str(error)
