"""What the tests dispatch: a journal in memory, services that do as they are told, dead letters."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from wxgate.dispatch import Board, Dispatcher, Limits, Place
from wxgate.errors import SinkRefusedError, SinkRetryError

from .clockwork import loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from wxgate.dispatch.message import Letter, Stored
    from wxgate.dispatch.pace import Pacing

    Behaviour = Callable[[str, int], Awaitable[bytes]]
    """What a service does with a message, given its id and how often it has been tried."""


@dataclass(frozen=True, slots=True)
class Message:
    """Both a live message and a stored one."""

    seq: int
    key: str
    destinations: tuple[tuple[int, tuple[int, ...], bool], ...] = ((0, (0,), False),)
    size: int = 0
    account: str = "shop"
    type: str = "wechat.official.text"
    accepted: int = 1_700_000_000_000

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"{self.key}/{self.seq}"

    @property
    def subject(self) -> str:
        """The user."""
        return self.key

    @property
    def event(self) -> bytes:
        """A CloudEvent, as far as dispatch and its limits look at it."""
        head = f'"id":"{self.id}","source":"/wxgate/{self.account}","type":"{self.type}"'
        return f'{{{head},"subject":"{self.key}","data":{{}}}}{" " * self.size}'.encode()

    @property
    def wait(self) -> bool:
        """Whether one of its routes waits."""
        return any(wait for *_, wait in self.destinations)


@dataclass
class Memory:
    """A journal that keeps nothing but what a test puts there."""

    messages: list[Message] = field(default_factory=list)
    settled: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    cursors: dict[int, int] = field(default_factory=dict)
    most: int = 0
    """The most messages that one read was asked for."""
    failing: bool = False
    deaf: bool = False
    """Whether settling fails."""

    def put(self, key: str, **more: object) -> Message:
        """Make a message durable."""
        message = Message(len(self.messages) + 1, key, **more)  # type: ignore[arg-type]
        self.messages.append(message)
        return message

    def read(
        self, destination: int, after: int, limit: int, max_bytes: int, /
    ) -> tuple[Sequence[Stored], int]:
        """Read as the journal does."""
        if self.failing:
            raise OSError(5, "no such disk")
        self.most = max(self.most, limit)
        found: list[Message] = []
        position, size = after, 0
        for message in islice(self.messages, after, None):
            if len(found) == limit or size >= max_bytes:
                break
            position = message.seq
            addressed = any(route == destination for route, *_ in message.destinations)
            if addressed and message.seq not in self.settled[destination]:
                found.append(message)
                size += len(message.event)
        return found, position

    def settle(self, destination: int, seqs: Sequence[int], /) -> None:
        """Settle, each once."""
        if self.deaf:
            raise OSError(5, "no such disk")
        assert not self.settled[destination].intersection(seqs), "settled twice"
        assert len(set(seqs)) == len(seqs), "settled twice"
        self.settled[destination].update(seqs)

    def advance(self, destination: int, cursor: int, /) -> None:
        """Remember how far it has looked; never backwards."""
        assert cursor > self.cursors.get(destination, 0)
        self.cursors[destination] = cursor


def busy(status: int, after: float | None = None) -> SinkRetryError:
    """What a sink raises for a status that is worth another try."""
    return SinkRetryError(f"HTTP {status}", after)


def refused(status: int) -> SinkRefusedError:
    """What a sink raises for a status that is not."""
    return SinkRefusedError(f"HTTP {status}")


async def take(_: str, __: int) -> bytes:
    """Take everything."""
    return b""


class Service:
    """A destination of a test."""

    def __init__(self, behaviour: Behaviour = take) -> None:
        """Behave so with every message."""
        self.behaviour = behaviour
        self.taken: list[str] = []
        self.tries: dict[str, int] = defaultdict(int)
        self.log: list[tuple[float, str]] = []
        self.open = 0
        self.most_open = 0
        self.keys_open: set[str] = set()
        self.batches: list[list[str]] = []
        self.nodes: list[tuple[int, ...]] = []
        self.closed = False
        self._awaited: dict[str, asyncio.Future[None]] = {}

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Take a message, or not; two of one key at a time are an error of dispatch."""
        self.nodes.append(tuple(nodes))
        return await self._try([_id(event)])

    async def deliver_batch(self, events: Sequence[bytes], nodes: Sequence[int]) -> bytes:
        """Take several."""
        self.nodes.append(tuple(nodes))
        names = [_id(event) for event in events]
        self.batches.append(names)
        return await self._try(names)

    async def _try(self, names: list[str]) -> bytes:
        keys = {name.partition("/")[0] for name in names}
        assert not keys & self.keys_open, "two tries of one key at once"
        self.keys_open |= keys
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            answer = b""
            for name in names:
                self.tries[name] += 1
                self.log.append((loop().time(), name))
                answer = await self.behaviour(name, self.tries[name])
        finally:
            self.keys_open -= keys
            self.open -= 1
        self.taken += names
        for name in names:
            if (waiting := self._awaited.pop(name, None)) is not None:
                waiting.set_result(None)
        return answer

    async def took(self, name: str) -> None:
        """Wait until it has taken a message that it has not taken yet."""
        self._awaited[name] = loop().create_future()
        await self._awaited[name]

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True


def _id(event: bytes) -> str:
    return event.split(b'"')[3].decode()


@dataclass
class Graveyard:
    """Dead letters in memory."""

    letters: list[Letter] = field(default_factory=list)
    gate: asyncio.Event | None = None
    failing: Exception | None = None

    async def bury(self, letter: Letter, /) -> None:
        """Keep it, once the gate is open."""
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        self.letters.append(letter)


class World:
    """A dispatcher and all around it; a route to each service, of the same index."""

    def __init__(
        self,
        *services: Service,
        limits: Limits | None = None,
        seed: float | None = 1.0,
        pacing: Pacing | None = None,
    ) -> None:
        """Wire it; ``seed`` is what the random source always says; None for a real one."""
        self._pacing = pacing
        self.log = Memory()
        self.graves = Graveyard()
        self.services = services
        self._limits = limits or Limits()
        self._seed = seed
        self.dispatcher = self.start()

    def start(self) -> Dispatcher:
        """Make another dispatcher on the same journal, as after a restart."""
        names = [f"x:{at}" for at in range(len(self.services))]
        self.board = Board(names, max(1, len(names)))
        make = partial(Dispatcher, random=self._draw) if self._seed is not None else Dispatcher
        self.dispatcher = make(
            [Place(f"x:{at}", one, self._limits) for at, one in enumerate(self.services)],
            nodes=lambda _, stored: (stored.seq % 3,),
            dead=self.graves,
            clock=loop().wall,
            publish=self.board.publish,
            pacing=self._pacing,
        )
        return self.dispatcher

    def _draw(self) -> float:
        assert self._seed is not None
        return self._seed

    def resume(self) -> None:
        """Read what the journal holds."""
        self.dispatcher.resume(self.log)

    def record(self, key: str, **more: object) -> Message:
        """Have a message accepted now."""
        message = self.log.put(key, accepted=loop().wall(), **more)
        self.dispatcher.recorded(message.seq, message)
        return message

    def left(self, destination: int = 0) -> list[int]:
        """What is not settled."""
        done = self.log.settled[destination]
        return [one.seq for one in self.log.messages if one.seq not in done]


def in_order(taken: list[str]) -> bool:
    """Whether what was taken came in the order of acceptance within each key."""
    last: dict[str, int] = {}
    for name in taken:
        key, _, seq = name.partition("/")
        if int(seq) <= last.get(key, 0):
            return False
        last[key] = int(seq)
    return True
