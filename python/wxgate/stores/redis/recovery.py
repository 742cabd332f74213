"""The way back: connect, tell the server what it does not know, and only then use it again."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Protocol

from wxgate.errors import StoreError
from wxgate.stores.redis.call import DONE, GIVEN_BACK, SCRIPT, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wxgate.redis.place import Place
    from wxgate.redis.session import Session
    from wxgate.stores.redis.call import Frame, Note
    from wxgate.stores.redis.exchange import Exchange
    from wxgate.stores.redis.tally import Tally

    Row = tuple[bytes, int, bytes]
    """A message that is done: key, end of its life (ms), answer."""

_BACKLOG = 50_000
"""Notes that are kept. With more of them the store is told all that is known instead."""
_BATCH = 128
_PART = 2048
"""Messages read at once where all that is known is told."""
_WITHIN_S = 1.0
_FIRST_S, _MOST_S = 0.05, 5.0
_STEADY_S = 10.0
"""In use for that long, it is trusted as at first."""


class Known(Protocol):
    """What this node knows of messages that are done."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def done(self, part: int, parts: int) -> list[Row]:
        """Return one of ``parts`` equal parts of them."""
        ...


class Owner(Protocol):
    """Whose claims these are."""

    @property
    def local(self) -> Known:
        """What this node knows."""
        ...

    def unfinished(self) -> list[Note]:
        """Return what is to be told of messages that are on disk, their answers still to come."""
        ...

    def recovered(self, session: Session) -> None:
        """Note that the store is in use again."""
        ...


class Recovery:
    """Works in the background until the exchange is in use; started anew when it is not."""

    def __init__(
        self, frame: Frame, place: Place, exchange: Exchange, owner: Owner, tally: Tally
    ) -> None:
        """Nothing told yet: the first time everything is."""
        self._frame = frame
        self._place = place
        self._exchange = exchange
        self._owner = owner
        self._tally = tally
        self._backlog: dict[bytes, tuple[bytes, int]] = {}
        self._all = True
        self._delay = _FIRST_S
        self._task: asyncio.Task[None] | None = None
        self._since = 0.0
        self._server = ""
        self.reason = "not connected yet"
        self.is_merging = False
        self.tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done after the first attempt, whatever came of it."""

    @property
    def waiting(self) -> int:
        """How many notes the store has still to hear of."""
        return len(self._backlog)

    @property
    def tells_all(self) -> bool:
        """Whether the store will be told everything that is known by then."""
        return self._all and not self.is_merging

    def start(self, reason: str = "") -> None:
        """Go to work. ``reason`` is why the exchange is not in use."""
        now = asyncio.get_running_loop().time()
        if now - self._since > _STEADY_S:
            self._delay = _FIRST_S
        self.reason = reason or self.reason
        self._task = asyncio.create_task(self._work())

    def take(self, notes: Iterable[Note]) -> None:
        """Keep what the store has still to hear."""
        now = _now()
        for key, value, life in notes:
            self._backlog.pop(key, None)
            self._backlog[key] = value, now + life
        if len(self._backlog) > _BACKLOG:
            self._backlog.clear()
            self._all = True

    def stop(self) -> None:
        """Give up."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while True:
            try:
                await self._merge()
            except StoreError as error:
                self.reason = str(error)
            finally:
                self.is_merging = False
                if not self.tried.done():
                    self.tried.set_result(None)
            if self._exchange.in_use:
                return
            # Jittered: a fleet must not come back as one.
            await asyncio.sleep(self._delay * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
            self._delay = min(_MOST_S, self._delay * 2)

    async def _merge(self) -> None:
        exchange = self._exchange
        session = exchange.session or await self._place.open()
        exchange.session = session
        self.is_merging = True
        try:
            epoch = await self._tell(session, [])
            self._frame.renew()
            if epoch != exchange.epoch or session.about.run != self._server:
                self._tally.forgotten += bool(exchange.epoch) and epoch != exchange.epoch
                self._all = True
            while self._all or self._backlog:
                await (self._tell_all if self._all else self._tell_some)(session)
        except BaseException:
            session.link.close()
            exchange.session = None
            raise
        # Nothing can have been noted since the backlog was seen empty.
        self._server = session.about.run
        self._since = asyncio.get_running_loop().time()
        exchange.use(session, epoch)
        self._owner.recovered(session)

    async def _tell_all(self, session: Session) -> None:
        # First: what finds no room in the backlog meanwhile has all told once more.
        self._all = False
        try:
            await self._tell_known(session)
        except BaseException:
            self._all = True
            raise

    async def _tell_known(self, session: Session) -> None:
        parts = len(self._owner.local) // _PART + 1
        for part in range(parts):
            now = _now()
            rows = self._owner.local.done(part, parts)
            notes = [(key, DONE + answer, until - now) for key, until, answer in rows]
            await self._tell_each(session, [note for note in notes if note[2] > 0])
        await self._tell_each(session, self._owner.unfinished())

    async def _tell_each(self, session: Session, notes: Sequence[Note]) -> None:
        for at in range(0, len(notes), _BATCH):
            await self._tell(session, list(notes[at : at + _BATCH]))

    async def _tell_some(self, session: Session) -> None:
        now = _now()
        taken = dict(list(self._backlog.items())[:_BATCH])
        for key in taken:
            del self._backlog[key]
        notes = [
            (key, value, max(0, until - now))
            for key, (value, until) in taken.items()
            if until > now or value == GIVEN_BACK
        ]
        try:
            await self._tell(session, notes)
        except BaseException:
            # What has been noted since is newer.
            self._backlog = {**taken, **self._backlog}
            raise

    async def _tell(self, session: Session, notes: list[Note]) -> bytes:
        """Run the script for notes alone; return the epoch. Raises ``StoreError``."""
        written = self._frame.write(notes, [])
        said = await _run(session, written)
        if str(said).startswith("NOSCRIPT"):
            said = await _run(session, SCRIPT.whole(written))
        if (answer := read(said, 0)) is None:
            raise StoreError(str(said))
        self._tally.merged += len(notes)
        return answer[0]


async def _run(session: Session, written: bytes) -> object:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def told(said: object) -> None:
        if not answer.done():
            answer.set_result(said)

    session.link.send(written, told)
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await answer
    except TimeoutError:
        reason = f"no answer within {_WITHIN_S:.0f} s"
        raise StoreError(reason) from None


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
