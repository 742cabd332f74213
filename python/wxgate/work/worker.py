"""`wxgate work`: a stream's messages into one destination, by the means of dispatch.

Lanes keep the order within a key, a bounded crew makes the tries, and retries, breakers and
timeouts are those that the gateway itself has. Redis takes the journal's place.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from typing import TYPE_CHECKING

from msgspec.structs import replace
from redis.exceptions import RedisError

from wxgate.dispatch import Dispatcher
from wxgate.errors import StoreError
from wxgate.work.consumer import reason_of
from wxgate.work.dead import Reason
from wxgate.work.guard import Guard
from wxgate.work.log import ReadAhead
from wxgate.work.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from wxgate.dispatch import Place
    from wxgate.dispatch.message import Letter, Routed
    from wxgate.work.consumer import Consumer
    from wxgate.work.entry import Entry

_LOG = logging.getLogger("wxgate.work")
_AHEAD = 8
"""Entries in memory for each place of the window: what waits behind keys that are stuck."""
_AHEAD_BYTES = 64 * 1024 * 1024
_AT_ONCE = 256


class Worker:
    """Feeds one destination."""

    def __init__(
        self,
        consumer: Consumer,
        place: Place,
        nodes: Callable[[Routed], Sequence[int]],
        *,
        deaths: int = 3,
    ) -> None:
        """Deliver to ``place``; ``nodes`` says to which of its nodes.

        A message goes to the dead letters once ``deaths`` processes have died over it.
        """
        self._consumer = consumer
        self._deaths = deaths
        self._guard = Guard(place.sink, consumer)
        self._queue = place.limits.queue
        self._room = asyncio.Event()
        self._log = ReadAhead(self._finish, self._room.set)
        self._open: Counter[str] = Counter()
        """How many entries of a key dispatch has."""
        self._held: dict[str, deque[Entry]] = {}
        """Suspects that have to wait for an earlier entry of their key, and all behind them."""
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._dispatcher = Dispatcher(
            [replace(place, sink=self._guard)],
            nodes=lambda _, message: nodes(message),
            dead=self,
            publish=lambda *_: self._room.set(),
        )

    @property
    def delivered(self) -> int:
        """How many messages were taken."""
        return self._dispatcher.snapshot()[0].delivered

    async def run(self, stop: asyncio.Event, grace: float) -> None:
        """Work until ``stop`` is set; then start nothing more, and give what is open ``grace`` s.

        What is not done by then is the next consumer's at once.
        """
        self._dispatcher.resume(self._log)
        self._consumer.start()
        loop = asyncio.get_running_loop()
        feeding = [loop.create_task(self._feed_on()), loop.create_task(self._release_on())]
        stopped = loop.create_task(stop.wait())
        try:
            await asyncio.wait([*feeding, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._consumer.interrupt()
            await end([*feeding, stopped])
            await self._dispatcher.drain(grace)
            await self._consumer.stop()
        for task in feeding:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _feed_on(self) -> None:
        while room := await self._wait_for_room():
            entries = await self._consumer.read(min(room, _AT_ONCE))
            if not entries:
                return
            async with self._turn:
                for entry in entries:
                    await self._take(entry)

    async def _release_on(self) -> None:
        """Take what was held back, once the entries before it are done."""
        while True:
            await self._freed.wait()
            self._freed.clear()
            for key in [key for key in self._held if key not in self._open]:
                async with self._turn:
                    for entry in self._held.pop(key):
                        await self._take(entry)

    async def _take(self, entry: Entry) -> None:
        """Hand an entry to dispatch, after those of its key; what waits stops no other key."""
        if entry.key in self._held:
            self._held[entry.key].append(entry)
        elif not entry.tries:
            self._feed(entry)
        elif entry.key in self._open:
            # Its turn comes who knows when: it could not be waited for alone.
            self._held[entry.key] = deque([entry])
        else:
            await self._try_alone(entry)

    def _finish(self, entry: Entry) -> None:
        self._consumer.finish(entry)
        self._open[entry.key] -= 1
        if not self._open[entry.key]:
            del self._open[entry.key]
            if entry.key in self._held:
                self._freed.set()

    def _feed(self, entry: Entry) -> None:
        self._open[entry.key] += 1
        self._dispatcher.recorded(self._log.put(entry), entry)

    async def _wait_for_room(self) -> int:
        """Return how many entries there is room for; what waits behind stuck keys takes less."""
        while True:
            self._room.clear()
            (standing,) = self._dispatcher.snapshot()
            held = [entry for behind in self._held.values() for entry in behind]
            ahead = len(self._log) + len(held)
            room = min(self._queue - standing.held, self._queue * _AHEAD - ahead)
            size = self._log.bytes + sum(len(entry.event) for entry in held)
            if room > 0 and size < _AHEAD_BYTES:
                return room
            await self._room.wait()

    async def _try_alone(self, entry: Entry) -> None:
        """Handle a message over which a process died, with nothing else beside it."""
        while any(standing.in_flight for standing in self._dispatcher.snapshot()):
            self._room.clear()
            await self._room.wait()
        # Else who dies over this one takes with it what is done and was not said: those would be
        # marked, though the fault was never theirs.
        self._dispatcher.settle()
        await self._consumer.acknowledged()
        if entry.tries + 1 >= self._deaths:
            await self._give_up(entry)
            return
        ended = self._guard.watch(entry)
        self._feed(entry)
        await ended

    async def _give_up(self, entry: Entry) -> None:
        died = entry.tries + 1
        reason = Reason(f"died: {died} processes ended while they had it in hand", died)
        await self._keep(entry, reason)
        _LOG.error("%s is a dead letter, %s", entry.id, reason.text)

    async def _keep(self, entry: Entry, reason: Reason) -> None:
        while self._consumer.holds(entry):
            try:
                await self._consumer.bury(entry, reason)
            except (RedisError, OSError) as error:
                _LOG.warning("%s cannot be buried: %s", entry.id, reason_of(error))
                await asyncio.sleep(1.0)
            else:
                return

    # The dead letters of dispatch

    def bury(self, letter: Letter) -> Awaitable[None]:
        """Keep what dispatch gives up. Raises ``StoreError``."""
        return self._bury(letter)

    async def _bury(self, letter: Letter) -> None:
        entry = self._log.find(letter.id)
        if entry is None or not self._consumer.holds(entry):
            return
        try:
            await self._consumer.bury(entry, Reason(letter.reason, letter.attempts))
        except (RedisError, OSError) as error:
            raise StoreError(reason_of(error)) from error
