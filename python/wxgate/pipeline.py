"""The life of a message inside one worker: one call into wxcore, then admit, record, reply."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from wxgate.deadlines import tasks
from wxgate.flight import waits
from wxgate.passage import Passage
from wxgate.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from wxcore._wxcore import Received

    from wxgate.admit import Admission
    from wxgate.deadlines import Tasks
    from wxgate.flight import Answer, Flight, Waits
    from wxgate.flights import Flights
    from wxgate.generation import Generation
    from wxgate.limits import Limits
    from wxgate.metrics import Counters
    from wxgate.passage import Reply
    from wxgate.record import Recorder
    from wxgate.refused import RefusalLog
    from wxgate.stores import Denied, Held
    from wxgate.turnstile import Turnstile

_PREFIX = "/cb/"
_NEVER_UNREAD = {"pay", "pay_v2", "wecom_suite", "component", "partner"}
"""Kinds of accounts whose calls are money, tickets and authorisations, or what partners ask."""
_FOR_THE_REST_S = 1.0
"""Of the time of a stop: for answers to go out, deliveries to end, files to be closed."""
SLOW_S = 0.25
"""After which it is the caller that a body waits for: it is queued for nothing here."""


class Pipeline:
    """Answers requests. Nothing a stranger sends makes it raise."""

    def __init__(  # noqa: PLR0913, PLR0917 (wired once, in lifespan)
        self,
        generation: Generation,
        admission: Admission,
        recorder: Recorder,
        flights: Flights,
        counters: Counters,
        refusals: RefusalLog,
        turnstile: Turnstile,
        *,
        limits: Limits | None = None,
        stopping: memoryview | None = None,
    ) -> None:
        """Answer as ``generation`` says, until another one is applied."""
        self.limits = limits
        self.admission = admission
        self.recorder = recorder
        self.flights = flights
        self.counters = counters
        self._refusals = refusals
        self.turnstile = turnstile
        self.shares = Shares()
        self._loop = asyncio.get_running_loop()
        self._slow: set[asyncio.Task[object]] = set()
        """Those whose bodies do not come."""
        self.reading = self._bodies(generation.settings.server.body_timeout)
        """Bodies that are being read."""
        self._waiting: dict[float, Waits] = {}
        """Of each budget, who waits."""
        turnstile.shed = self._shed
        self._core = generation.core
        self.apply(generation)
        self._stopping = stopping
        self._closing = False
        self._idle: asyncio.Future[None] | None = None
        self._until: float | None = None
        self.watched: dict[str, asyncio.Future[Held | Denied]] = {}
        """Messages that others have in hand: what the try that looks for all of them sees."""
        self._watching: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return self.shares.open

    def apply(self, generation: Generation) -> None:
        """Take what comes from now on as ``generation`` says; what is under way goes on as it is.

        One step of the loop: no request sees half of it.
        """
        self.generation = generation
        generation.core.warm_as(self._core)
        self._core = generation.core
        self.flights.apply(generation.core)
        self._budgets = generation.budgets
        self._budget = generation.settings.server.reply_budget
        self._with_headers = generation.with_headers
        self.wants_peer, self._with_forwarded = self._core.needs_source()
        overloaded: Answer = generation.core.refusal("admit.overloaded")
        self._accounts = dict(generation.core.accounts())
        exempt = (name for name, kind in self._accounts.items() if kind in _NEVER_UNREAD)
        self.turnstile.shedder.apply(self._accounts, exempt, overloaded)
        server = generation.settings.server
        self.shares.resize(server.max_in_flight, alone=generation.is_for_one)
        self.max_body = server.max_body
        self.body_timeout = server.body_timeout
        if server.body_timeout != self.reading.seconds:
            self.reading = self._bodies(server.body_timeout)

    @property
    def draining(self) -> bool:
        """Whether a stop is under way: nothing new is taken."""
        return self._closing or (self._stopping is not None and self._stopping[0] != 0)

    def wants_headers(self, path: str) -> bool:
        """Whether the core has to see the headers of a request to ``path``."""
        if self._with_forwarded:
            return True
        return bool(self._with_headers) and _place(path)[0] in self._with_headers

    def refuses_unread(self, path: str) -> Answer | None:
        """Refuse a request before it is read, where the server has not asked before."""
        shedder = self.turnstile.shedder
        return None if shedder.asked or not shedder.refuses(path) else shedder.answer

    def has_read(self) -> None:
        """Note that the current request has been read, or cannot be."""
        if self._slow and (task := asyncio.current_task(self._loop)) in self._slow:
            self._slow.discard(task)
        else:
            self.turnstile.shedder.begin()

    def _bodies(self, seconds: float) -> Tasks:
        return tasks(self._loop, seconds, (SLOW_S, self._is_slow))

    def _is_slow(self, task: asyncio.Task[object]) -> None:
        """Count a request no more among those that wait to be read.

        A caller's slowness is no queue of ours: bodies that never come would have all others
        refused.
        """
        if task not in self._slow:
            self._slow.add(task)
            self.turnstile.shedder.begin()

    async def answer(
        self,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        peer: str | None = None,
    ) -> Answer:
        """Take a complete request and return the answer; ``peer`` if ``wants_peer``."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        passage = self.take(method, path, query, headers, body, peer, answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if passage is not None:
                passage.leave()
            raise

    def take(  # noqa: PLR0913, PLR0917 (what a request is, and where its answer goes)
        self,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        peer: str | None,
        reply: Reply,
    ) -> Passage | None:
        """Take a complete request; ``reply`` is given the answer, now or later.

        Returns what is to be told if the sender hangs up before.
        """
        account, authorizer = _place(path)
        now = time.time_ns() // 1_000_000
        message = self._core.receive(account, authorizer, method, query, headers, body, now, peer)
        if message.outcome == "event":
            passage = Passage(self, account, message, reply)
            passage.begin(now)
            return passage
        if message.code is not None:
            self.note(account, message.code)
        else:
            self.counters.add(account, "answered")
        reply.set_result((message.status, message.content_type, message.body))
        return None

    def refuse(self, path: str, code: str) -> Answer:
        """Refuse a request that cannot even be read."""
        return self.deny(_place(path)[0], code)

    def land(self, tenant: str) -> None:
        """Note that a request is open no more."""
        self.shares.leave(tenant)
        if self._idle is not None and not self.in_flight and not self._idle.done():
            self._idle.set_result(None)

    def record(self, account: str, message: Received) -> Flight:
        """Have a message recorded that is new."""
        flight = self.flights.begin(account, message)
        self.recorder.record(flight)
        return flight

    def watch(self, watching: Coroutine[object, object, None]) -> None:
        """Run what looks for an answer that another worker is getting."""
        task = self._loop.create_task(watching)
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    def waits(self, account: str) -> Waits:
        """Return who waits as long as the messages of ``account`` do."""
        seconds = self.budget(account)
        found = self._waiting.get(seconds)
        if found is None:
            found = self._waiting[seconds] = waits(self._loop, seconds)
        return found

    def budget(self, account: str) -> float:
        """Seconds until WeChat is answered; an account may have gone while its message waited."""
        return self._budgets.get(account, self._budget)

    def deny(self, account: str, code: str) -> Answer:
        """Note a refusal and return it."""
        self.note(account, code)
        return self._core.refusal(code)

    def _shed(self, account: str, count: int) -> None:
        """Note what was refused unread."""
        self.counters.add(account, "admit.overloaded", count)
        self._refusals.note(account or "-", "admit.overloaded", count)

    def note(self, account: str, code: str) -> None:
        """Count a refusal, and log it."""
        self.counters.add(account, code)
        self._refusals.note(account if account in self._accounts else "-", code)

    def stop(self) -> None:
        """Note that a stop has begun, and that the worker has ``server.drain`` seconds from now on.

        Who still waits for an answer is told in time what is on disk by then: the server ends the
        worker only once its requests are answered.
        """
        if self._until is None:
            loop = asyncio.get_running_loop()
            seconds = self.generation.settings.server.drain
            self._until = loop.time() + seconds
            loop.call_later(max(0.0, seconds - _FOR_THE_REST_S), self.flights.close)

    def hasten(self) -> None:
        """Note that a stop has no more time: who waits is told what is on disk by now."""
        self._until = asyncio.get_running_loop().time()
        self.flights.close()

    @property
    def left(self) -> float:
        """Seconds that a stopping worker still has."""
        if self._until is None:
            return 0.0
        return max(0.0, self._until - asyncio.get_running_loop().time())

    async def drain(self) -> None:
        """Take nothing new, wait for what is open, and tell the rest what is on disk by then."""
        self._closing = True
        self.stop()
        if self.in_flight:
            self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._idle}, timeout=max(0.0, self.left - _FOR_THE_REST_S))
        self.flights.close()
        # One turn of the loop for those who were told just now.
        await asyncio.sleep(0)


def _place(path: str) -> tuple[str, str | None]:
    """Account and authorizer of ``/cb/{account}[/{authorizer}]``; of no account for other paths."""
    if not path.startswith(_PREFIX):
        return "", None
    account, slash, authorizer = path[len(_PREFIX) :].partition("/")
    return account, authorizer if slash else None
