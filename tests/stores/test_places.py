"""Places under limits of concurrency, whatever a store says of the messages that have taken them.

The server is one that answers when the test wants it to, and what; time is what the test says.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import hiredis
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from wxcore import Limits
from wxcore._wxcore import Claims
from wxgate.errors import StoreError
from wxgate.redis.link import LostError
from wxgate.redis.place import Place
from wxgate.redis.session import About, Session
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.redis.claims import RedisClaims
from wxgate.testing.messages import Rule, limited

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from wxcore._wxcore import Received
    from wxgate.redis.link import Answered
    from wxgate.stores import Denied, Held

FEW = Rule("few", concurrency=2)
SOME = Rule("some", "1/h", burst=4, concurrency=3)
RATE = Rule("rate", "1/h", burst=9)
KINDS = (FEW,), (SOME, FEW), (RATE, FEW), (RATE,), (SOME, RATE), ()
BUDGET = 1000.0
"""Seconds: no real machine takes so long, and the test says when they are over."""
ERRORS = "NOSCRIPT no such script", "MOVED 1 127.0.0.1:1", "TRYAGAIN later", "OOM no memory"


class Wire:
    """A connection, as ``wxgate.redis.link.Link``, to a server that answers when it is told to."""

    is_open = True

    def __init__(self) -> None:
        """Nothing asked."""
        self.on_lost: Any = None
        self.waiting: deque[tuple[int, Answered]] = deque()

    def send(self, written: bytes, answered: Answered) -> None:
        """Keep who is to be told, and how many claims it is about."""
        if self.is_open:
            self.waiting.append((_claims(written), answered))
        else:
            answered(LostError("connection lost: closed"))

    def say(self, answer: object) -> None:
        """Answer the oldest call."""
        self.waiting.popleft()[1](answer)

    def close(self, why: str = "closed") -> None:
        """Tell all who wait, and whose it is."""
        self.is_open = False
        waiting, self.waiting = self.waiting, deque()
        for _, answered in waiting:
            answered(LostError(why))
        told, self.on_lost = self.on_lost, None
        if told is not None:
            told()


class Ledger:
    """A node's limits; sees that whoever leaves has a place, and takes none twice."""

    def __init__(self) -> None:
        """No place is taken."""
        self._limits = Limits(1000)
        self.inside: list[Received] = []

    def admit(self, message: Received) -> Denied | None:
        """Ask all limits."""
        return self._took(message, self._limits.admit(message, time.monotonic_ns() // 1000))

    def hold(self, message: Received) -> Denied | None:
        """Ask those of concurrency."""
        return self._took(message, self._limits.hold(message))

    def note(self, message: Received) -> None:
        """See that it has its places."""
        assert message in self.inside or not message.takes_places
        self._limits.note(message, time.monotonic_ns() // 1000)

    def leave(self, message: Received) -> None:
        """Free its places, which it has."""
        if message.takes_places:
            self.inside.remove(message)
        self._limits.leave(message)

    def _took(self, message: Received, denied: Denied | None) -> Denied | None:
        if denied is None and message.takes_places:
            assert message not in self.inside
            self.inside.append(message)
        return denied


class HandLoop(asyncio.SelectorEventLoop):
    """A loop whose time goes on when the test says so."""

    now = 0.0

    def time(self) -> float:
        """Seconds."""
        return self.now


class Places(RuleBasedStateMachine):
    """A gateway, messages that come and go, and a server of which nothing can be relied on."""

    def __init__(self) -> None:
        """Patched: each connection is one of the test's."""
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(Place, "open", self.connect)
        self.loop = HandLoop()
        self.ledger, self.wire, self.runs = Ledger(), Wire(), 1
        self.reachable = True
        self.asked: list[tuple[Received, asyncio.Task[None]]] = []
        self.open: list[Received] = []
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self.claims: RedisClaims = self.do(self.made())

    async def connect(self, *_: object) -> Session:
        """Stand in for ``Place.open``."""
        if not self.reachable:
            raise StoreError
        self.wire = Wire()
        about = About("Fake 7", 7, str(self.runs), "master", "noeviction", limited=False)
        link: Any = self.wire
        return Session(link, about, ("127.0.0.1", 1))

    async def made(self) -> RedisClaims:
        """Start a gateway's claims."""
        local = Claims(1000, 1 << 20, time.time_ns() // 1_000_000)
        table = Redis(url=RedisUrl.parse("redis://127.0.0.1:1"), budget=BUDGET, lease=4.0)
        claims = RedisClaims(table, local, self.ledger)
        claims._recovery.start()  # noqa: SLF001 (as ``open``, which waits for the server)
        return claims

    def do(self, work: Awaitable[Any]) -> Any:
        """Let something happen, and whatever follows from it at once."""
        try:
            return self.loop.run_until_complete(work)
        finally:
            self.turn()

    def turn(self) -> None:
        """Let happen what follows from the last step."""
        for _ in range(8):
            self.loop.run_until_complete(asyncio.sleep(0))

    def says(self, answer: object, *left: asyncio.Task[None]) -> None:
        """Have the oldest call be answered; then who asks hangs up, in the same turn."""

        async def say() -> None:
            self.wire.say(answer)
            for task in left:
                task.cancel()

        if self.wire.waiting:
            self.do(say())

    @property
    def waiting(self) -> list[asyncio.Task[None]]:
        """Who is not answered yet."""
        return [task for _, task in self.asked if not task.done()]

    @initialize()
    def begins(self) -> None:
        """The store is in use."""
        self.recovers()
        assert self.claims.is_shared

    @rule(number=st.integers(1, 12), kind=st.sampled_from(KINDS))
    def comes(self, number: int, kind: tuple[Rule, ...]) -> None:
        """A message, or a retry."""
        message = limited(number, *kind)
        task = self.loop.create_task(self.handle(message))
        self.asked.append((message, task))
        self.turn()

    async def handle(self, message: Received) -> None:
        """Do as the pipeline does."""
        held = self.claims.claim(message, time.time_ns() // 1_000_000)
        if isinstance(held, asyncio.Future):
            passes = await self.later(held, message) is True
        else:
            passes = held is True and self.ledger.admit(message) is None
            if held is True and not passes:
                self.claims.abandon(message)
        if passes:
            self.open.append(message)

    async def later(self, held: asyncio.Future[Held | Denied], message: Received) -> Held | Denied:
        """Wait, and give back what nobody is there to take."""
        try:
            return await held
        except asyncio.CancelledError:
            if held.done() and not held.cancelled() and held.result() is True:
                self.ledger.leave(message)
                self.claims.abandon(message)
            raise

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def hangs_up(self, data: st.DataObject) -> None:
        """Before there is an answer."""
        data.draw(st.sampled_from(self.waiting)).cancel()
        self.turn()

    @precondition(lambda self: self.wire.waiting)
    @rule(data=st.data())
    def answers(self, data: st.DataObject) -> None:
        """Whatever a script may say of each claim; some hang up before, some after."""
        count = self.wire.waiting[0][0]
        said = st.lists(st.sampled_from(b"nnldax"), min_size=count, max_size=count)
        letters = bytes(data.draw(said))
        more = [b"0:5" if letter in b"x" else b"said" for letter in letters if letter in b"ax"]
        epoch = data.draw(st.sampled_from([b"epoch"] * 7 + [b"other"]))
        waiting = self.waiting
        left = data.draw(st.lists(st.sampled_from(waiting), max_size=4)) if waiting else []
        for task in left[::2]:
            task.cancel()
        self.says([epoch, letters, more], *left[1::2])

    @precondition(lambda self: self.wire.waiting)
    @rule(error=st.sampled_from(ERRORS))
    def refuses(self, error: str) -> None:
        """An error of the server's."""
        self.says(hiredis.ReplyError(error))

    @precondition(lambda self: self.wire.waiting)
    @rule()
    def is_wrong(self) -> None:
        """It says what no script of ours does."""
        self.says(b"PONG")

    @rule(reachable=st.booleans(), other=st.booleans())
    def is_lost(self, reachable: bool, other: bool) -> None:  # noqa: FBT001 (drawn)
        """The connection; the next is to the same server, to another, or there is none."""

        async def lose() -> None:
            self.wire.close()

        self.reachable, self.runs = reachable, self.runs + other
        self.do(lose())

    @rule(part=st.sampled_from([0.01, 0.5, 1.0, 10.0]))
    def time_goes_on(self, part: float) -> None:
        """Up to more than anybody waits."""
        self.loop.now += part * BUDGET
        self.turn()

    @precondition(lambda self: not self.claims.is_shared)
    @rule()
    def recovers(self) -> None:
        """It is there again, and hears all."""
        self.reachable = True
        for _ in range(50):
            if self.claims.is_shared:
                return
            self.loop.now += 10.0
            self.turn()
            while self.wire.waiting and not self.claims.is_shared:
                self.says([b"epoch", b"n" * self.wire.waiting[0][0], []])

    @precondition(lambda self: self.open)
    @rule(data=st.data(), done=st.booleans())
    def is_answered(self, data: st.DataObject, done: bool) -> None:  # noqa: FBT001 (drawn)
        """A message is done, or given up."""
        message = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.ledger.leave(message)
        if done:
            self.claims.complete([message], time.time_ns() // 1_000_000)
        else:
            self.claims.abandon(message)
        self.turn()

    def teardown(self) -> None:
        """Let everybody be answered: what has places then are the open ones, and they have them."""
        try:
            closed = self.loop.create_task(self.claims.aclose())
            self.turn()
            # It has no more patience with a server that has not heard all.
            self.loop.now += 1.0
            self.do(closed)
            for _, task in self.asked:
                assert task.done()
                assert task.cancelled() or task.exception() is None
            open_now = [one for one in self.open if one.takes_places]
            assert sorted(map(id, self.ledger.inside)) == sorted(map(id, open_now))
            assert not self.errors
        finally:
            self.patch.undo()
            self.loop.close()


Places.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestPlaces = Places.TestCase


def _claims(written: bytes) -> int:
    """How many claims there are in a call."""
    reader = hiredis.Reader()
    reader.feed(written)
    words: Any = reader.gets()
    arguments = words[3 + int(words[2]) :]
    return int(arguments[4 + 3 * int(arguments[3])])
