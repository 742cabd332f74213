"""Genuine messages, as the core hands them over."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import wxcore
from wxcore._wxcore import Gateway

if TYPE_CHECKING:
    from wxcore._wxcore import Received

_TOKEN, _KEY, _APPID = "token", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx1"
_PAID = "xpay_goods_deliver_notify"
_SENT = 1_714_112_445
"""What a message says of itself; it is the same in every try."""


def message(number: int = 1, *, paid: bool = False) -> Received:
    """Return a push with this MsgId, sealed anew each time; a text, or of virtual payment.

    A text is remembered for a minute, what is ``paid`` for 25 hours.
    """
    kind = f"<MsgType>event</MsgType><Event>{_PAID}</Event>" if paid else "<MsgType>text</MsgType>"
    xml = (
        f"<xml><FromUserName>user</FromUserName><CreateTime>{_SENT}</CreateTime>{kind}"
        f"<Content>hello</Content><MsgId>{number}</MsgId></xml>"
    )
    envelope = wxcore.Envelope(_TOKEN, _KEY, _APPID)
    now = int(time.time())
    body, signature = envelope.seal(xml.encode(), timestamp=str(now), nonce="n")
    query = {
        "signature": envelope.sign(str(now), "n"),
        "timestamp": str(now),
        "nonce": "n",
        "msg_signature": signature,
    }
    received = _core().receive("shop", None, "POST", urlencode(query), [], body, now * 1000)
    if received.outcome != "event":
        raise ValueError(received.code)
    return received


@cache
def _core() -> Gateway:
    account = {
        "name": "shop",
        "kind": "official",
        "receive_ids": [_APPID],
        "tokens": [_TOKEN],
        "aes_keys": [_KEY],
        "mode": "safe",
        "format": "xml",
        "max_age": 600,
    }
    config = {"accounts": [account], "upstreams": [], "routes": [{"when": {}}]}
    return Gateway(json.dumps(config).encode())
