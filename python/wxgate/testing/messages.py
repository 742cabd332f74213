"""Genuine messages, as the core hands them over."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import wxcore
from wxcore._wxcore import Gateway

if TYPE_CHECKING:
    from wxcore._wxcore import Received

_TOKEN, _KEY, _APPID = "token", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx1"
_PAID = "xpay_goods_deliver_notify"
_SENT = 1_714_112_445
"""What a message says of itself; it is the same in every try."""


class Rule(NamedTuple):
    """A limit of each user, as a ``[[limit]]`` with ``per = "openid"`` has it."""

    name: str
    rate: str | None = None
    burst: int = 1
    concurrency: int | None = None


def message(number: int = 1, *, paid: bool = False) -> Received:
    """Return a push with this MsgId, sealed anew each time; a text, or of virtual payment.

    A text is remembered for a minute, what is ``paid`` for 25 hours.
    """
    kind = f"<MsgType>event</MsgType><Event>{_PAID}</Event>" if paid else "<MsgType>text</MsgType>"
    return _received(number, "user", kind, ())


def limited(number: int, *rules: Rule, user: str = "user") -> Received:
    """Return a user's text with this MsgId, under these limits: a rule is known by its place."""
    return _received(number, user, "<MsgType>text</MsgType>", rules)


def _received(number: int, user: str, kind: str, rules: tuple[Rule, ...]) -> Received:
    xml = (
        f"<xml><FromUserName>{user}</FromUserName><CreateTime>{_SENT}</CreateTime>{kind}"
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
    received = _core(rules).receive("shop", None, "POST", urlencode(query), [], body, now * 1000)
    if received.outcome != "event":
        raise ValueError(received.code)
    return received


@lru_cache(maxsize=64)
def _core(rules: tuple[Rule, ...]) -> Gateway:
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
    config: dict[str, object] = {"accounts": [account], "upstreams": [], "routes": [{"when": {}}]}
    if rules:
        config["limits"] = [{"per": "openid"} | rule._asdict() for rule in rules]
    return Gateway(json.dumps(config).encode())
