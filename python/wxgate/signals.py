"""The parent's signals, heard by a thread that waits for them.

A handler runs in the middle of whatever the main thread does. Granian's main thread waits on a
``threading.Event`` which its handler sets: a signal that comes while the main thread holds that
event's lock waits for it for ever, and each further one on top of it.
"""

from __future__ import annotations

import signal
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD = STOPS | {signal.SIGHUP}


def hold() -> None:
    """Keep signals waiting from now on, here and in every process that is forked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)


def release_stops() -> None:
    """Let stop signals in, what has waited first. For a worker whose loop can hear them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def listen(stop: Callable[[], object], reload: Callable[[], object]) -> None:
    """Call one of them for each signal, on a thread, until the process ends. Call ``hold`` first.

    What comes while the process leaves stays unheard: it must not turn the exit code of a clean
    stop into that of a kill.
    """
    Thread(target=_listen, args=(stop, reload), name="wxgate-signals", daemon=True).start()


def _listen(stop: Callable[[], object], reload: Callable[[], object]) -> None:
    while True:
        heard = signal.sigwait(_HEARD)
        if heard in STOPS:
            stop()
        else:
            reload()
