"""Whatever a player sends, the core takes; a retry is the same message in other bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from wxgate.settings import load
from wxgate.sim import Belongings, UnplayableError, cast

if TYPE_CHECKING:
    from wxgate.sim import Player
    from wxgate.sim.demo.world import World

    from sim.conftest import Stage


def every_message(players: dict[str, Player]) -> list[tuple[str, str]]:
    """Account and kind of everything that can be played."""
    return [(name, kind) for name, one in players.items() for kind in one.repertoire]


def event(stage: Stage, name: str, kind: str, what: str | None = None) -> dict[str, Any]:
    """What the core makes of a message."""
    player = stage.players[name]
    received = stage.receive(player.call(player.message(kind, what), int(time.time())))
    assert received.outcome == "event", received.code
    decoded = msgspec.json.decode(received.event)
    assert isinstance(decoded, dict)
    return decoded


def test_every_kind_of_account_is_in_the_world(stage: Stage) -> None:
    """The tests below leave none out."""
    kinds = {player.kind for player in stage.players.values()}
    assert kinds == {
        "official",
        "miniprogram",
        "wecom",
        "wecom_suite",
        "component",
        "pay",
        "pay_v2",
        "partner",
    }


def test_every_message_of_every_account_is_taken(stage: Stage) -> None:
    """As an event, or, for a URL verification, with the echo and nothing else."""
    played = every_message(stage.players)
    assert len(played) > 100
    for name, kind in played:
        player = stage.players[name]
        message = player.message(kind)
        received = stage.receive(player.call(message, int(time.time())))
        if kind == "url":
            echo = str(message.fields["echostr"]).encode()
            assert (received.outcome, received.body) == ("answer", echo), name
        else:
            assert received.outcome == "event", (name, kind, received.code)
            assert message.mark.encode() in received.event, (name, kind)


def test_a_retry_has_the_same_id_and_other_bytes(stage: Stage) -> None:
    """Timestamp, nonce and ciphertext are new; what is said is not."""
    now = int(time.time())
    for name, kind in every_message(stage.players):
        player = stage.players[name]
        message = player.message(kind)
        tries = [player.call(message, now + wait) for wait in (0, 0, 5)]
        assert len({(call.target, call.headers, call.body) for call in tries}) == 3, (name, kind)
        if kind != "url":
            assert len({stage.receive(call).id for call in tries}) == 1, (name, kind)


def test_no_gcm_nonce_serves_twice(stage: Stage) -> None:
    """Under one key that would give the plaintexts away, also to who reads a log of the demo."""
    player, now = stage.players["mch"], int(time.time())
    message = player.message("pay")
    sealed = [msgspec.json.decode(player.call(message, now).body)["resource"] for _ in range(50)]
    assert len({resource["nonce"] for resource in sealed}) == 50
    assert len({resource["ciphertext"] for resource in sealed}) == 50


def test_another_message_has_another_id(stage: Stage) -> None:
    """Two users who write the same are two; a bare notice of one second is one."""
    now = int(time.time())
    for name, kind in every_message(stage.players):
        player = stage.players[name]
        if kind not in {"url", "info"}:
            calls = [player.call(player.message(kind), now) for _ in range(2)]
            assert len({stage.receive(call).id for call in calls}) == 2, (name, kind)


@pytest.mark.parametrize(
    ("account", "kind", "what", "type_"),
    [
        ("shop", "text", None, "wechat.official.text"),
        ("shop", "event", "SCAN", "wechat.official.event.scan"),
        ("shop", "event", "scan", "wechat.official.event.scan"),
        ("shop", "event", "brand_new_thing", "wechat.official.event.brand_new_thing"),
        ("mini", "miniprogrampage", None, "wechat.miniprogram.miniprogrampage"),
        ("work", "event", "change_contact", "wechat.wecom.event.change_contact"),
        ("bot", "event", None, "wechat.wecom.event.enter_chat"),
        ("suite", "suite_ticket", None, "wechat.wecom_suite.suite_ticket"),
        ("suite", "info", "license_refund", "wechat.wecom_suite.license_refund"),
        ("platform", "authorized", None, "wechat.component.authorized"),
        ("platform", "text", None, "wechat.component.text"),
        ("mch", "pay", None, "wechat.pay.transaction.success"),
        ("mch", "pay", "REFUND.SUCCESS", "wechat.pay.refund.success"),
        ("mch", "pay", "complaint.create", "wechat.pay.complaint.create"),
        ("mch_v2", "pay", None, "wechat.pay_v2.transaction"),
        ("mch_v2", "refund", None, "wechat.pay_v2.refund"),
        ("billing", "partner", "invoice.sent", "wechat.partner.invoice.sent"),
    ],
)
def test_it_arrives_as_what_it_is(
    stage: Stage, account: str, kind: str, what: str | None, type_: str
) -> None:
    """Under the type that a service routes by."""
    assert event(stage, account, kind, what)["type"] == type_


def test_text_arrives_as_written(stage: Stage) -> None:
    """Chinese, emoji, and what XML would like to read as its own."""
    said = '你好 👍🏽 ]]> <b> & "ok"'
    for name in ("shop", "mini", "official_plain_xml", "miniprogram_compatible_json", "platform"):
        assert event(stage, name, "text", said)["data"]["Content"] == said
    assert event(stage, "bot", "text", said)["data"]["text"]["content"] == said


def test_a_known_event_carries_its_fields(stage: Stage) -> None:
    """Nested ones too."""
    scanned = event(stage, "shop", "event", "scancode_push")["data"]
    assert scanned["ScanCodeInfo"]["ScanType"] == "qrcode"
    pictures = event(stage, "shop", "event", "pic_photo_or_album")["data"]
    assert len(pictures["SendPicsInfo"]["PicList"]["item"]) == 2


def test_fields_can_be_changed_and_added(stage: Stage) -> None:
    """A dot reaches into a table; a number stays a number."""
    player = stage.players["mch"]
    changes = [("amount.total", "1"), ("attach", "桌 7"), ("scene", "x")]
    message = player.message("pay", changes=changes)
    received = stage.receive(player.call(message, int(time.time())))
    resource = msgspec.json.decode(received.event)["data"]["resource"]
    assert resource["amount"]["total"] == 1
    assert (resource["attach"], resource["scene"]) == ("桌 7", "x")


def test_the_user_can_be_chosen(stage: Stage) -> None:
    """It is the routing key of pushes."""
    player = stage.players["shop"]
    message = player.message("text", openid="oSomebody")
    assert stage.receive(player.call(message, int(time.time()))).key == "oSomebody"


def test_a_platform_is_called_on_behalf_of_somebody(world: World, stage: Stage) -> None:
    """Messages under the authorizer's path, tickets under the platform's own."""
    player = cast(load(world.config), "platform", Belongings(authorizer="wxabc"))
    assert player.message("text").path == "/cb/platform/wxabc"
    assert player.message("component_verify_ticket").path == "/cb/platform"
    received = stage.receive(player.call(player.message("text"), int(time.time())))
    assert msgspec.json.decode(received.event)["authorizer"] == "wxabc"


@pytest.mark.parametrize(
    ("account", "belongings", "reason"),
    [
        ("shpo", Belongings(), 'no account "shpo"; the configuration has: shop, mini'),
        ("mch", Belongings(), "--platform-key FILE"),
        ("billing", Belongings(), "--private-key FILE"),
        ("shop", Belongings(authorizer="wx1"), "shop is no platform"),
    ],
)
def test_who_cannot_be_played_is_explained(
    world: World, account: str, belongings: Belongings, reason: str
) -> None:
    """With what is missing, or what there is."""
    with pytest.raises(UnplayableError, match=reason.replace("(", r"\(")):
        cast(load(world.config), account, belongings)


def test_a_message_that_an_account_is_never_sent(stage: Stage) -> None:
    """The error names those that it is."""
    for name, player in stage.players.items():
        with pytest.raises(UnplayableError, match=f"is sent to {name}, .*; it is sent: "):
            player.message("telegram")


def test_no_player_shows_a_secret(world: World, stage: Stage) -> None:
    """Not in a traceback, not in a failed test."""
    secrets = [
        (world.config.parent / name).read_text().strip()
        for name in ("token", "aes_key", "apiv3_key", "v2_key", "app_secret")
    ]
    shown = repr((stage, world))
    assert not any(secret in shown for secret in secrets)
    assert "PRIVATE KEY" not in shown
