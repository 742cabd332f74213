"""The player of pushes: makes messages up, seals them, opens the replies."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from wxcore import Envelope

from wxgate.sim import invent, written
from wxgate.sim.call import Call
from wxgate.sim.message import Message, override
from wxgate.sim.player import (
    FRESH,
    JSON_TYPE,
    MAX_BODY,
    USER_AGENT,
    XML_TYPE,
    no_such,
)
from wxgate.sim.push.reading import read
from wxgate.sim.push.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wxgate.sim.call import Answer, Pairs
    from wxgate.sim.message import Form
    from wxgate.sim.player import Changes, Reading
    from wxgate.sim.push.part import Part


@dataclass(frozen=True, kw_only=True)
class PushPlayer:
    """Plays WeChat towards an account with a token and an EncodingAESKey."""

    kind: str
    account: str
    max_body: int = MAX_BODY
    max_age: int = FRESH
    part: Part
    token: str = field(repr=False)
    aes_key: str = field(default="", repr=False)
    authorizer: str | None = None

    @property
    def repertoire(self) -> tuple[str, ...]:
        """Its part's messages, tickets first."""
        return (*self.part.notices, *self.part.builds, "url")

    @cached_property
    def envelope(self) -> Envelope:
        """The account's envelope; for a plain one it only signs."""
        return self.envelope_for(self.part.receiver)

    def envelope_for(self, receiver: str) -> Envelope:
        """The account's envelope, sealed for somebody."""
        return Envelope(self.token, [self.aes_key] if self.aes_key else [], receiver)

    def message(
        self,
        kind: str,
        what: str | None = None,
        *,
        openid: str | None = None,
        changes: Changes = (),
    ) -> Message:
        """Make up a message of the part, or a URL verification."""
        if kind == "url":
            return self._url(what)
        if kind in self.part.notices:
            return self._notice(kind, what, changes)
        build = self.part.builds.get(kind)
        if build is None:
            raise no_such(self, kind)
        user = openid or self.part.user()
        scene = Scene(self.part.own, user, int(time.time()), self.part.extra)
        return Message(
            title=" ".join(filter(None, (kind, what if kind == "event" else None))),
            form=self._form,
            path=f"/cb/{self.account}/{self.authorizer}"
            if self.authorizer
            else f"/cb/{self.account}",
            fields=override(build(scene, what), changes),
            mark=user,
            receiver=self.part.receiver,
            outer={"ToUserName": self.part.own, **self.part.extra},
            is_xml=self.part.format == "xml",
        )

    def call(self, message: Message, now: int) -> Call:
        """Sign for `now`, and seal what is sealed."""
        timestamp, nonce = str(now), invent.nonce()
        if message.form in {"url", "sealed_url"}:
            return self._verification(message, timestamp, nonce)
        content = self.written(message)
        if message.form == "plain":
            query = self._signed(timestamp, nonce, message)
            return self._post(message, query, content)
        envelope = self.envelope_for(message.receiver)
        ciphertext = envelope.encrypt(content)
        signature = envelope.sign(timestamp, nonce, ciphertext)
        return self._post(
            message,
            (*self._sealed(timestamp, nonce, message), ("msg_signature", signature)),
            self._write(self._around(message, ciphertext)),
        )

    def read(self, message: Message, answer: Answer) -> Reading:
        """Open the reply with the account's own keys."""
        return read(self, message, answer)

    def with_wrong_key(self) -> Self:
        """The token is right: only a leak of it gets that far."""
        return replace(self, aes_key=invent.aes_key())

    def written(self, message: Message) -> bytes:
        """The message before it is sealed."""
        return self._write(message.fields)

    @property
    def _form(self) -> Form:
        return "plain" if self.part.mode == "plain" else "sealed"

    @property
    def _is_wecom(self) -> bool:
        return self.part.seals_echo

    def _url(self, what: str | None) -> Message:
        echo = what or invent.digits(19)
        form: Form = "sealed_url" if self.part.seals_echo else "url"
        receiver = self.part.url_receiver
        return Message("url", form, f"/cb/{self.account}", {"echostr": echo}, echo, receiver)

    def _notice(self, kind: str, what: str | None, changes: Changes) -> Message:
        scene = Scene(self.part.told, "", int(time.time()))
        fields = override(self.part.notices[kind](scene, what), changes)
        return Message(
            title=" ".join(filter(None, (kind, what))),
            form="sealed",
            path=f"/cb/{self.account}",
            fields=fields,
            mark=str(list(fields.values())[-1]),
            receiver=self.part.told,
            outer={self.part.told_as: self.part.told},
            is_xml=True,
        )

    def _verification(self, message: Message, timestamp: str, nonce: str) -> Call:
        echo = str(message.fields["echostr"])
        envelope = self.envelope_for(message.receiver)
        name = "signature"
        if message.form == "sealed_url":
            name, echo = "msg_signature", envelope.encrypt(echo.encode())
            signature = envelope.sign(timestamp, nonce, echo)
        else:
            signature = envelope.sign(timestamp, nonce)
        query = (
            (name, signature),
            ("timestamp", timestamp),
            ("nonce", nonce),
            ("echostr", echo),
        )
        return Call("GET", message.path, query, (USER_AGENT,))

    def _signed(self, timestamp: str, nonce: str, message: Message) -> Pairs:
        """The query of a plain push."""
        user = str(message.fields.get("FromUserName", ""))
        return (
            ("signature", self.envelope.sign(timestamp, nonce)),
            ("timestamp", timestamp),
            ("nonce", nonce),
            *((("openid", user),) if user else ()),
        )

    def _sealed(self, timestamp: str, nonce: str, message: Message) -> Pairs:
        """What a sealed push's query has beside `msg_signature`; of WeCom's it is all."""
        if self._is_wecom:
            return (("timestamp", timestamp), ("nonce", nonce))
        return (*self._signed(timestamp, nonce, message), ("encrypt_type", "aes"))

    def _around(self, message: Message, ciphertext: str) -> Mapping[str, Any]:
        if self.part.is_robot:
            return {"encrypt": ciphertext}
        beside = message.fields if self.part.mode == "compatible" else message.outer
        return {**beside, "Encrypt": ciphertext}

    def _write(self, fields: Mapping[str, Any]) -> bytes:
        return written.xml(fields) if self.part.format == "xml" else written.json(fields)

    def _post(self, message: Message, query: Pairs, body: bytes) -> Call:
        kind = XML_TYPE if message.is_xml else JSON_TYPE
        return Call("POST", message.path, query, (USER_AGENT, kind), body)
