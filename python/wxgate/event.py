"""What a handler receives: CloudEvents 1.0, decoded."""

from __future__ import annotations

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Attributes carry CloudEvents' names; ``data`` has WeChat's fields."""

    id: str
    """The idempotency key: equal for every try of one message."""
    source: str
    """``/wxgate/{account}``."""
    type: str
    """``wechat.{kind}.{msgtype}``, in lower case; events as ``wechat.official.event.subscribe``."""
    time: str
    """When it happened, RFC 3339 in UTC."""
    partitionkey: str
    """The routing key, within which messages keep their order."""
    traceparent: str
    subject: str | None = None
    """The user's openid; for Pay the order's number."""
    authorizer: str | None = None
    """For a third-party platform: the appid on whose behalf."""
    mismatch: str | None = None
    """``"mchid"`` if a notice names a merchant that the account does not list."""
    data: dict[str, Any]
    """The message's fields under WeChat's own names, unknown ones included."""

    @classmethod
    def decode(cls, event: bytes) -> Event:
        """Read the JSON that the core writes. Raises ``msgspec.ValidationError``."""
        return _DECODER.decode(event)

    @property
    def account(self) -> str:
        """The account's name."""
        return self.source.rpartition("/")[2]

    @property
    def openid(self) -> str | None:
        """The user, where the message has one."""
        return self.subject

    @property
    def text(self) -> str:
        """``Content`` of a text message; empty for others."""
        content = self.data.get("Content")
        return content if isinstance(content, str) else ""


_DECODER = msgspec.json.Decoder(Event)
