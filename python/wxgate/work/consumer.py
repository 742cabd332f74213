"""One consumer of a group: it keeps its leases, reads from its shares, and acknowledges."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from wxgate.work.connect import close, is_cluster
from wxgate.work.lease import Leases
from wxgate.work.share import ForgottenError, Share, acknowledge, read
from wxgate.work.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from wxgate.streams.keys import Root
    from wxgate.work.connect import Client
    from wxgate.work.dead import Reason
    from wxgate.work.entry import Entry
    from wxgate.work.waiting import Waiting

_LOG = logging.getLogger("wxgate.work")
_BEATS = 3
"""Beats in the life of a lease: two may fail."""
_UNSETTLED_BEAT = 0.5
"""Seconds between beats while partitions are changing hands, or there are none yet."""
_LONGEST_PAUSE = 2.0
"""Seconds for which a server that fails is left alone at most."""


class Consumer:
    """Takes part in a group. To be made, started and stopped in one event loop."""

    def __init__(  # noqa: PLR0913 (wired in two places)
        self,
        client: Client,
        waiting: Waiting,
        *,
        root: Root,
        group: str,
        name: str,
        token: str,
        lease: float = 10.0,
    ) -> None:
        """Be called ``name`` in the group; ``token`` is this process's alone.

        ``lease`` (s) is how long the others wait for a consumer that is not heard of. The clients
        are the consumer's to close.
        """
        self.root = root
        self.group = group
        self.name = name
        self._client = client
        self._waiting = waiting
        self._token = token
        self._lease = lease
        self._leases = Leases(client, root, group, token, lease)
        self._shares: dict[int, Share] = {}
        self._held_until = 0.0
        self._turn = 0
        self._fetched: list[Entry] = []
        """What has arrived and is to be returned, also after a call that failed half-way."""
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._finished = asyncio.Event()
        self._beaten = asyncio.Event()
        self._told = asyncio.Event()
        self._stopping = False
        self._away = False
        self.done = 0
        self.repeated = 0

    @property
    def partitions(self) -> list[int]:
        """The numbers of the partitions it has."""
        return sorted(number for number, share in self._shares.items() if share.open)

    def start(self) -> None:
        """Join the group."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._keep(self._beat)),
            loop.create_task(self._keep(self._acknowledge)),
        ]
        for task in self._tasks:
            task.add_done_callback(lambda _: self._changed.set())

    def holds(self, entry: Entry) -> bool:
        """Whether an entry is still this consumer's to handle."""
        return entry.share.open and entry.share.in_hand.get(entry.id) is entry

    @property
    def sure(self) -> bool:
        """Whether the leases hold, as far as can be known without asking."""
        return asyncio.get_running_loop().time() < self._held_until

    async def become_sure(self) -> None:
        """Wait until the leases hold."""
        while not self.sure:
            self._beaten.clear()
            await self._beaten.wait()

    async def read(self, count: int) -> list[Entry]:
        """Return up to ``count`` messages, in order within a key; wait until there are any.

        Nothing is returned only once the consumer stops. Raises what ended its other tasks, if
        anything did: without them it would read on, and nobody would know what is done.
        """
        pause = 0.0
        while not self._stopping:
            self._changed.clear()
            for task in self._tasks:
                if task.done() and not task.cancelled():
                    task.result()
            try:
                if found := await self._look(count):
                    return found
                await self._waiting.wait(self._readable(), self._changed)
                self._is_back()
                pause = 0.0
            except (RedisError, OSError) as error:
                pause = await self._pause(error, pause)
        return []

    def finish(self, entry: Entry) -> None:
        """Note that an entry is done; it is acknowledged with all others of the moment."""
        entry.share.finish(entry)
        self._finished.set()

    async def acknowledged(self) -> None:
        """Wait until Redis knows all that is finished."""
        while self._unsaid:
            self._told.clear()
            await self._told.wait()

    @property
    def _unsaid(self) -> bool:
        """Whether something is finished that Redis does not know of."""
        return any(one.finished or one.repeated for one in self._shares.values())

    async def bury(self, entry: Entry, reason: Reason) -> bool:
        """Move an entry to the dead letters; False if it is this consumer's no more.

        Raises ``redis.RedisError``.
        """
        try:
            return await entry.share.bury(self._client, entry, reason.letter(entry, self))
        except ForgottenError:
            await entry.share.take(self._client)
            return await entry.share.bury(self._client, entry, reason.letter(entry, self))

    async def mark(self, entry: Entry) -> None:
        """Have it known if the process dies over this entry. Raises ``redis.RedisError``."""
        await entry.share.mark(self._client, entry)

    async def unmark(self, entries: Iterable[Entry]) -> None:
        """Note that the process lives, though what it tried came to nothing. As above."""
        for entry in entries:
            await entry.share.unmark(self._client, entry)

    def interrupt(self) -> None:
        """Have ``read`` return nothing from now on."""
        self._stopping = True
        self._changed.set()

    async def stop(self, seconds: float = 5.0) -> None:
        """Acknowledge what is finished, and leave the group, within ``seconds``.

        What is in hand is the next consumer's at once.
        """
        self.interrupt()
        try:
            await end(self._tasks)
            await self._say_goodbye(seconds)
        finally:
            # Also where this is cancelled, such as at the end of a program.
            await self._waiting.aclose()
            await close(self._client)

    async def _say_goodbye(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while await self._acknowledge_some():
                    pass
                await self._leases.leave(list(self._shares))
        except (RedisError, OSError, TimeoutError) as error:
            _LOG.warning("%s: left without a word: %s", self._title, reason_of(error))

    # Reading

    def _readable(self) -> list[Share]:
        return [share for share in self._shares.values() if share.open and share.taken]

    async def _look(self, count: int) -> list[Entry]:
        """Return what is there now: first what was in others' hands."""
        try:
            await self._fetch(count)
        except (RedisError, OSError):
            # The server may have given out what never arrived: it is claimed like the dead's.
            for share in self._shares.values():
                share.cursor = b"0-0"
            raise
        finally:
            # Repetitions are acknowledged though nothing else is finished.
            if any(share.repeated for share in self._shares.values()):
                self._finished.set()
        found, self._fetched = self._fetched, []
        return found

    async def _fetch(self, count: int) -> None:
        shares = self._readable()
        for share in shares:
            while share.cursor is not None and share.open and len(self._fetched) < count:
                self._fetched += await self._mend(share, share.claim(self._client, count))
        shares = [share for share in shares if share.cursor is None and share.open]
        # Another one comes first each time, so that none waits for ever.
        self._turn += 1
        at = self._turn % len(shares) if shares else 0
        for together in self._together([*shares[at:], *shares[:at]]):
            if (room := count - len(self._fetched)) <= 0:
                break
            for share, state, entries in await read(self._client, together, room):
                self._fetched += await self._mend(share, _given(share, state, entries))

    async def _mend(self, share: Share, step: Awaitable[list[Entry]]) -> list[Entry]:
        """Take a share anew that the server has forgotten."""
        try:
            return await step
        except ForgottenError:
            await share.take(self._client)
            _LOG.warning(
                "%s: the server had forgotten partition %d; the group is made again",
                self._title,
                share.partition.number,
            )
            return []

    def _together(self, shares: Sequence[Share]) -> list[Sequence[Share]]:
        """Put those together that one call can reach."""
        if not shares:
            return []
        return [[share] for share in shares] if is_cluster(self._client) else [shares]

    # Leases

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        given_up = self._given_up()
        dealt = await self._leases.beat(given_up)
        self._held_until = sent + self._lease * (1 - 1 / (2 * _BEATS))
        self._beaten.set()
        for number in given_up:
            self._shares.pop(number).lose()
        for number in set(self._shares) - set(dealt.mine):
            _LOG.warning("%s: lost partition %d to another consumer", self._title, number)
            self._shares.pop(number).lose()
        # Who waits until something is said need not, if it was another's to say.
        self._told.set()
        for number in dealt.mine:
            await self._ensure(number)
        kept = [share for share in self._shares.values() if share.open]
        for share in kept[dealt.due :]:
            share.closing = True
        settled = len(dealt.mine) == dealt.due and dealt.partitions
        await asyncio.sleep(self._lease / _BEATS if settled else min(_UNSETTLED_BEAT, self._lease))

    async def _ensure(self, number: int) -> None:
        share = self._shares.get(number)
        if share is None or share.lost:
            # Lost to another who has given it back, or whom a server that forgot has dealt it to.
            known = None if share is None else share.recent
            partition = self.root.partition(number)
            share = Share(partition, self.group, self.name, self._token, known)
            self._shares[number] = share
        if not share.taken:
            await share.take(self._client)
            self._changed.set()

    def _given_up(self) -> list[int]:
        """What is being given up, and no longer in use."""
        shares = self._shares.items()
        return [
            number for number, one in shares if one.closing and not one.running | len(one.finished)
        ]

    # Acknowledging

    async def _acknowledge(self) -> None:
        await self._finished.wait()
        self._finished.clear()
        try:
            while await self._acknowledge_some():
                pass
            self._told.set()
        except BaseException:
            self._finished.set()
            raise

    async def _acknowledge_some(self) -> bool:
        """Acknowledge some; whether there is more."""
        shares = [one for one in self._shares.values() if one.finished or one.repeated]
        for together in self._together(shares):
            told = await acknowledge(self._client, together)
            self.done += told.finished
            self.repeated += told.repeated
            for share in told.forgotten:
                await share.take(self._client)
        return self._unsaid

    # Outages

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        """Go on for ever, whatever becomes of the server."""
        pause = 0.0
        while not self._stopping:
            try:
                await step()
                self._is_back()
                pause = 0.0
            except (RedisError, OSError) as error:
                pause = await self._pause(error, pause)

    async def _pause(self, error: Exception, pause: float) -> float:
        if not self._away:
            self._away = True
            _LOG.warning(
                "%s: %s; it is tried again until it answers", self._title, reason_of(error)
            )
        pause = min(max(pause * 2, 0.05), _LONGEST_PAUSE)
        await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 (jitter)
        return pause

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            _LOG.warning("%s: redis answers again", self._title)

    @property
    def _title(self) -> str:
        return f"stream:{self.root.stream} group {self.group}"


async def _given(share: Share, state: int, entries: list[object]) -> list[Entry]:
    return share.given(state, entries)


def reason_of(error: Exception) -> str:
    """Say what the server or the system said; neither quotes messages."""
    return f"redis: {type(error).__name__}: {error}"
