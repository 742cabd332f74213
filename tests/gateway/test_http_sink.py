"""Delivery over HTTP: what a service gets, and what becomes of the message after its answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate import Event, Gateway
from wxgate.sim.demo.process import free_port

from .services import Scripted
from .theatre import ask, until

if TYPE_CHECKING:
    from .conftest import Stage


SOON = "retry = { first = 0.02, max = 0.1 }"


def upstream(nodes: list[str], more: str = "", reply: str = "ack") -> str:
    """A route to an upstream of these nodes."""
    return (
        f"[upstream.orders]\nnodes = {msgspec.json.encode(nodes).decode()}\n{more}\n"
        f'[[route]]\nto = "upstream:orders"\nreply = "{reply}"\n'
    )


def test_a_service_gets_one_cloudevent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Structured JSON by POST, with the headers of the configuration."""
    monkeypatch.setenv("AUTHORIZATION", "Bearer sentinel")

    async def run() -> None:
        async with Scripted() as service:
            headers = 'headers = { Authorization = "env:AUTHORIZATION" }'
            theatre = stage(upstream([f"{service.url}/hook"], headers))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text", "你好")).body == b"success"
        (request,) = service.got
        assert request.head.startswith("POST /hook HTTP/1.1\r\n")
        assert request.header("content-type") == "application/cloudevents+json"
        assert request.header("authorization") == "Bearer sentinel"
        event = msgspec.json.decode(request.body)
        assert (event["specversion"], event["type"]) == ("1.0", "wechat.official.text")
        assert event["data"]["Content"] == "你好"

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_2xx_is_taken(stage: Stage, status: int) -> None:
    """Whatever of it."""

    async def run() -> None:
        async with Scripted(status) as service:
            theatre = stage(upstream([service.url]))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 200
                await theatre.counted(1)
            assert len(service.got) == 1

    asyncio.run(run())


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_no_makes_a_dead_letter(stage: Stage, status: int) -> None:
    """WeChat has its acknowledgement all the same; redirects are not followed."""

    async def run() -> None:
        async with Scripted(status) as service:
            theatre = stage(upstream([service.url]))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 200
                await theatre.counted(1, "buried")
            assert len(service.got) == 1

    asyncio.run(run())


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again(stage: Stage, status: int) -> None:
    """Until it is taken."""

    async def run() -> None:
        async with Scripted(status) as service:
            theatre = stage(upstream([service.url], SOON))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 200
                await until(lambda: len(service.got) >= 3)
                service.status = 200
                await theatre.counted(1)
            assert len({Event.decode(one.body).id for one in service.got}) == 1

    asyncio.run(run())


def test_a_destination_that_is_gone_is_left_alone(stage: Stage) -> None:
    """410 parks it; what it has not taken waits for the next start."""

    async def run() -> None:
        async with Scripted(410) as service:
            theatre = stage(upstream([service.url], SOON))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 200
                await until(lambda: theatre.state.dispatcher.snapshot()[0].parked)
                assert (await theatre.play("shop", "text")).status == 200
            assert len(service.got) == 1
            service.status = 200
            again = replace(theatre, gateway=Gateway(theatre.folder / "wxgate.toml"))
            async with again.gateway:
                await again.counted(2)

    asyncio.run(run())


def test_a_slow_service_is_asked_again(stage: Stage) -> None:
    """After its own timeout; WeChat does not notice."""

    async def run() -> None:
        async with Scripted(delay=0.5) as service:
            theatre = stage(upstream([service.url], f"timeout = 0.05\n{SOON}"))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 200
                await until(lambda: len(service.got) >= 2)
                service.delay = 0.0
                await theatre.counted(1)

    asyncio.run(run())


def test_what_a_service_answers_becomes_the_reply(stage: Stage) -> None:
    """On a route that waits for it."""

    async def run() -> None:
        body = '{"type":"text","content":"收到"}'.encode()
        async with Scripted(body=body, chunked=True) as service:
            theatre = stage(upstream([service.url], reply="wait"))
            async with theatre.gateway:
                message, call = theatre.call("shop", "text")
                answer = await ask(theatre.gateway, call)
                reading = theatre.players["shop"].read(message, answer)
        assert reading.reply["Content"] == "收到"

    asyncio.run(run())


@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_answer_is_cut(stage: Stage, *, chunked: bool) -> None:
    """It is no reply, and must not fill the memory; it is tried again."""

    async def run() -> None:
        async with Scripted(body=b"x" * 300_000, chunked=chunked) as service:
            theatre = stage(upstream([service.url], SOON, "wait"), "reply_budget = 0.3\n")
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).body == b"success"
                await until(lambda: sum(theatre.deliveries("retried").values()))

    asyncio.run(run())


def test_an_answer_that_is_no_reply_is_counted_and_acknowledged(stage: Stage) -> None:
    """The service has the message: only its answer is of no use."""

    async def run() -> None:
        async with Scripted(body=b"OK, thanks") as service:
            theatre = stage(upstream([service.url], reply="wait"))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).body == b"success"
                assert theatre.total("shop", "reply.unreadable") == 1

    asyncio.run(run())


def test_a_user_keeps_to_a_node_until_it_is_gone(stage: Stage) -> None:
    """Then the next in line takes over, and only for that node's users."""

    async def run() -> None:
        async with Scripted() as one, Scripted() as two:
            theatre = stage(upstream([one.url, two.url]))
            async with theatre.gateway:
                player = theatre.players["shop"]
                for _ in range(6):
                    message = player.message("text", openid="oSticky")
                    call = player.call(message, int(time.time()))
                    assert (await ask(theatre.gateway, call)).status == 200
                await theatre.counted(6)
                assert sorted((len(one.got), len(two.got))) == [0, 6]
                for _ in range(40):
                    await theatre.play("shop", "text")
                await theatre.counted(46)
        assert min(len(one.got), len(two.got)) > 5

    asyncio.run(run())


def test_a_dead_nodes_users_go_to_the_next(stage: Stage) -> None:
    """Nobody is refused while a node is left."""

    async def run() -> None:
        async with Scripted() as alive:
            dead = f"http://127.0.0.1:{free_port()}"
            theatre = stage(upstream([dead, alive.url]))
            async with theatre.gateway:
                for _ in range(12):
                    assert (await theatre.play("shop", "text")).status == 200
                await theatre.counted(12)
        assert len(alive.got) == 12

    asyncio.run(run())


def test_a_fan_out_goes_to_each_until_it_has_taken_it(stage: Stage) -> None:
    """One of two that fails is tried again; the other has it once."""

    async def run() -> None:
        async with Scripted() as one, Scripted(500) as two:
            routes = f'[[route]]\nto = "{one.url}"\nalso = true\n[[route]]\nto = "{two.url}"\n'
            theatre = stage(f"[dispatch]\n{SOON}\n{routes}")
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 200
                await until(lambda: len(two.got) >= 2)
                two.status = 200
                await theatre.counted(2)
            assert len(one.got) == 1

    asyncio.run(run())


def test_no_more_are_open_at_once_than_configured(stage: Stage) -> None:
    """The others wait their turn."""

    async def run() -> None:
        async with Scripted(delay=0.1) as service:
            theatre = stage(upstream([service.url], "concurrency = 2"))
            async with theatre.gateway:
                playing = [asyncio.create_task(theatre.play("shop", "text")) for _ in range(6)]
                answers = await asyncio.gather(*playing)
                assert {answer.status for answer in answers} == {200}
                await until(lambda: len(service.got) == 2)
                assert theatre.state.dispatcher.snapshot()[0].in_flight == 2
                await theatre.counted(6)

    asyncio.run(run())
