"""A message in a few words, for people: what was said, and not how it was wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LONGEST = 48
_TELLING = (
    "PicUrl",
    "Label",
    "Title",
    "Recognition",
    "MediaId",
    "AuthorizerAppid",
    "AuthCorpId",
    "out_trade_no",
)


def gist(fields: Mapping[str, Any]) -> str:
    """Name the message and the one field that tells most of it."""
    resource = fields.get("resource")
    if isinstance(resource, Mapping):
        return _short(f"{fields.get('event_type', '')} {_money(resource)}".strip())
    if "out_trade_no" in fields:
        return _short(_money(fields))
    if isinstance(refund := fields.get("req_info"), Mapping):
        return _short(_money(refund))
    return _short(" ".join(filter(None, (_name(fields), _content(fields)))))


def _name(fields: Mapping[str, Any]) -> str:
    inner = fields.get("event")
    event = inner.get("eventtype") if isinstance(inner, Mapping) else None
    names = (fields.get(name) for name in ("InfoType", "Event"))
    kinds = (fields.get(name) for name in ("MsgType", "msgtype", "type"))
    return str(next(filter(None, (*names, event, *kinds)), ""))


def _content(fields: Mapping[str, Any]) -> str:
    for kind in ("text", "voice", "stream"):
        inner = fields.get(kind)
        if isinstance(inner, Mapping) and inner.get("content"):
            return f"「{inner['content']}」"
    if fields.get("Content"):
        return f"「{fields['Content']}」"
    names = (*_TELLING, "EventKey")
    return str(next((fields[name] for name in names if fields.get(name)), ""))


def _money(fields: Mapping[str, Any]) -> str:
    """An order and its sum; WeChat counts in 分."""
    amount = fields.get("amount")
    if isinstance(amount, Mapping):
        fen = amount.get("refund", amount.get("total"))
    else:
        fen = fields.get("refund_fee", fields.get("total_fee"))
    order = str(fields.get("out_trade_no", ""))
    return f"¥{int(fen) / 100:.2f} {order}" if str(fen).isdigit() else order


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
