"""One try of a message on its way through admit, record and reply.

It has neither a task nor a future: whoever it waits for, be it its turn, the claims, the journal or
the clock, tells it, and it goes on there and then. A task for each try cost a message a turn of the
loop for every one of these waits; decision 32 has the figures.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from wxgate.limits import refusal

if TYPE_CHECKING:
    from wxcore._wxcore import Received

    from wxgate.admit import Claimed
    from wxgate.flight import Answer, End, Flight, Waits
    from wxgate.pipeline import Pipeline
    from wxgate.stores import Denied, Held

_GLANCE_S = 0.02
"""How often a try looks whether another worker has its answer; only while one is on its way."""


class Reply(Protocol):
    """Where the answer goes; a future is one."""

    def done(self) -> bool:
        """Whether nobody wants it any more."""
        ...

    def set_result(self, answer: Answer, /) -> None:
        """Send it."""
        ...

    def set_exception(self, error: BaseException, /) -> None:
        """Say that there is none."""
        ...


class Passage:
    """Of one request that carries a message; what it is told comes on the loop's thread."""

    __slots__ = ("_account", "_flight", "_message", "_pipeline", "_reply", "_waits", "is_over")

    def __init__(self, pipeline: Pipeline, account: str, message: Received, reply: Reply) -> None:
        """Answer to ``reply``."""
        self._pipeline = pipeline
        self._account = account
        self._message = message
        self._reply = reply
        self._flight: Flight | None = None
        self._waits: Waits | None = None
        self.is_over = False
        """Whether it is answered, or its sender has hung up."""

    def begin(self, now: int) -> None:
        """Take a place among the requests that are open, then ask for the message (ms)."""
        pipeline, message = self._pipeline, self._message
        code = "admit.draining" if pipeline.draining else pipeline.shares.refusal(message.tenant)
        if code is not None:
            self.is_over = True
            self._reply.set_result(pipeline.deny(self._account, code))
            return
        pipeline.shares.enter(message.tenant)
        try:
            if not pipeline.turnstile.pressed:
                self._claim(now)
            elif pipeline.turnstile.admits(message):
                pipeline.turnstile.turn(self)
            else:
                self._stand_back(now)
        except Exception as error:  # noqa: BLE001 (its place is to be given back)
            self._fail(error)

    def enter(self) -> None:
        """Hear that it has its turn."""
        try:
            self._claim(time.time_ns() // 1_000_000)
        except Exception as error:  # noqa: BLE001 (others are told in the same breath)
            self._fail(error)

    def decided(self, claimed: Held | Denied) -> None:
        """Hear what the claims say."""
        try:
            self._act(claimed)
        except Exception as error:  # noqa: BLE001 (as above)
            self._fail(error)

    def told(self, end: End) -> None:
        """Hear how it ends, for all tries of the message; or that its sender waits no longer."""
        try:
            self._end(self._answer(end))
        except Exception as error:  # noqa: BLE001 (as above)
            self._fail(error)

    def leave(self) -> None:
        """Hear that its sender has hung up: what is on its way goes on without it."""
        if not self.is_over:
            self._close()
            if self._flight is not None:
                self._pipeline.flights.left(self._flight)

    def _stand_back(self, now: int) -> None:
        """Refuse it, as a rule: to answer one that is known costs no more, and ends its tries."""
        pipeline = self._pipeline
        known = pipeline.admission.known(self._message, now)
        if known is None:
            self._end(pipeline.deny(self._account, "admit.overloaded"))
        else:
            self._act(known)

    def _claim(self, now: int) -> None:
        claimed = self._pipeline.admission.claim(self._account, self._message, now, self)
        if claimed is not None:
            self._act(claimed)

    def _act(self, claimed: Claimed) -> None:
        if claimed is True:
            self._follow(self._pipeline.record(self._account, self._message))
        elif claimed is False:
            self._overtake()
        elif isinstance(claimed, bytes):
            self._pipeline.counters.add(self._account, "repeated")
            self._end(self._pipeline.flights.again(self._account, self._message, claimed))
        elif isinstance(claimed, str):
            self._end(self._pipeline.deny(self._account, claimed))
        else:
            self._end(self._limited(claimed))

    def _limited(self, denied: Denied) -> Answer:
        pipeline, message = self._pipeline, self._message
        assert pipeline.limits is not None  # noqa: S101 (who else denied it? for mypy)
        if pipeline.limits.absorbs(denied):
            pipeline.limits.absorb(self._account, denied)
            return message.status, message.content_type, message.body
        pipeline.note(self._account, "admit.limited")
        return refusal(pipeline.generation.core, denied)

    def _overtake(self) -> None:
        """Wait with the first try for the answer to both."""
        flight = self._pipeline.flights.find(self._message.id)
        if flight is None:
            self._pipeline.watch(self._watch())
        else:
            self._join(flight)

    def _join(self, flight: Flight) -> None:
        if self._pipeline.flights.is_out(flight):
            self._count(flight)
            self._end((self._message.status, self._message.content_type, self._message.body))
        else:
            self._follow(flight)

    def _follow(self, flight: Flight) -> None:
        self._flight = flight
        self._waits = waits = self._pipeline.waits(flight.account)
        flight.wait(self)
        waits.enter(self)

    def _answer(self, end: End) -> Answer:
        flight, message, pipeline = self._flight, self._message, self._pipeline
        assert flight is not None  # noqa: S101 (nobody else tells it; for mypy)
        if flight.message is not message:
            self._count(flight)
        if isinstance(end, tuple):
            return end
        if isinstance(end, bytes):
            # Sealed for the first of those who wait; the others get the same.
            flight.answer = flight.answer or pipeline.flights.seal(flight.account, message, end)
            return flight.answer
        if end is not None:
            return pipeline.deny(flight.account, end)
        if not flight.recorded:
            return pipeline.deny(flight.account, "record.slow")
        pipeline.flights.late(flight)
        return message.status, message.content_type, message.body

    def _count(self, flight: Flight) -> None:
        if flight.recorded:
            self._pipeline.counters.add(flight.account, "repeated")

    async def _watch(self) -> None:
        """Wait for the answer that another worker or machine is getting.

        It may also give the message up. Of the tries that wait here, one looks for all.
        """
        try:
            await self._see()
        except Exception as error:  # noqa: BLE001 (nobody awaits this task)
            self._fail(error)

    async def _see(self) -> None:
        loop, pipeline, message = asyncio.get_running_loop(), self._pipeline, self._message
        until = loop.time() + pipeline.budget(self._account)
        while (left := until - loop.time()) > 0 and not (self.is_over or pipeline.draining):
            seen = pipeline.watched.get(message.id)
            if seen is None:
                claimed = await self._look(until)
                if claimed is True:
                    if self.is_over:
                        pipeline.admission.give_back(message)
                    else:
                        self._act(claimed)
                    return
            else:
                await asyncio.wait({seen}, timeout=left)
                claimed = seen.result() if seen.done() else False
            if self.is_over:
                return
            if (flight := pipeline.flights.find(message.id)) is not None:
                self._join(flight)
                return
            if not isinstance(claimed, bool):
                self._act(claimed)
                return
        if not self.is_over:
            self._end(pipeline.deny(self._account, "admit.busy"))

    async def _look(self, until: float) -> Held | Denied:
        """Look every now and then until there is something to see, and tell the others."""
        loop, pipeline, message = asyncio.get_running_loop(), self._pipeline, self._message
        seen = pipeline.watched[message.id] = loop.create_future()
        claimed: Held | Denied = False
        try:
            while claimed is False and loop.time() < until:
                await asyncio.sleep(_GLANCE_S)
                if self.is_over or pipeline.draining or pipeline.flights.find(message.id):
                    break
                asked = pipeline.admission.again(message, time.time_ns() // 1_000_000)
                claimed = await asked if isinstance(asked, asyncio.Future) else asked
        finally:
            del pipeline.watched[message.id]
            seen.set_result(claimed)
        return claimed

    def _end(self, answer: Answer) -> None:
        self._close()
        if not self._reply.done():
            self._reply.set_result(answer)

    def _fail(self, error: Exception) -> None:
        if not self.is_over:
            self._close()
        if not self._reply.done():
            self._reply.set_exception(error)

    def _close(self) -> None:
        """Give back what it holds: its place, and those of limits, which only a first try has."""
        self.is_over = True
        pipeline, flight = self._pipeline, self._flight
        pipeline.land(self._message.tenant)
        if flight is not None:
            if self._waits is not None:
                self._waits.leave(self)
            if (
                self._message.takes_places
                and pipeline.limits is not None
                and flight.message is self._message
            ):
                pipeline.limits.leave(self._message)
