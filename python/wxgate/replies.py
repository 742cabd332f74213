"""Passive replies (被动回复) as objects; a plain ``str`` is a text reply."""

from __future__ import annotations

import msgspec


class _Reply(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """What a handler may return."""


class Text(_Reply, frozen=True, tag="text"):
    """Text."""

    content: str


class Image(_Reply, frozen=True, tag="image"):
    """An image by its media id."""

    media_id: str


class Voice(_Reply, frozen=True, tag="voice"):
    """A voice message by its media id."""

    media_id: str


class Video(_Reply, frozen=True, tag="video"):
    """A video by its media id."""

    media_id: str
    title: str = ""
    description: str = ""


class Music(_Reply, frozen=True, tag="music"):
    """Music; only the thumbnail is required."""

    thumb_media_id: str
    title: str = ""
    description: str = ""
    music_url: str = ""
    hq_music_url: str = ""


class Article(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of ``News``."""

    title: str
    description: str = ""
    pic_url: str = ""
    url: str = ""


class News(_Reply, frozen=True, tag="news"):
    """Articles with pictures: up to 8, but only 1 in answer to what a user sends."""

    articles: list[Article]


class TransferCustomerService(_Reply, frozen=True, tag="transfer_customer_service"):
    """Hand the conversation to customer service, or to one agent of it."""

    kf_account: str = ""


Reply = Text | Image | Voice | Video | Music | News | TransferCustomerService


class NotAReplyError(TypeError):
    """What a function returned is no reply. Says of which type it was, and not what it said."""

    def __init__(self, returned: object) -> None:
        """Say what is expected instead."""
        super().__init__(f"returned {type(returned).__name__}; expected str, a reply or None")


def encode(reply: str | Reply | None) -> bytes:
    """Return the JSON that ``wxcore`` turns into a reply; empty for none.

    Raises ``NotAReplyError`` for anything that is not a reply.
    """
    if reply is None or reply == "":
        return b""
    if isinstance(reply, str):
        reply = Text(reply)
    if not isinstance(reply, _Reply):
        raise NotAReplyError(reply)
    return msgspec.json.encode(reply)
