"""The player of a team's own service that calls in, under its AppSecret and private key."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from wxcore import PartnerSender

from wxgate.sim import invent, written
from wxgate.sim.call import Call
from wxgate.sim.message import Message, override
from wxgate.sim.player import (
    FRESH,
    JSON_TYPE,
    MAX_BODY,
    OK,
    Reading,
    no_such,
    readable,
    refused,
    words,
)

if TYPE_CHECKING:
    from wxgate.sim.call import Answer
    from wxgate.sim.player import Changes

_TAKEN = range(OK, 300)


@dataclass(frozen=True, kw_only=True)
class PartnerPlayer:
    """Plays a service that calls back."""

    kind: str
    account: str
    max_body: int = MAX_BODY
    max_age: int = FRESH
    app_id: str
    app_secret: str = field(repr=False)
    private_key: str = field(repr=False)

    @property
    def repertoire(self) -> tuple[str, ...]:
        """Callbacks of any type."""
        return ("partner",)

    def message(
        self,
        kind: str,
        what: str | None = None,
        *,
        openid: str | None = None,
        changes: Changes = (),
    ) -> Message:
        """Make up a callback; `what` is its type."""
        if kind != "partner":
            raise no_such(self, kind)
        name, order = what or "order.paid", invent.trade_no()
        fields = {
            "id": f"cb-{invent.alphanumeric(20)}",
            "type": name,
            "openid": openid or invent.openid(),
            "time": int(time.time()),
            "out_trade_no": order,
            "total_fee": 8800,
        }
        return Message(
            title=f"partner {name}",
            form="partner",
            path=f"/cb/{self.account}",
            fields=override(fields, changes),
            mark=order,
            receiver=self.app_id,
        )

    def call(self, message: Message, now: int) -> Call:
        """Seal and sign for `now`, under a nonce that is never used again."""
        sender = PartnerSender(message.receiver, self.app_secret, self.private_key)
        plain = written.json(message.fields)
        body = sender.seal(plain, nonce=invent.alphanumeric(32), now=now)
        return Call("POST", message.path, (), (JSON_TYPE,), body)

    def read(self, message: Message, answer: Answer) -> Reading:
        """Any 2xx counts; JSON that is not the acknowledgement is the service's reply."""
        del message
        if answer.status not in _TAKEN:
            return refused(answer)
        fields = readable(answer.body)
        reply = {} if fields.get("code") == "SUCCESS" else fields
        return Reading(satisfied=True, text=words(answer.body), reply=reply)

    def with_wrong_key(self) -> Self:
        """Another application's secret."""
        return replace(self, app_secret=invent.key32())
