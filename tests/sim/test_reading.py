"""Answers, read as WeChat reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.sim import Answer
from wxgate.sim.push.player import PushPlayer
from wxgate.sim.written import json, xml

if TYPE_CHECKING:
    from wxgate.sim import Message

    from sim.conftest import Stage


def answered(body: bytes, status: int = 200) -> Answer:
    """An answer that came at once."""
    return Answer(status, body, 0.0)


def reply(player: PushPlayer, message: Message, **changes: str) -> bytes:
    """A sealed reply to a message, as a gateway writes it."""
    fields = {
        "ToUserName": message.fields["FromUserName"],
        "FromUserName": message.fields["ToUserName"],
        "CreateTime": 1,
        "MsgType": "text",
        "Content": "好的",
        **changes,
    }
    seal = player.envelope.seal
    if message.is_xml:
        return seal(xml(fields), timestamp="1", nonce="2")[0]
    return seal(json(fields), timestamp="1", nonce="2", shape="json")[0]


@pytest.fixture(params=["shop", "mini", "work", "platform", "official_compatible_json"])
def player(request: pytest.FixtureRequest, stage: Stage) -> PushPlayer:
    """A player of pushes that can be replied to."""
    found = stage.players[request.param]
    assert isinstance(found, PushPlayer)
    return found


def test_a_reply_is_opened(player: PushPlayer) -> None:
    """And shown."""
    message = player.message("text")
    reading = player.read(message, answered(reply(player, message)))
    assert (reading.satisfied, reading.text) == (True, "reply text 「好的」")
    assert reading.reply["Content"] == "好的"


def test_a_reply_to_somebody_else_is_none(player: PushPlayer) -> None:
    """A gateway that mixes users up would show here."""
    message = player.message("text")
    reading = player.read(message, answered(reply(player, message, ToUserName="oOther")))
    assert (reading.satisfied, reading.text) == (False, "a reply to somebody else")


def test_a_reply_under_another_key_does_not_open(player: PushPlayer) -> None:
    """Its signature is right, since the token is."""
    message = player.message("text")
    sealed = reply(player.with_wrong_key(), message)
    reading = player.read(message, answered(sealed))
    assert not reading.satisfied
    assert reading.text.startswith("no reply that opens (open.undecryptable)")


def test_a_reply_whose_signature_is_wrong_does_not_count(player: PushPlayer) -> None:
    """WeChat verifies it."""
    message = player.message("text")
    sealed = reply(player, message).replace(b"Nonce", b"Once")
    assert not player.read(message, answered(sealed)).satisfied
    body = reply(player, message)
    at = body.lower().index(b"msgsignature") + 30
    spoiled = body[:at] + (b"0" if body[at : at + 1] != b"0" else b"1") + body[at + 1 :]
    reading = player.read(message, answered(spoiled))
    assert reading.text.startswith("no reply that opens (verify.bad_signature)")


def test_a_plain_reply_to_a_plain_message(stage: Stage) -> None:
    """There it counts; to a sealed message it does not."""
    plain, sealed = stage.players["official_plain_xml"], stage.players["shop"]
    for player, satisfied in ((plain, True), (sealed, False)):
        message = player.message("text", openid="oMe")
        body = xml({"ToUserName": "oMe", "MsgType": "text", "Content": "好"})
        assert player.read(message, answered(body)).satisfied is satisfied


@pytest.mark.parametrize("account", ["shop", "work"])
@pytest.mark.parametrize(("before", "after"), [(b"", b"\n"), (b'"', b'"'), (b"\xef\xbb\xbf", b"")])
def test_an_echo_with_anything_around_it_is_none(
    stage: Stage, account: str, before: bytes, after: bytes
) -> None:
    """No line feed, no quotes, no byte order mark: the console refuses each."""
    player = stage.players[account]
    message = player.message("url")
    echo = str(message.fields["echostr"]).encode()
    assert player.read(message, answered(echo)).satisfied
    assert not player.read(message, answered(before + echo + after)).satisfied
    assert not player.read(message, answered(echo, 500)).satisfied


@pytest.mark.parametrize(("status", "satisfied"), [(200, True), (204, True), (202, False)])
def test_pay_looks_at_the_status_alone(stage: Stage, status: int, satisfied: bool) -> None:  # noqa: FBT001 (an expectation)
    """200 or 204, whatever the body."""
    player = stage.players["mch"]
    reading = player.read(player.message("pay"), answered(b"", status))
    assert reading.satisfied is satisfied
