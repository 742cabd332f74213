"""The player of WeChat Pay APIv2 (微信支付): signed XML, and refunds that are sealed instead."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from wxcore import pay_v2_refund_seal, pay_v2_sign

from wxgate.sim import invent, written
from wxgate.sim.call import Call
from wxgate.sim.message import Message, override
from wxgate.sim.player import (
    FRESH,
    MAX_BODY,
    OK,
    USER_AGENT,
    XML_TYPE,
    Reading,
    no_such,
    readable,
    refused,
    words,
)

if TYPE_CHECKING:
    from wxgate.settings.pay import SignType
    from wxgate.sim.call import Answer
    from wxgate.sim.message import Form
    from wxgate.sim.player import Changes


@dataclass(frozen=True, kw_only=True)
class PayV2Player:
    """Plays WeChat Pay towards a merchant under APIv2."""

    kind: str
    account: str
    max_body: int = MAX_BODY
    max_age: int = FRESH
    mchid: str
    key: str = field(repr=False)
    sign_type: SignType = "MD5"

    @property
    def repertoire(self) -> tuple[str, ...]:
        """Notices of payments and of refunds."""
        return ("pay", "refund")

    def message(
        self,
        kind: str,
        what: str | None = None,
        *,
        openid: str | None = None,
        changes: Changes = (),
    ) -> Message:
        """Make up a notice; of a refund `what` is its refund_status."""
        now = int(time.time())
        match kind:
            case "pay":
                fields = override(_payment(self.mchid, openid or invent.openid(), now), changes)
                return self._notice("pay", "pay_v2", fields)
            case "refund":
                fields = override(_refund(what or "SUCCESS", now), changes)
                return self._notice("refund", "pay_v2_refund", fields)
            case _:
                raise no_such(self, kind)

    def call(self, message: Message, now: int) -> Call:
        """Sign anew; nothing in it says when, so `now` is not needed."""
        del now
        nonce = invent.alphanumeric(32)
        if message.form == "pay_v2_refund":
            fields = self._sealed(message, nonce)
        else:
            fields = self._signed(message, nonce)
        return Call("POST", message.path, (), (USER_AGENT, XML_TYPE), written.xml(fields))

    def read(self, message: Message, answer: Answer) -> Reading:
        """`return_code` counts: anything but SUCCESS is sent again."""
        del message
        if answer.status != OK:
            return refused(answer)
        satisfied = readable(answer.body).get("return_code") == "SUCCESS"
        return Reading(satisfied, words(answer.body))

    def with_wrong_key(self) -> Self:
        """Another merchant's key."""
        return replace(self, key=invent.key32())

    def _notice(self, title: str, form: Form, fields: dict[str, Any]) -> Message:
        return Message(
            title=title,
            form=form,
            path=f"/cb/{self.account}",
            fields=fields,
            mark=str(fields["out_trade_no"]),
            receiver=self.mchid,
            is_xml=True,
        )

    def _signed(self, message: Message, nonce: str) -> dict[str, str]:
        fields = {name: str(value) for name, value in message.fields.items()}
        fields |= {"mch_id": message.receiver, "nonce_str": nonce}
        return fields | {"sign": pay_v2_sign(fields, self.key, self.sign_type)}

    def _sealed(self, message: Message, nonce: str) -> dict[str, str]:
        """A refund's outside, which nothing signs."""
        inner = written.xml(message.fields, root="root").decode()
        return {
            "return_code": "SUCCESS",
            "appid": invent.appid(),
            "mch_id": message.receiver,
            "nonce_str": nonce,
            "req_info": pay_v2_refund_seal(self.key, inner),
        }


def _payment(mchid: str, openid: str, now: int) -> dict[str, Any]:
    return {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": invent.appid(),
        "mch_id": mchid,
        "openid": openid,
        "is_subscribe": "Y",
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "total_fee": 8800,
        "cash_fee": 8800,
        "fee_type": "CNY",
        "transaction_id": invent.transaction_id(),
        "out_trade_no": invent.trade_no(),
        "attach": "",
        "time_end": invent.compact(now),
    }


def _refund(status: str, now: int) -> dict[str, Any]:
    return {
        "transaction_id": invent.transaction_id(),
        "out_trade_no": invent.trade_no(),
        "refund_id": invent.refund_id(),
        "out_refund_no": f"R{invent.trade_no()}",
        "total_fee": 8800,
        "settlement_total_fee": 8800,
        "refund_fee": 8800,
        "settlement_refund_fee": 8800,
        "refund_status": status,
        "success_time": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now)),
        "refund_recv_accout": "支付用户零钱",
        "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
        "refund_request_source": "API",
    }
