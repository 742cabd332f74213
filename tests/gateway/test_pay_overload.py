"""Payments where there is too much to do: what is refused comes again, and is one delivery."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from wxgate import turnstile
from wxgate.guard.overload import LEVELS, PER_CLASS
from wxgate.sim.call import Call

from .services import Scripted
from .theatre import ask, ask_with_headers, until

if TYPE_CHECKING:
    from servers.server import Server
    from wxgate.sim.message import Message

    from .conftest import Stage
    from .theatre import Theatre

COPIES = 100
ACKNOWLEDGED = {200, 204}
ON = "\n[overload]\nenabled = true\n"
ALWAYS_READ = {"mch", "mch_v2", "billing", "suite", "platform"}
"""Accounts that have nothing but payments, tickets and what partners ask."""


@pytest.fixture
def pressed_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on which levels stay where a test puts them."""
    monkeypatch.setattr(turnstile, "_WINDOW", 3600.0)
    return stage


def press(*nodes: Theatre) -> None:
    """Have a turn of each loop take far too long."""
    for node in nodes:
        node.state.way.turnstile.turned(1.0)
        assert node.state.way.turnstile.pressed


async def send(nodes: list[Theatre], message: Message, copies: int) -> list[int]:
    """Send copies at once, each sealed and signed anew, to all nodes in turn."""
    tries = (nodes[at % len(nodes)].again("mch", message) for at in range(copies))
    return [answer.status for answer in await asyncio.gather(*tries)]


def pair(stage: Stage, service: Scripted, redis: Server) -> list[Theatre]:
    """Two nodes that share a Redis, and a service."""
    more = f'{ON}[state.redis]\nurl = "{redis.url}"\nbudget = 1.0\n[journal]\ndir = '
    route = f'[[route]]\nto = "{service.url}"\n'
    return [stage(f'{route}{more}"{name}"\n') for name in ("one", "other")]


def test_copies_that_found_no_room_come_again_and_are_one(
    pressed_stage: Stage, redis_server: Server
) -> None:
    """A hundred at once, of which most find the queue full, at two nodes that both are behind."""

    async def run() -> None:
        async with Scripted() as service:
            nodes = pair(pressed_stage, service, redis_server)
            async with nodes[0].gateway, nodes[1].gateway:
                press(*nodes)
                for node in nodes:
                    node.state.way.turnstile.overload._room = 1  # noqa: SLF001 (no other way in)
                message, _ = nodes[0].call("mch", "pay", "TRANSACTION.SUCCESS")
                statuses = await send(nodes, message, COPIES)
                assert set(statuses) == {503, *ACKNOWLEDGED & set(statuses)}
                left = statuses.count(503)
                assert 0 < left < COPIES
                while left:
                    left = (await send(nodes, message, left)).count(503)
                await until(lambda: service.got)
                assert await send(nodes, message, 2) == [statuses[0]] * 2
                assert sum(node.total("mch", "accepted") for node in nodes) == 1
                assert sum(node.total("mch", "admit.overloaded") for node in nodes) > 0
            assert len(service.got) == 1

    asyncio.run(run())


def test_a_notice_that_is_refused_everywhere_was_not_taken(
    pressed_stage: Stage, redis_server: Server
) -> None:
    """Its refusal makes Pay send it again; then it is new at whichever node, and one delivery."""

    async def run() -> None:
        async with Scripted() as service:
            nodes = pair(pressed_stage, service, redis_server)
            async with nodes[0].gateway, nodes[1].gateway:
                press(*nodes)
                for node in nodes:
                    node.state.way.turnstile.overload.level = 0
                message, call = nodes[0].call("mch", "pay", "TRANSACTION.SUCCESS")
                answer, headers = await ask_with_headers(nodes[0].gateway, call)
                assert (answer.status, b"retry-after" in dict(headers)) == (503, True)
                assert not nodes[0].players["mch"].read(message, answer).satisfied
                assert await send(nodes, message, COPIES) == [503] * COPIES
                nodes[1].state.way.turnstile.overload.level = LEVELS
                statuses = await send(nodes, message, COPIES)
                assert {*statuses[::2]} == {503}
                assert {*statuses[1::2]} <= ACKNOWLEDGED
                nodes[0].state.way.turnstile.overload.level = LEVELS
                assert {*await send(nodes, message, COPIES)} <= ACKNOWLEDGED
                assert sum(node.total("mch", "accepted") for node in nodes) == 1
                await until(lambda: service.got)
            assert len(service.got) == 1

    asyncio.run(run())


def test_no_room_to_be_read_is_no_reason_to_refuse_what_pays(pressed_stage: Stage) -> None:
    """By the path alone, of every kind of account; read, it is refused in its order."""
    theatre = pressed_stage(f'[[route]]\nto = "log:"\n{ON}')

    async def run() -> None:
        async with theatre.gateway:
            press(theatre)
            stands = theatre.state.way.turnstile
            stands.shedder.room = (0, 0)
            for account in theatre.players:
                status = (await ask(theatre.gateway, Call("POST", f"/cb/{account}"))).status
                # What has no signature is refused all the same, but once it was read.
                assert (status == 503) == (account not in ALWAYS_READ), account
            stands.overload.level = PER_CLASS
            for account, kind in (("mch", "REFUND.SUCCESS"), ("mch_v2", None)):
                what = "refund" if kind is None else "pay"
                assert (await theatre.play(account, what, kind)).status == 503
                assert (await theatre.play(account, "pay")).status < 300
            assert theatre.total("mch", "accepted") == theatre.total("mch_v2", "accepted") == 1

    asyncio.run(run())
