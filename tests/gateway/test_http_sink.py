"""Delivery over HTTP: what a service gets, and what its answers mean to WeChat."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate.sim.demo.process import free_port

from .services import Scripted
from .theatre import ask

if TYPE_CHECKING:
    from .conftest import Stage


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
                assert theatre.total("shop", "delivered") == 1

    asyncio.run(run())


@pytest.mark.parametrize("status", [302, 400, 404, 410, 429, 500, 503])
def test_all_else_is_not(stage: Stage, status: int) -> None:
    """WeChat is asked to send it again; redirects are not followed."""

    async def run() -> None:
        async with Scripted(status) as service:
            theatre = stage(upstream([service.url]))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 503
                assert theatre.total("shop", "dispatch.not_delivered") == 1
                assert theatre.total("shop", "accepted") == 0
            assert len(service.got) == 1

    asyncio.run(run())


def test_a_slow_service_has_not_taken_it(stage: Stage) -> None:
    """After its own timeout, and within WeChat's patience."""

    async def run() -> None:
        async with Scripted(delay=1.0) as service:
            theatre = stage(upstream([service.url], "timeout = 0.1"))
            async with theatre.gateway:
                answer = await theatre.play("shop", "text")
        assert answer.status == 503
        assert answer.seconds < 0.9

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
    """It is no reply, and must not fill the memory."""

    async def run() -> None:
        async with Scripted(body=b"x" * 300_000, chunked=chunked) as service:
            theatre = stage(upstream([service.url], reply="wait"))
            async with theatre.gateway:
                assert (await theatre.play("shop", "text")).status == 503

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
                message = theatre.players["shop"].message("text", openid="oSticky")
                for _ in range(6):
                    call = theatre.players["shop"].call(message, int(time.time()))
                    assert (await ask(theatre.gateway, call)).status == 200
                assert sorted((len(one.got), len(two.got))) == [0, 6]
                for _ in range(40):
                    await theatre.play("shop", "text")
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
        assert len(alive.got) == 12

    asyncio.run(run())


def test_a_fan_out_needs_all(stage: Stage) -> None:
    """One of two that fails makes WeChat send it again."""

    async def run(status: int) -> int:
        async with Scripted() as one, Scripted(status) as two:
            routes = f'[[route]]\nto = "{one.url}"\nalso = true\n[[route]]\nto = "{two.url}"\n'
            theatre = stage(routes)
            async with theatre.gateway:
                answer = await theatre.play("shop", "text")
            assert len(one.got) == len(two.got) == 1
            return answer.status

    assert asyncio.run(run(200)) == 200
    assert asyncio.run(run(500)) == 503


def test_no_more_are_open_at_once_than_configured(stage: Stage) -> None:
    """The others wait their turn."""

    async def run() -> None:
        async with Scripted(delay=0.1) as service:
            theatre = stage(upstream([service.url], "concurrency = 2"))
            async with theatre.gateway:
                playing = [asyncio.create_task(theatre.play("shop", "text")) for _ in range(6)]
                await asyncio.sleep(0.05)
                assert len(service.got) <= 2
                answers = await asyncio.gather(*playing)
        assert {answer.status for answer in answers} == {200}

    asyncio.run(run())
