"""The life of a message inside one worker: one call into wxcore, then admit, record, reply."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from wxgate.deadlines import tasks
from wxgate.flight import waits
from wxgate.limits import refusal
from wxgate.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxcore._wxcore import Received

    from wxgate.admit import Admission, Claimed
    from wxgate.deadlines import Tasks
    from wxgate.flight import Answer, Flight, Waits
    from wxgate.flights import Flights
    from wxgate.generation import Generation
    from wxgate.limits import Limits
    from wxgate.metrics import Counters
    from wxgate.record import Recorder
    from wxgate.refused import RefusalLog
    from wxgate.stores import Denied, Held
    from wxgate.turnstile import Turnstile

_PREFIX = "/cb/"
_NEVER_UNREAD = {"pay", "pay_v2", "wecom_suite", "component", "partner"}
"""Kinds of accounts whose calls are money, tickets and authorisations, or what partners ask."""
_FOR_THE_REST_S = 1.0
"""Of the time of a stop: for answers to go out, deliveries to end, files to be closed."""
_SLOW_S = 0.25
"""After which it is the caller that a body waits for: it is queued for nothing here."""
_GLANCE_S = 0.02
"""How often a try looks whether another worker has its answer; only while one is on its way."""


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
        self._admission = admission
        self._recorder = recorder
        self._flights = flights
        self._counters = counters
        self._refusals = refusals
        self._turnstile = turnstile
        self._shares = Shares()
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
        self._watched: dict[str, asyncio.Future[Held | Denied]] = {}
        """Messages that others have in hand: what the try that looks for all of them sees."""

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return self._shares.open

    def apply(self, generation: Generation) -> None:
        """Take what comes from now on as ``generation`` says; what is under way goes on as it is.

        One step of the loop: no request sees half of it.
        """
        self.generation = generation
        generation.core.warm_as(self._core)
        self._core = generation.core
        self._flights.apply(generation.core)
        self._budgets = generation.budgets
        self._with_headers = generation.with_headers
        self.wants_peer, self._with_forwarded = self._core.needs_source()
        self._overloaded: Answer = generation.core.refusal("admit.overloaded")
        self._accounts = dict(generation.core.accounts())
        exempt = (name for name, kind in self._accounts.items() if kind in _NEVER_UNREAD)
        self._turnstile.shedder.apply(self._accounts, exempt, self._overloaded)
        server = generation.settings.server
        self._shares.resize(server.max_in_flight, alone=generation.is_for_one)
        self.max_body = server.max_body
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
        shedder = self._turnstile.shedder
        return None if shedder.asked or not shedder.refuses(path) else shedder.answer

    def has_read(self) -> None:
        """Note that the current request has been read, or cannot be."""
        if self._slow and (task := asyncio.current_task(self._loop)) in self._slow:
            self._slow.discard(task)
        else:
            self._turnstile.shedder.begin()

    def _bodies(self, seconds: float) -> Tasks:
        return tasks(self._loop, seconds, (_SLOW_S, self._is_slow))

    def _is_slow(self, task: asyncio.Task[object]) -> None:
        """Count a request no more among those that wait to be read.

        A caller's slowness is no queue of ours: bodies that never come would have all others
        refused.
        """
        if task not in self._slow:
            self._slow.add(task)
            self._turnstile.shedder.begin()

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
        account, authorizer = _place(path)
        now = time.time_ns() // 1_000_000
        message = self._core.receive(account, authorizer, method, query, headers, body, now, peer)
        if message.outcome == "event":
            return await self._admit(account, message, now)
        if message.code is not None:
            self._note(account, message.code)
        else:
            self._counters.add(account, "answered")
        return message.status, message.content_type, message.body

    def refuse(self, path: str, code: str) -> Answer:
        """Refuse a request that cannot even be read."""
        return self._refuse(_place(path)[0], code)

    async def _admit(self, account: str, message: Received, now: int) -> Answer:
        if self.draining:
            return self._refuse(account, "admit.draining")
        if (code := self._shares.refusal(message.tenant)) is not None:
            return self._refuse(account, code)
        if self._turnstile.pressed and (shed := await self._queue(account, message, now)):
            return shed
        claimed = self._admission.claim(account, message, now)
        if isinstance(claimed, asyncio.Future):
            asked, tenant = claimed, message.tenant
            # It is open from now on: a stop waits for it as well.
            self._shares.enter(tenant)
            try:
                claimed = await asked
            except asyncio.CancelledError:
                self._give_back(asked, message)
                raise
            finally:
                self._land(tenant)
        if claimed is True:
            # As nearly all are: not by way of one coroutine more.
            return await self._follow(self._begin(account, message), message, first=True)
        return await self._act_on(claimed, account, message)

    def _give_back(self, claimed: asyncio.Future[Held | Denied], message: Received) -> None:
        """Give back what a sender has left who hung up in the turn in which it was found new."""
        if claimed.done() and not claimed.cancelled() and claimed.result() is True:
            if self.limits is not None:
                self.limits.leave(message)
            self._admission.abandon(message)

    async def _queue(self, account: str, message: Received, now: int) -> Answer | None:
        """Wait for the turn of a message, or answer it now: with a refusal, as a rule."""
        if not self._turnstile.admits(message):
            known = self._admission.known(message, now)
            if known is None:
                self._note(account, "admit.overloaded")
                return self._overloaded
            # To answer a message that is known costs no more, and ends its tries.
            return await self._act_on(known, account, message)
        self._shares.enter(message.tenant)
        try:
            await self._turnstile.turn()
        finally:
            self._land(message.tenant)
        return None

    def _land(self, tenant: str) -> None:
        self._shares.leave(tenant)
        if self._idle is not None and not self.in_flight and not self._idle.done():
            self._idle.set_result(None)

    async def _act_on(self, claimed: Claimed, account: str, message: Received) -> Answer:
        if claimed is True:
            return await self._follow(self._begin(account, message), message, first=True)
        if isinstance(claimed, tuple):
            return self._over(account, message, claimed)
        if isinstance(claimed, str):
            return self._refuse(account, claimed)
        if isinstance(claimed, bytes):
            self._counters.add(account, "repeated")
            return self._flights.again(account, message, claimed)
        return await self._overtake(account, message)

    def _begin(self, account: str, message: Received) -> Flight:
        """Have a message recorded that is new."""
        flight = self._flights.begin(account, message)
        self._recorder.record(flight)
        return flight

    def _over(self, account: str, message: Received, denied: Denied) -> Answer:
        """Answer a message over a limit."""
        assert self.limits is not None  # noqa: S101 (who else denied it? for mypy)
        if self.limits.absorbs(denied):
            self.limits.absorb(account, denied)
            return message.status, message.content_type, message.body
        self._note(account, "admit.limited")
        return refusal(self._core, denied)

    async def _overtake(self, account: str, message: Received) -> Answer:
        """Wait with the first try for the answer to both."""
        flight = self._flights.find(message.id)
        if flight is None:
            return await self._watch(account, message)
        return await self._join(flight, message)

    async def _join(self, flight: Flight, message: Received) -> Answer:
        answer = await self._follow(flight, message)
        if flight.recorded:
            self._counters.add(flight.account, "repeated")
        return answer

    async def _watch(self, account: str, message: Received) -> Answer:
        """Wait for the answer that another worker or machine is getting.

        It may also give the message up. Of the tries that wait here, one looks for all.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._budget(account)
        while (left := until - loop.time()) > 0 and not self.draining:
            seen = self._watched.get(message.id)
            if seen is None:
                claimed = await self._look(message, until)
                if claimed is True:
                    return await self._act_on(claimed, account, message)
            else:
                await asyncio.wait({seen}, timeout=left)
                claimed = seen.result() if seen.done() else False
            if (flight := self._flights.find(message.id)) is not None:
                return await self._join(flight, message)
            if not isinstance(claimed, bool):
                return await self._act_on(claimed, account, message)
        return self._refuse(account, "admit.busy")

    async def _look(self, message: Received, until: float) -> Held | Denied:
        """Look every now and then until there is something to see, and tell the others."""
        loop = asyncio.get_running_loop()
        seen = self._watched[message.id] = loop.create_future()
        claimed: Held | Denied = False
        try:
            while claimed is False and loop.time() < until and not self.draining:
                await asyncio.sleep(_GLANCE_S)
                if self._flights.find(message.id) is not None:
                    break
                now = time.time_ns() // 1_000_000
                asked = self._admission.again(message, now)
                if not isinstance(asked, asyncio.Future):
                    claimed = asked
                    continue
                try:
                    claimed = await asked
                except asyncio.CancelledError:
                    self._give_back(asked, message)
                    raise
        finally:
            del self._watched[message.id]
            seen.set_result(claimed)
        return claimed

    async def _follow(self, flight: Flight, message: Received, *, first: bool = False) -> Answer:
        """Wait for the answer; the ``first`` try has places of limits, and gives them back."""
        if self._flights.is_out(flight):
            return message.status, message.content_type, message.body
        tenant = message.tenant
        self._shares.enter(tenant)
        waits = self._waits(self._budget(flight.account))
        told = flight.wait(waits)
        try:
            end = await told
        except asyncio.CancelledError:
            self._flights.left(flight)
            raise
        finally:
            waits.leave(told)
            self._land(tenant)
            if first and self.limits is not None:
                self.limits.leave(message)
        if isinstance(end, tuple):
            return end
        if isinstance(end, bytes):
            # Sealed for the first of those who wait; the others get the same.
            flight.answer = flight.answer or self._flights.seal(flight.account, message, end)
            return flight.answer
        if end is not None:
            return self._refuse(flight.account, end)
        if not flight.recorded:
            return self._refuse(flight.account, "record.slow")
        self._flights.late(flight)
        return message.status, message.content_type, message.body

    def _waits(self, seconds: float) -> Waits:
        found = self._waiting.get(seconds)
        if found is None:
            found = self._waiting[seconds] = waits(self._loop, seconds)
        return found

    def _budget(self, account: str) -> float:
        """Seconds until WeChat is answered; an account may have gone while its message waited."""
        general = self.generation.settings.server.reply_budget
        return self._budgets.get(account, general)

    def _refuse(self, account: str, code: str) -> Answer:
        self._note(account, code)
        return self._core.refusal(code)

    def _shed(self, account: str, count: int) -> None:
        """Note what was refused unread."""
        self._counters.add(account, "admit.overloaded", count)
        self._refusals.note(account or "-", "admit.overloaded", count)

    def _note(self, account: str, code: str) -> None:
        self._counters.add(account, code)
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
            loop.call_later(max(0.0, seconds - _FOR_THE_REST_S), self._flights.close)

    def hasten(self) -> None:
        """Note that a stop has no more time: who waits is told what is on disk by now."""
        self._until = asyncio.get_running_loop().time()
        self._flights.close()

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
        self._flights.close()
        # One turn of the loop for those who were told just now.
        await asyncio.sleep(0)


def _place(path: str) -> tuple[str, str | None]:
    """Account and authorizer of ``/cb/{account}[/{authorizer}]``; of no account for other paths."""
    if not path.startswith(_PREFIX):
        return "", None
    account, slash, authorizer = path[len(_PREFIX) :].partition("/")
    return account, authorizer if slash else None
