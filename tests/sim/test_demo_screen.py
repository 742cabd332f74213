"""The demo's screen: readable, in turn, spread over the time, and never ahead of the truth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from wxgate.event import Event
from wxgate.sim import Answer
from wxgate.sim.demo.screen import Screen
from wxgate.sim.errand import Errand, Try
from wxgate.sim.forgery import find

if TYPE_CHECKING:
    from sim.conftest import Stage

LONG = 1000.0


@pytest.fixture
def told() -> list[str]:
    """The lines so far."""
    return []


@pytest.fixture
def screen(told: list[str]) -> Screen:
    """A screen for two accounts, at the beginning of a long demo."""
    return Screen(told.append, ["shop", "mch"], LONG)


def arrive(stage: Stage, errand: Errand) -> tuple[Event, Try]:
    """What a service would get of an errand's call, and what WeChat would be answered."""
    call = errand.player.call(errand.message, int(time.time()))
    received = stage.receive(call)
    event = Event.decode(received.event)
    answer = Answer(received.status, received.body, 0.001)
    return event, Try(call, False, answer, errand.player.read(errand.message, answer))


def test_a_message_is_told_when_it_arrives(stage: Stage, screen: Screen, told: list[str]) -> None:
    """A second event of one id is marked as the retry it is; of others nothing is told."""
    errand = Errand(stage.players["shop"], stage.players["shop"].message("text", "你好"))
    other = Errand(stage.players["shop"], stage.players["shop"].message("text", "再见"))
    screen.open(errand.message, "shop")
    event, tried = arrive(stage, errand)
    screen.arrived(arrive(stage, other)[0])
    screen.arrived(event)
    screen.arrived(event)
    screen.close(errand, [tried])
    screen.arrived(event)
    assert told == [
        "  → shop      official    text 「你好」",
        "  ↻ shop      official    text 「你好」",
    ]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (403, "  x shop      forged: captured long ago; 403, refused"),
        (200, "  ! shop      forged: captured long ago; 200, NOT REFUSED"),
        (503, "  ! shop      forged: captured long ago; 503, NOT REFUSED"),
    ],
)
def test_a_forgery_is_called_refused_only_if_it_was(
    stage: Stage, screen: Screen, told: list[str], status: int, line: str
) -> None:
    """The line says what happened, not what ought to have."""
    player = stage.players["shop"]
    message = player.message("text")
    errand = Errand(player, message, find("stale", message))
    answer = Answer(status, b"", 0.001)
    screen.open(message, "shop")
    tried = Try(player.call(message, 0), True, answer, player.read(message, answer))
    screen.close(errand, [tried])
    assert told == [line]


def test_a_genuine_message_that_failed_is_told(
    stage: Stage, screen: Screen, told: list[str]
) -> None:
    """With what came back."""
    player = stage.players["mch"]
    message = player.message("pay")
    answer = Answer(503, b"busy", 0.001)
    screen.open(message, "mch")
    tried = Try(player.call(message, 0), False, answer, player.read(message, answer))
    screen.close(Errand(player, message), [tried])
    assert told == ["  ! mch       HTTP 503: busy"]


def test_accounts_take_turns(stage: Stage, screen: Screen) -> None:
    """No account is shown twice before each was shown once."""
    message = stage.players["shop"].message("text")
    assert screen.wants("shop")
    screen.open(message, "shop")
    assert not screen.wants("shop")
    assert screen.wants("mch")


def test_lines_are_spread_over_the_time(stage: Stage, told: list[str]) -> None:
    """A few at once, then as many as the time allows."""
    players = stage.players
    slow, quick = (Screen(told.append, ["mch"], seconds) for seconds in (LONG, 0.001))
    time.sleep(0.01)
    shown = []
    for screen in (slow, quick):
        before = len(told)
        for _ in range(100):
            if screen.wants("mch"):
                errand = Errand(players["mch"], players["mch"].message("pay"))
                screen.open(errand.message, "mch")
                event, tried = arrive(stage, errand)
                screen.arrived(event)
                screen.close(errand, [tried])
        shown.append(len(told) - before)
    assert 4 <= shown[0] <= 5
    assert shown[1] == 20


def test_the_sample_shows_both_sides(stage: Stage, screen: Screen, told: list[str]) -> None:
    """Ciphertext in, the message out."""
    errand = Errand(stage.players["shop"], stage.players["shop"].message("text", "你好"))
    event, tried = arrive(stage, errand)
    screen.sample(tried.call, event, "reply text 「好」")
    posted, read, blank = told
    assert "<Encrypt><![CDATA[" in posted
    assert "你好" not in posted
    assert read.startswith("the service reads wechat.official.text: text 「你好」; ")
    assert read.endswith("WeChat gets a reply text 「好」")
    assert blank == ""
