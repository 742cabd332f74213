"""Workers that die are started again, ever later, for as long as it takes."""

from __future__ import annotations

import logging
import mmap
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from granian.server.mp import MPServer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

_FIRST_S = 0.5
"""Seconds before the second start in a row; the first comes at once, each further doubles it."""
_MOST_S = 30.0
_SOUND_S = 60.0
"""Seconds after which a worker has forgotten how its predecessors ended."""

_log = logging.getLogger(__name__)


class Crashes(msgspec.Struct):
    """How often a worker has died in a row."""

    count: int = 0

    def pause(self, lived: float) -> float:
        """Count one more, of a worker that ``lived`` so many seconds; the seconds to wait."""
        self.count = 1 if lived >= _SOUND_S else self.count + 1
        if self.count == 1:
            return 0.0
        return float(min(_MOST_S, _FIRST_S * 2.0 ** min(self.count - 2, 16)))


class RespawningServer(MPServer):
    """Granian's, which ends with two crashes within 5.5 seconds only if no worker ever started.

    Then it is the configuration or the disk, and whoever started it has to know. Later, others may
    serve on, and senders try again: giving up would turn one bad worker into an outage.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (granian's)
        """Make it as granian's."""
        super().__init__(*args, **kwargs)
        self._served = memoryview(mmap.mmap(-1, 1))
        self._crashes = [Crashes() for _ in range(self.workers)]
        self.gone: Callable[[int], None] = lambda _: None
        """Told the process id of each worker that has died, before its successor starts."""

    def _spawn_worker(  # type: ignore[override]  # as MPServer's, which its base differs from
        self,
        idx: int,
        target: Any,  # noqa: ANN401
        callback_loader: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        loader = partial(_reporting, callback_loader, self._served)
        return super()._spawn_worker(idx, target, loader)

    def _respawn_workers(
        self,
        workers: Iterable[int],
        spawn_target: Any,  # noqa: ANN401
        target_loader: Any,  # noqa: ANN401
        delay: float = 0,
    ) -> None:
        start = partial(
            super()._respawn_workers,
            spawn_target=spawn_target,
            target_loader=target_loader,
            delay=delay,
        )
        if self._served[0]:
            self._in_turn(list(workers), start)
        else:
            start(workers)

    def _in_turn(self, workers: list[int], start: Callable[[list[int]], None]) -> None:
        """Start each when it is due, also those that die meanwhile, unless a stop comes first."""
        waiting: dict[int, float] = {}
        self._queue(waiting, workers)
        while waiting and not self.interrupt_signal:
            now = time.monotonic()
            if due := [idx for idx, at in waiting.items() if at <= now]:
                start(due)
                for idx in due:
                    del waiting[idx]
            elif self.main_loop_interrupt.wait(min(waiting.values()) - now):
                self.main_loop_interrupt.clear()
                self._queue(waiting, self._dead())
        # Granian's own rule is for servers that never served.
        self.respawned_wrks.clear()
        if self.interrupt_signal:
            self.main_loop_interrupt.set()

    def _dead(self) -> list[int]:
        """Take those that have died since; a thread for each worker adds to them."""
        return [self.interrupt_children.pop(0) for _ in range(len(self.interrupt_children))]

    def _queue(self, waiting: dict[int, float], workers: list[int]) -> None:
        now = time.monotonic()
        for idx in workers:
            crashes, dead = self._crashes[idx], self.wrks[idx]
            self.gone(dead.inner.pid)
            pause = crashes.pause(now - dead.birth)
            waiting[idx] = now + pause
            if pause:
                _log.error(
                    "worker %d died %d times in a row: started again in %.1f s",
                    idx + 1,
                    crashes.count,
                    pause,
                )


def _reporting(load: Callable[[], Any], served: memoryview) -> Any:  # noqa: ANN401 (an application)
    """Load a worker's application, and note for the parent that it has started."""
    application = load()
    begin = application.__rsgi_init__

    def begun(loop: asyncio.AbstractEventLoop) -> None:
        begin(loop)
        served[0] = 1

    application.__rsgi_init__ = begun
    return application
