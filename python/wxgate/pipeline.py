"""The life of a message inside one worker: one call into wxcore, then admit, dispatch, reply."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from wxgate.errors import SinkError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wxcore._wxcore import Gateway as Core
    from wxcore._wxcore import Received

    from wxgate.dispatch import Dispatcher
    from wxgate.metrics import Counters
    from wxgate.refusals import RefusalLog
    from wxgate.stores.nonces import Nonces

    Answer = tuple[int, str, bytes]
    """Status, media type, body."""

_LOG = logging.getLogger("wxgate.dispatch")
_PREFIX = "/cb/"


class Pipeline:
    """Answers requests. Nothing a stranger sends makes it raise."""

    def __init__(  # noqa: PLR0913 (wired once, in lifespan)
        self,
        core: Core,
        dispatcher: Dispatcher,
        counters: Counters,
        refusals: RefusalLog,
        nonces: Nonces | None,
        *,
        budgets: Mapping[str, float],
        max_in_flight: int,
        stopping: memoryview | None = None,
    ) -> None:
        """``budgets`` are the seconds of each account until WeChat is answered."""
        self._core = core
        self._dispatcher = dispatcher
        self._counters = counters
        self._refusals = refusals
        self._nonces = nonces
        self._budgets = budgets
        self._max_in_flight = max_in_flight
        self._with_headers = {name for name, _ in core.accounts() if core.needs_headers(name)}
        self._late: set[asyncio.Task[bytes]] = set()
        self._stopping = stopping
        self._closing = False
        self.in_flight = 0

    @property
    def draining(self) -> bool:
        """Whether a stop is under way: nothing new is taken, nothing answered before its time."""
        return self._closing or (self._stopping is not None and self._stopping[0] != 0)

    def wants_headers(self, path: str) -> bool:
        """Whether the core has to see the headers of a request to ``path``."""
        return bool(self._with_headers) and _place(path)[0] in self._with_headers

    async def answer(
        self, method: str, path: str, query: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Answer:
        """Take a complete request and return the answer."""
        account, authorizer = _place(path)
        now = time.time_ns() // 1_000_000
        message = self._core.receive(account, authorizer, method, query, headers, body, now)
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
        if self.in_flight >= self._max_in_flight:
            return self._refuse(account, "admit.busy")
        if message.nonce is not None and (code := self._claim(account, message.nonce, now)):
            return self._refuse(account, code)
        self.in_flight += 1
        try:
            return await self._dispatch(account, message)
        finally:
            self.in_flight -= 1

    def _claim(self, account: str, nonce: tuple[str, int], now: int) -> str | None:
        if self._nonces is None:
            return "admit.nonce_unknown"
        try:
            fresh = self._nonces.claim(account, *nonce, now)
        except StoreError:
            _LOG.exception("account %s: the store of nonces does not answer", account)
            return "admit.nonce_unknown"
        return None if fresh else "admit.nonce_reused"

    async def _dispatch(self, account: str, message: Received) -> Answer:
        try:
            if all(wait for _, _, wait in message.destinations):
                spec = await self._ask(account, message)
            else:
                async with asyncio.timeout(self._budgets[account]):
                    spec = await self._dispatcher.hand_over(message)
        except (SinkError, ExceptionGroup, TimeoutError) as error:
            _LOG.warning("account %s: %s not delivered: %s", account, message.id, _causes(error))
            return self._refuse(account, "dispatch.not_delivered")
        except Exception:  # noqa: BLE001 (a handler of the team's own may raise anything)
            _LOG.exception("account %s: %s not delivered", account, message.id)
            return self._refuse(account, "dispatch.not_delivered")
        self._counters.add(account, "accepted")
        if spec is None:
            self._counters.add(account, "late")
            return message.status, message.content_type, message.body
        self._counters.add(account, "delivered")
        return self._reply(account, message, spec)

    async def _ask(self, account: str, message: Received) -> bytes | None:
        """Wait for the answer as long as the sender does: None if it is late; its work goes on."""
        asking = asyncio.ensure_future(self._dispatcher.hand_over(message))
        done, _ = await asyncio.wait({asking}, timeout=self._budgets[account])
        if done:
            return asking.result()
        if self.draining:
            # Nobody will be here to see how it ends.
            asking.cancel()
            raise TimeoutError
        self._late.add(asking)
        self.in_flight += 1
        asking.add_done_callback(lambda task: self._arrived_late(account, message.id, task))
        return None

    def _arrived_late(self, account: str, message_id: str, task: asyncio.Task[bytes]) -> None:
        self._late.discard(task)
        self.in_flight -= 1
        if task.cancelled() or (error := task.exception()) is not None:
            cause = "cancelled" if task.cancelled() else _causes(error)
            _LOG.error(
                "account %s: %s failed after its acknowledgement: %s", account, message_id, cause
            )
            self._counters.add(account, "late_failed")
        else:
            self._counters.add(account, "delivered")

    def _reply(self, account: str, message: Received, spec: bytes) -> Answer:
        if not spec and not message.prescribed:
            return message.status, message.content_type, message.body
        now = time.time_ns() // 1_000_000
        status, content_type, body, code = self._core.reply(message, spec, now)
        if code is not None:
            _LOG.warning("account %s: the answer to %s is no reply: %s", account, message.id, code)
            self._counters.add(account, code)
        elif body is not message.body:
            self._counters.add(account, "replied")
        return status, content_type, body

    def _refuse(self, account: str, code: str) -> Answer:
        self._note(account, code)
        return self._core.refusal(code)

    def _note(self, account: str, code: str) -> None:
        self._counters.add(account, code)
        self._refusals.note(account if account in self._budgets else "-", code)

    async def drain(self, seconds: float) -> None:
        """Take nothing new, and wait for what is open."""
        self._closing = True
        if self._late:
            await asyncio.wait(self._late, timeout=seconds)
        for task in self._late:
            task.cancel()


def _place(path: str) -> tuple[str, str | None]:
    """Account and authorizer of ``/cb/{account}[/{authorizer}]``; of no account for other paths."""
    if not path.startswith(_PREFIX):
        return "", None
    account, slash, authorizer = path[len(_PREFIX) :].partition("/")
    return account, authorizer if slash else None


def _causes(error: BaseException | None) -> str:
    """Name the causes without the text of messages: sinks write only addresses and statuses."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_causes(one) for one in error.exceptions)
    if isinstance(error, SinkError):
        return str(error)
    return type(error).__name__
