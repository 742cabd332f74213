"""An open-loop WeChat: messages leave when their time has come, however the others fare."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wxgate.sim.call import Answer
from wxgate.sim.message import override

from .books import Books, Said
from .line import BrokenError, Line, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.sim.message import Message
    from wxgate.sim.player import Player

PATIENCE = 5.0
"""WeChat's: seconds until a try counts as unanswered. The one deadline here that is not ours."""
_IDLE = 3.0
"""Seconds after which a kept connection is not used again; the gateway closes them after 5."""
HOT = f"o{0:027d}"
"""The user of whom a load may have more than of others."""
_OK = 200


@dataclass(frozen=True, slots=True)
class Load:
    """How much, for how long, and of what."""

    rate: float = 500.0
    """Messages a second, on average; they come as a Poisson process."""
    seconds: float = 1.0
    users: int = 100
    hot: float = 0.0
    """Share of messages that are all of one user, beside what he has as one of many."""
    asks: float = 0.2
    """Share of messages whose route waits for an answer."""
    events: float = 0.1
    """Share of events, which have no MsgId."""
    duplicates: float = 0.1
    """Share of acknowledged messages that are sent once more all the same."""
    duplicates_within: float = 0.5
    """Seconds after their acknowledgement in which these are sent."""
    retry_after: float = 0.4
    """Seconds between a failed try and the next; WeChat takes five."""
    tries: int = 4
    """How often a message is sent until WeChat gives it up."""
    padding: int = 0
    """Characters that make a text longer."""
    draw: str = ""
    """A name under which a load is the same, users and times, however often it is sent."""


@dataclass(frozen=True, slots=True)
class Due:
    """A message and when it is to leave, in seconds from the start."""

    at: float
    message: Message
    said: Said
    again_after: float | None
    """When a duplicate follows its acknowledgement, if one does."""


class Driver:
    """Plays WeChat towards one account, and keeps the books."""

    def __init__(self, player: Player, port: int, seed: str) -> None:
        """Send to ``port``; everything is decided by ``seed`` but what the network does."""
        self.books = Books()
        self.players = [player]
        """Whose keys tries are made under, in turn."""
        self._port = port
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 (a run that can be repeated)
        self._next = self._random.randrange(10**15, 2 * 10**15)
        self._idle: list[Line] = []
        self._errands: set[asyncio.Task[None]] = set()
        self._templates = {
            "text": player.message("text", "x", openid="x"),
            "event": player.message("event", "CLICK", openid="x"),
        }

    @property
    def open_errands(self) -> int:
        """Messages on their way."""
        return len(self._errands)

    async def run(self, load: Load) -> None:
        """Send a load; returns when every message is acknowledged or given up."""
        await self.send(load)
        await self.finish()

    async def send(self, load: Load) -> None:
        """Send a load; returns when the last message has left for the first time."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        for due in self.schedule(load):
            if (early := started + due.at - loop.time()) > 0:
                await asyncio.sleep(early)
            self.books.lag = max(self.books.lag, loop.time() - started - due.at)
            self.books.said[due.said.number] = due.said
            errand = asyncio.create_task(self._errand(due, load))
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)

    async def finish(self) -> None:
        """Wait until every message is acknowledged or given up."""
        while self._errands:
            await asyncio.gather(*self._errands)

    def close(self) -> None:
        """Hang up everywhere."""
        for line in self._idle:
            line.close()
        self._idle.clear()

    def schedule(self, load: Load) -> Iterator[Due]:
        """What is to be sent, and when: drawn from the seed, as far as it is asked for."""
        at = 0.0
        chance = random.Random(self._seed + load.draw) if load.draw else self._random  # noqa: S311
        while (at := at + chance.expovariate(load.rate)) < load.seconds:
            number, self._next = self._next, self._next + 1
            is_hot = load.hot and chance.random() < load.hot
            user = HOT if is_hot else f"o{chance.randrange(load.users):027d}"
            is_event = chance.random() < load.events
            asks = not is_event and chance.random() < load.asks
            again = chance.random() < load.duplicates
            again_after = chance.random() * load.duplicates_within if again else None
            message = self._message(number, user, is_event=is_event, asks=asks, load=load)
            yield Due(at, message, Said(number, user, asks, is_event), again_after)

    def _message(
        self, number: int, user: str, *, is_event: bool, asks: bool, load: Load
    ) -> Message:
        template = self._templates["event" if is_event else "text"]
        changes = [("FromUserName", user), ("CreateTime", str(int(time.time())))]
        if is_event:
            changes.append(("EventKey", str(number)))
        else:
            text = f"{'?' if asks else ''}{number} {'量' * load.padding}"
            changes += [("Content", text), ("MsgId", str(number))]
        return replace(template, fields=override(template.fields, changes), mark=user)

    async def _errand(self, due: Due, load: Load) -> None:
        """A message with its retries, and the duplicate that may follow."""
        loop = asyncio.get_running_loop()
        due.said.first_sent = loop.time()
        for _ in range(load.tries - 1):
            if await self._try(due):
                break
            await asyncio.sleep(load.retry_after)
        else:
            await self._try(due)
        if due.again_after is not None and due.said.acknowledged is not None:
            await asyncio.sleep(due.again_after)
            await self._try(due)

    async def _try(self, due: Due, line: Line | None = None) -> bool:
        """Seal and send once, over a ``line`` or any; return whether WeChat is satisfied."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        player = self._player(due)
        due.said.tries += 1
        try:
            async with asyncio.timeout(PATIENCE):
                status, body = await self._exchange(player, due.message, line)
        except TimeoutError:
            self.books.silent.append(due.said.number)
            return False
        except BrokenError:
            self.books.broken += 1
            return False
        except OSError:
            self.books.unconnected += 1
            return False
        finally:
            self.books.slowest = max(self.books.slowest, loop.time() - started)
        return self._note(due, player, Answer(status, body, loop.time() - started))

    def _player(self, due: Due) -> Player:
        """Who makes the next try."""
        return self.players[(due.said.number + due.said.tries) % len(self.players)]

    def _note(self, due: Due, player: Player, answer: Answer) -> bool:
        self.books.statuses[answer.status] += 1
        if answer.status != _OK:
            return False
        reading = player.read(due.message, answer)
        if not reading.satisfied:
            self.books.unreadable.append((due.said.number, reading.text))
            return False
        if due.said.acknowledged is None:
            due.said.acknowledged = asyncio.get_running_loop().time()
        due.said.replies.append(str(reading.reply.get("Content", reading.text)))
        return True

    async def _exchange(
        self, player: Player, message: Message, line: Line | None
    ) -> tuple[int, bytes]:
        line = line or await self._line()
        try:
            answer = await line.exchange(written(player.call(message, int(time.time()))))
        except BaseException:
            line.close()
            raise
        line.idle_since = asyncio.get_running_loop().time()
        if line.is_open:
            self._idle.append(line)
        return answer

    async def _line(self) -> Line:
        """A connection: one that is idle, or another one."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if line.is_open and now - line.idle_since < _IDLE:
                return line
            line.close()
        return await Line.open(self._port)


class Regulars(Driver):
    """A WeChat that keeps the connections that it has opened first, as long as they are open."""

    def __init__(self, player: Player, port: int, seed: str) -> None:
        """Not connected yet."""
        super().__init__(player, port, seed)
        self._kept: asyncio.Queue[Line] = asyncio.Queue()

    async def connect(self, count: int) -> None:
        """Open so many."""
        for _ in range(count):
            self._kept.put_nowait(await Line.open(self._port))

    async def _exchange(
        self, player: Player, message: Message, line: Line | None
    ) -> tuple[int, bytes]:
        """Take them in turn: one that is not used for long is closed by the gateway."""
        line = line or await self._kept.get()
        try:
            if not line.is_open:
                line = await Line.open(self._port)
            return await line.exchange(written(player.call(message, int(time.time()))))
        finally:
            self._kept.put_nowait(line)

    def close(self) -> None:
        """Hang up everywhere."""
        while not self._kept.empty():
            self._kept.get_nowait().close()
