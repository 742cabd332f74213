"""The claims of all gateways that share a Redis, in front of the claims of this one."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from wxgate.errors import StoreError
from wxgate.redis.place import Place
from wxgate.stores.redis.call import DONE, GIVEN_BACK, PENDING, SCRIPT, Frame
from wxgate.stores.redis.exchange import Asked, Exchange
from wxgate.stores.redis.panel import Panel
from wxgate.stores.redis.recovery import Recovery
from wxgate.stores.redis.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxcore._wxcore import Received

    from wxgate.redis.session import Session
    from wxgate.settings.redis import Redis
    from wxgate.stores import Denied, Held, LocalClaims, Waiter
    from wxgate.stores.redis.call import Note


_LOG = logging.getLogger("wxgate.state")
_START_WITHIN_S = 1.0
_CLOSE_WITHIN_S = 0.5
_PUBLISH_S = 1.0
_NEW, _LEASED, _DONE, _ANSWERED = b"nlda"


class Limits(Protocol):
    """The limits of this node."""

    def admit(self, message: Received) -> Denied | None:
        """Let a new message pass them all, or say which denies it."""
        ...

    def hold(self, message: Received) -> Denied | None:
        """Have it take the places that no store counts, of how many messages are open here."""
        ...

    def note(self, message: Received) -> None:
        """Note that a message that has its places was let pass elsewhere."""
        ...

    def leave(self, message: Received) -> None:
        """Note that a message has its places no more."""
        ...


class RedisClaims:
    """Ask here what is known here, and the others only for what is new here.

    While the store is slow or gone, what this machine knows decides alone.
    """

    def __init__(
        self,
        settings: Redis,
        local: LocalClaims,
        limits: Limits | None = None,
        panel: Panel | None = None,
    ) -> None:
        """Not in use yet; ``limits`` are this node's, if there are any at all.

        Raises ``OSError`` for the CA file.
        """
        prefix = b"{%b}:" % settings.prefix.encode()
        holder = os.urandom(8)
        frame = Frame(prefix, holder, round(settings.lease * 1000))
        place = Place(settings, prefix + b"e", SCRIPT)
        self.tally = Tally()
        self.url = str(settings.url)
        self.local = local
        self.limits = limits
        self._pending = PENDING + holder
        self._unfinished: dict[bytes, int] = {}
        """Until when (ms) messages are pending: on disk here, their answers still to come."""
        self._exchange = Exchange(frame, place, self, self.tally, settings.budget)
        self._recovery = Recovery(frame, place, self._exchange, self, self.tally)
        self._since = time.monotonic()
        self._closing = False
        self.panel = panel or Panel()
        self._loop = asyncio.get_running_loop()
        self._beat = self._loop.call_soon(self._publish)

    async def open(self) -> None:
        """Start, and wait a moment for the store; without it, go on."""
        self._recovery.start()
        await asyncio.wait({self._recovery.tried}, timeout=_START_WITHIN_S)
        if not self.is_shared:
            _LOG.warning("state: this node's own claims and limits: %s", self._recovery.reason)

    @property
    def is_shared(self) -> bool:
        """Whether the store is in use."""
        return self._exchange.in_use

    def report(self) -> dict[str, object]:
        """Return how it stands, ready for JSON."""
        session = self._exchange.session
        merging = self._recovery.is_merging
        return {
            "mode": "shared" if self.is_shared else "merging" if merging else "alone",
            "redis": self.url,
            "server": session.about.name if session else None,
            "reason": None if self.is_shared else self._recovery.reason,
            "seconds": round(time.monotonic() - self._since, 3),
            "untold": self._recovery.waiting,
            **asdict(self.tally),
        }

    def claim(self, message: Received, now: int) -> Held | asyncio.Future[Held | Denied]:
        """Ask for a message at ``now`` (ms). Raises ``StoreError`` if nobody can be asked.

        What is answered at once has met no limit yet; what is answered later has met all.
        """
        asked = Asked(self._loop)
        held = self.claim_for(message, now, asked)
        return asked.future if held is None else held

    def claim_for(self, message: Received, now: int, waiter: Waiter) -> Held | None:
        """As ``claim``; None if ``waiter`` is told later."""
        try:
            held = self.local.claim(message, now)
        except StoreError:
            if not self._exchange.in_use:
                raise
            held = True
        if held is not True:
            return held
        if self._exchange.in_use:
            self._exchange.ask(message, waiter, self._hold(message))
            return None
        self.tally.decided_alone += 1
        return True

    def complete(self, messages: list[Received], now: int) -> None:
        """Note that messages are done."""
        self.local.complete(messages, now)
        for message in messages:
            key = message.claim_key
            if self._unfinished:
                self._unfinished.pop(key, None)
            self._note(key, DONE, message.lifetime)

    def answer(self, message: Received, answer: bytes, now: int) -> tuple[bytes, int]:
        """Note that a message is done, and its answer; return its key and the end of its life."""
        key, until = self.local.answer(message, answer, now)
        self._unfinished.pop(key, None)
        self._note(key, DONE + answer, until - now)
        return key, until

    def abandon(self, message: Received) -> None:
        """Give back a message that is not recorded."""
        self.local.abandon(message)
        self._note(message.claim_key, GIVEN_BACK, 0)

    def pending(self, message: Received, now: int) -> None:
        """Note that a message is on disk and its answer still to come."""
        self.local.pending(message, now)
        key, life = message.claim_key, message.lifetime
        self._unfinished[key] = now + life
        self._note(key, self._pending, life)

    def lease(self, message_id: str, until: int) -> bytes:
        """Take a message that is on disk, but unfinished; return its key."""
        key = self.local.lease(message_id, until)
        self._unfinished[key] = until
        self._note(key, self._pending, until - _now())
        return key

    def restore(self, key: bytes, until: int, answer: bytes) -> None:
        """Note that a message is done until ``until``."""
        self.local.restore(key, until, answer)
        self._unfinished.pop(key, None)
        # At the start there may be millions of them.
        if not self._recovery.tells_all:
            self._note(key, DONE + answer, until - _now())

    def unfinished(self) -> list[Note]:
        """Return what a store has to hear of messages that are pending, if it has lost all."""
        now = _now()
        pending = self._pending
        notes = [(key, pending, until - now) for key, until in self._unfinished.items()]
        return [note for note in notes if note[2] > 0]

    def verdict(
        self, message: Received, letter: int, more: bytes, full: Denied | None
    ) -> Held | Denied:
        """Take note of what the script said of a message."""
        if letter == _NEW:
            if full is None and self.limits is not None:
                self.limits.note(message)
            return self._decided(message, full)
        self._release(message, full)
        if letter in {_ANSWERED, _DONE}:
            until = _now() + message.lifetime
            self.local.restore(message.claim_key, until, more)
            return more
        self.local.abandon(message)
        if letter == _LEASED:
            return False
        rule, _, wait = more.partition(b":")
        return int(rule), int(wait)

    def alone(self, message: Received, full: Denied | None) -> Held | Denied:
        """Decide on a message that is new here."""
        # Its places are free for this one turn: nobody else can have them before it does.
        self._release(message, full)
        return self._decided(message, self.limits.admit(message) if self.limits else None)

    def unheard(self, message: Received, full: Denied | None) -> None:
        """Give a message back whose sender has hung up while it was asked for."""
        self._release(message, full)
        self.abandon(message)

    def _decided(self, message: Received, denied: Denied | None) -> Held | Denied:
        if denied is None:
            return True
        self.abandon(message)
        return denied

    def _hold(self, message: Received) -> Denied | None:
        """Have a message take its places before it is known whether it is new.

        Once the script has counted its rates, it would be too late to find none. Which limit is
        full, where one is: then it may still be known elsewhere.
        """
        if self.limits is None or not message.takes_places:
            return None
        return self.limits.hold(message)

    def _release(self, message: Received, full: Denied | None) -> None:
        """Free what ``_hold`` has taken: nothing, if that found a limit full."""
        if full is None and self.limits is not None and message.takes_places:
            self.limits.leave(message)

    def failed(self, reason: str, notes: Iterable[Note]) -> None:
        """Go on alone, and look for the way back."""
        self._recovery.take(notes)
        self.tally.failures += 1
        self._since = time.monotonic()
        self._publish()
        if not self._closing:
            _LOG.warning("state: this node's own claims and limits from now on: %s", reason)
            self._recovery.start(reason)

    def recovered(self, session: Session) -> None:
        """Say that the store is in use."""
        alone = time.monotonic() - self._since
        self._since = time.monotonic()
        self._publish()
        merged = self.tally.merged
        text = "state: shared in %s, %s, after %.1f s alone; told it of %d messages so far"
        _LOG.info(text, self.url, session.about.name, alone, merged)
        if session.about.evicts:
            text = "state: %s may drop claims: its maxmemory-policy is %s, set it to noeviction"
            _LOG.warning(text, self.url, session.about.policy)

    async def settle(self, seconds: float) -> None:
        """Wait until the store has heard all that is done, but not longer."""
        await self._exchange.settle(seconds)

    async def aclose(self) -> None:
        """Let the store hear what is done, and hang up."""
        self._closing = True
        self._beat.cancel()
        await self.settle(_CLOSE_WITHIN_S)
        self._recovery.stop()
        self._exchange.close()
        # One turn of the loop, in which the connection is closed for good.
        await asyncio.sleep(0)

    def _publish(self) -> None:
        self.panel.publish(shared=self.is_shared, untold=self._recovery.waiting, tally=self.tally)
        if not self._closing:
            self._beat.cancel()
            self._beat = self._loop.call_later(_PUBLISH_S, self._publish)

    def _note(self, key: bytes, value: bytes, life: int) -> None:
        if self._exchange.in_use:
            self._exchange.note(key, value, life)
        else:
            self._recovery.take(((key, value, life),))


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
