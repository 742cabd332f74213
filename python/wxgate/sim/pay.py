"""The player of WeChat Pay APIv3 (微信支付): sealed with the APIv3 key, signed with RSA."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from wxcore import PaySender, aead_seal

from wxgate.sim import invent, written
from wxgate.sim.call import Call
from wxgate.sim.message import Message, override
from wxgate.sim.player import (
    FRESH,
    JSON_TYPE,
    MAX_BODY,
    OK,
    USER_AGENT,
    Reading,
    no_such,
    refused,
    words,
)

if TYPE_CHECKING:
    from wxgate.sim.call import Answer
    from wxgate.sim.player import Changes

_ACKNOWLEDGED = {OK, 204}
_SUMMARIES = {"TRANSACTION.SUCCESS": "支付成功", "REFUND.SUCCESS": "退款成功"}


@dataclass(frozen=True, kw_only=True)
class PayPlayer:
    """Plays WeChat Pay towards a merchant, under a private key that only it would have."""

    kind: str
    account: str
    max_body: int = MAX_BODY
    max_age: int = FRESH
    mchid: str
    apiv3_key: str = field(repr=False)
    serial: str
    """The public key's id, or the certificate's serial, that goes with the private key."""
    private_key: str = field(repr=False)

    @property
    def repertoire(self) -> tuple[str, ...]:
        """Notices of any type."""
        return ("pay",)

    @cached_property
    def sender(self) -> PaySender:
        """What signs. Raises `ValueError` for a key that cannot."""
        return PaySender(self.serial, self.private_key, self.apiv3_key)

    def message(
        self,
        kind: str,
        what: str | None = None,
        *,
        openid: str | None = None,
        changes: Changes = (),
    ) -> Message:
        """Make up a notice; `what` is its event_type."""
        if kind != "pay":
            raise no_such(self, kind)
        event_type = (what or "TRANSACTION.SUCCESS").upper()
        now = int(time.time())
        original, resource = _resource(event_type, self.mchid, openid or invent.openid(), now)
        fields = override(resource, changes)
        return Message(
            title=f"pay {event_type}",
            form="pay",
            path=f"/cb/{self.account}",
            fields=fields,
            mark=str(fields["out_trade_no"]),
            outer={
                "id": f"EV-{invent.digits(24)}",
                "create_time": invent.rfc3339(now),
                "resource_type": "encrypt-resource",
                "event_type": event_type,
                "summary": _SUMMARIES.get(event_type, event_type),
                "original_type": original,
            },
        )

    def call(self, message: Message, now: int) -> Call:
        """Seal anew, and sign for `now`; the notice keeps its id and time."""
        outer = dict(message.outer)
        body = written.json({**outer, "resource": self._sealed(message, outer)})
        headers = self.sender.sign(body, now=now, nonce=invent.alphanumeric(32))
        return Call("POST", message.path, (), (USER_AGENT, JSON_TYPE, *headers.items()), body)

    def read(self, message: Message, answer: Answer) -> Reading:
        """Only the status counts."""
        del message
        if answer.status not in _ACKNOWLEDGED:
            return refused(answer)
        return Reading(satisfied=True, text=words(answer.body))

    def with_wrong_key(self) -> Self:
        """The signature is right, the resource is not for this merchant."""
        return replace(self, apiv3_key=invent.key32())

    def _sealed(self, message: Message, outer: dict[str, Any]) -> dict[str, str]:
        original, nonce = outer.pop("original_type"), invent.alphanumeric(12)
        plain = written.json(message.fields)
        return {
            "original_type": original,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": aead_seal(self.apiv3_key, nonce, original, plain),
            "associated_data": original,
            "nonce": nonce,
        }


def _resource(event_type: str, mchid: str, openid: str, now: int) -> tuple[str, dict[str, Any]]:
    """What such a notice seals, and its `original_type`."""
    order = {
        "mchid": mchid,
        "out_trade_no": invent.trade_no(),
        "transaction_id": invent.transaction_id(),
    }
    match event_type.partition(".")[0]:
        case "TRANSACTION":
            return "transaction", order | _payment(event_type, openid, now)
        case "REFUND":
            return "refund", order | _refund(event_type, now)
        case other:
            return other.lower(), order | {"openid": openid, "success_time": invent.rfc3339(now)}


def _payment(event_type: str, openid: str, now: int) -> dict[str, Any]:
    return {
        "appid": invent.appid(),
        "trade_type": "JSAPI",
        "trade_state": event_type.rpartition(".")[2],
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": invent.rfc3339(now),
        "payer": {"openid": openid},
        "amount": {
            "total": 8800,
            "payer_total": 8800,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }


def _refund(event_type: str, now: int) -> dict[str, Any]:
    return {
        "out_refund_no": f"R{invent.trade_no()}",
        "refund_id": invent.refund_id(),
        "refund_status": event_type.rpartition(".")[2],
        "success_time": invent.rfc3339(now),
        "user_received_account": "支付用户零钱",
        "amount": {"total": 8800, "refund": 8800, "payer_total": 8800, "payer_refund": 8800},
    }
