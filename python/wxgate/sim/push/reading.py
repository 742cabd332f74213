"""Answers to pushes, read as WeChat reads them: acknowledgements, and replies that are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.sim.gist import gist
from wxgate.sim.player import OK, Reading, readable, refused, shown

if TYPE_CHECKING:
    from wxgate.sim.call import Answer
    from wxgate.sim.message import Message
    from wxgate.sim.push.player import PushPlayer


def read(player: PushPlayer, message: Message, answer: Answer) -> Reading:
    """Say whether WeChat stops sending, and what it was answered."""
    if answer.status != OK:
        return refused(answer)
    if message.form in {"url", "sealed_url"}:
        return _echo(message, answer)
    body = answer.body.strip()
    if "InfoType" in message.fields or body in {b"", b"success"}:
        satisfied = "InfoType" not in message.fields or body == b"success"
        return Reading(satisfied, shown(body))
    if str(message.fields.get("Event", "")).startswith("xpay_"):
        return _delivery(body)
    return _reply(player, message, body)


def _echo(message: Message, answer: Answer) -> Reading:
    """The echo and nothing else: not even a line feed."""
    echoed = answer.body == str(message.fields["echostr"]).encode()
    return Reading(echoed, f"echo {shown(answer.body)}")


def _delivery(body: bytes) -> Reading:
    """Virtual payment wants a code of its own (protocol 8.6); the pages spell it in two ways."""
    fields = readable(body)
    code = fields.get("ErrCode", fields.get("Errcode"))
    return Reading(str(code) == "0", shown(body))


def _reply(player: PushPlayer, message: Message, body: bytes) -> Reading:
    try:
        reply = _plain(body) if message.form == "plain" else _opened(player, message, body)
    except (KeyError, ValueError) as error:
        problem = getattr(error, "code", None) or f"no {error}"
        return Reading(satisfied=False, text=f"no reply that opens ({problem}): {shown(body)}")
    user = message.fields.get("FromUserName")
    if "ToUserName" in reply and reply["ToUserName"] != user:
        return Reading(satisfied=False, text="a reply to somebody else", reply=reply)
    return Reading(satisfied=True, text=f"reply {gist(reply)}", reply=reply)


def _plain(body: bytes) -> dict[str, Any]:
    reply = readable(body)
    reply["MsgType"]
    return reply


def _opened(player: PushPlayer, message: Message, body: bytes) -> dict[str, Any]:
    """Verify the reply's own signature, then open it with the key that sealed the message."""
    parts = {name.lower(): str(value) for name, value in readable(body).items()}
    envelope = player.envelope_for(message.receiver)
    return envelope.open(
        body,
        msg_signature=parts["msgsignature"],
        timestamp=parts["timestamp"],
        nonce=parts["nonce"],
    ).fields
