"""Every forgery is refused wherever it makes sense, and for the cause that it says."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from wxgate.gateway import Gateway
from wxgate.settings import load
from wxgate.sim import UnplayableError
from wxgate.sim.forgery import FORGERIES, find, fitting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wxgate.asgi import Message as Asgi
    from wxgate.sim import Call, Message, Player
    from wxgate.sim.demo.world import World

    from sim.conftest import Stage

# What the core alone does not judge: the body's limit, and whether a nonce is new.
BEYOND_THE_CORE = {"oversized", "replayed"}


def every_case(stage: Stage) -> Iterator[tuple[Player, Message]]:
    """One message of each kind for each account."""
    for player in stage.players.values():
        for kind in player.repertoire:
            yield player, player.message(kind)


def test_every_form_of_message_can_be_forged(stage: Stage) -> None:
    """No forgery is without a message, no message without forgeries."""
    played = [message for _, message in every_case(stage)]
    assert all(len(fitting(message)) >= 5 for message in played)
    forms = {message.form for message in played}
    assert {form for forgery in FORGERIES for form in forgery.codes} == forms
    assert all(any(forgery.fits(message) for message in played) for forgery in FORGERIES)


@pytest.mark.parametrize("name", [one.name for one in FORGERIES if one.name not in BEYOND_THE_CORE])
def test_the_core_refuses_it_for_the_cause_it_says(stage: Stage, name: str) -> None:
    """For each account and message that it fits, in each mode and format."""
    now, refused = int(time.time()), 0
    for player, message in every_case(stage):
        forgery = next(one for one in FORGERIES if one.name == name)
        if not forgery.fits(message):
            continue
        *_, call = forgery.calls(player, message, now)
        received = stage.receive(call, now)
        where = (player.account, message.title)
        assert (received.outcome, received.code) == ("refused", forgery.code(message)), where
        refused += 1
    assert refused


def test_the_genuine_call_would_have_been_taken(stage: Stage) -> None:
    """What is refused is refused for the forgery alone."""
    now = int(time.time())
    for player, message in every_case(stage):
        outcome = stage.receive(player.call(message, now), now).outcome
        assert outcome == ("answer" if message.title == "url" else "event"), message


def post(gateway: Gateway, call: Call) -> int:
    """Give a call to a whole gateway and return the status."""

    async def exchange() -> int:
        sent: list[Asgi] = []

        async def receive() -> Asgi:
            return {"type": "http.request", "body": call.body, "more_body": False}

        async def send(message: Asgi) -> None:
            sent.append(message)

        headers = [(name.encode(), value.encode()) for name, value in call.headers]
        scope = {
            "type": "http",
            "method": call.method,
            "path": call.path,
            "query_string": call.query.encode(),
            "headers": headers,
        }
        async with gateway:
            await gateway(scope, receive, send)
        return int(sent[0]["status"])

    return asyncio.run(exchange())


def gateway(world: World, folder: Path) -> Gateway:
    """A gateway that logs what it takes."""
    text = world.config.read_text(encoding="utf-8")
    config = world.config.with_name(f"{folder.name}.toml")
    config.write_text(text.replace('"upstream:service"', '"log:"').replace('"wait"', '"ack"'))
    return Gateway(load(config))


def test_a_body_over_the_limit_is_not_even_read(
    world: World, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413, for every form with a body."""
    monkeypatch.chdir(tmp_path)
    seen: dict[str, tuple[Player, Message]] = {}
    for player, message in every_case(stage):
        if any(one.name == "oversized" for one in fitting(message)):
            seen.setdefault(message.form, (player, message))
    assert len(seen) == 6
    for player, message in seen.values():
        (call,) = find("oversized", message).calls(player, message, int(time.time()))
        assert post(gateway(world, tmp_path), call) == 413, message.form


def test_a_partners_call_is_taken_once(
    world: World, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The genuine one before it is taken; the replay of its bytes is not."""
    monkeypatch.chdir(tmp_path)
    player = stage.players["billing"]
    message = player.message("partner")
    calls = find("replayed", message).calls(player, message, int(time.time()))
    receiver = gateway(world, tmp_path)
    assert [post(receiver, call) for call in calls] == [200, 403]


def test_an_unknown_forgery_is_explained(stage: Stage) -> None:
    """With those that fit the message; so is one that makes no sense of it."""
    message = stage.players["shop"].message("text")
    with pytest.raises(UnplayableError, match='no forgery "bad"; there are: bad-signature, plain'):
        find("bad", message)
    with pytest.raises(UnplayableError, match='"signature-probe" makes no sense of text; there'):
        find("signature-probe", message)
