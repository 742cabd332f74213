"""Stage admit: whether a message is new here, in somebody's hands, or done."""

from __future__ import annotations

import logging
from asyncio import Future
from functools import partial
from typing import TYPE_CHECKING

from wxcore import Claims as OwnClaims

from wxgate.errors import StoreError
from wxgate.stores.claims import SharedClaims

if TYPE_CHECKING:
    from wxcore._wxcore import Received

    from wxgate.limits import Limits
    from wxgate.stores import Claims, Denied, Held, Waiter
    from wxgate.stores.nonces import Nonces

    Claimed = Held | Denied | str
    """What was answered; whether it is the asker's now; or why it is refused."""

_LOG = logging.getLogger("wxgate.admit")


class Admission:
    """Asks the claims, for partners' calls the nonces before, and for what is new the limits."""

    def __init__(
        self, claims: Claims, nonces: Nonces | None = None, limits: Limits | None = None
    ) -> None:
        """Ask these; ``nonces`` only where an account has partners, ``limits`` if there are any."""
        self._claims = claims
        self._nonces = nonces
        self._limits = limits
        # Spares those that have it a future for each message.
        self._claim_for = getattr(claims, "claim_for", None)

    def remember_nonces(self, nonces: Nonces) -> None:
        """Ask these from now on: there are partners now."""
        self._nonces = nonces

    def limit(self, limits: Limits) -> None:
        """Ask these from now on: there are limits now."""
        self._limits = limits

    def close(self) -> None:
        """Close what is open in files."""
        if self._nonces is not None:
            self._nonces.close()

    @property
    def knows_nonces(self) -> bool:
        """Whether partners' calls can be taken."""
        return self._nonces is not None

    def claim(self, account: str, message: Received, now: int, waiter: Waiter) -> Claimed | None:
        """Ask for a message at ``now`` (ms).

        True: it is new, and the caller completes or abandons it. False: it is being worked on.
        Bytes: it is done, and this was answered. A ``str`` is the code of a refusal, a pair a limit
        that it is over; then it is not claimed. None: ``waiter`` is told, by claims that are shared
        between machines.
        """
        nonce = message.nonce
        if nonce is not None and (code := self._code(account, nonce, now)):
            return code
        claimed = self._ask(message, now, waiter)
        if isinstance(claimed, Future):
            claimed.add_done_callback(partial(self._tell, message, waiter))
            return None
        return claimed

    def again(self, message: Received, now: int) -> Held | Denied | Future[Held | Denied]:
        """Ask for a message whose nonce is known to be its own."""
        asked = self._ask(message, now)
        assert asked is not None  # noqa: S101 (only a waiter is told; for mypy)
        return asked

    def _ask(
        self, message: Received, now: int, waiter: Waiter | None = None
    ) -> Held | Denied | Future[Held | Denied] | None:
        try:
            if waiter is None or self._claim_for is None:
                claimed = self._claims.claim(message, now)
            else:
                claimed = self._claim_for(message, now, waiter)
        except StoreError:
            claimed = self._unknown(message)
        # Only what is new: a retry of what was taken uses up nothing.
        if claimed is True and self._limits and (denied := self._limits.admit(message)):
            self._claims.abandon(message)
            return denied
        return claimed

    def _unknown(self, message: Received) -> bool:
        """Take for new what the store says nothing of: rather twice than never (G3)."""
        _LOG.exception("%s: the store of claims does not answer", message.id)
        return True

    def _tell(self, message: Received, waiter: Waiter, asked: Future[Held | Denied]) -> None:
        if asked.cancelled():
            return
        try:
            claimed = asked.result()
        except StoreError:
            claimed = self._unknown(message)
        if not waiter.is_over:
            waiter.decided(claimed)
        elif claimed is True:
            self.give_back(message)

    def known(self, message: Received, now: int) -> bytes | bool | None:
        """Return what is known of a message without taking it; None if that is nothing.

        Claims that machines share are not asked: it would cost what taking the message costs.
        """
        if not isinstance(self._claims, OwnClaims | SharedClaims):
            return None
        try:
            claimed = self._claims.claim(message, now)
        except StoreError:
            return None
        if claimed is not True:
            return claimed
        self._claims.abandon(message)
        return None

    def give_back(self, message: Received) -> None:
        """Give back a message that was new, and its places: nobody is there to take it."""
        if self._limits is not None:
            self._limits.leave(message)
        self._claims.abandon(message)

    def _code(self, account: str, nonce: tuple[str, int], now: int) -> str | None:
        if self._nonces is None:
            return "admit.nonce_unknown"
        try:
            fresh = self._nonces.claim(account, *nonce, now)
        except StoreError:
            _LOG.exception("account %s: the store of nonces does not answer", account)
            return "admit.nonce_unknown"
        return None if fresh else "admit.nonce_reused"
