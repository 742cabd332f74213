"""Nodes of an upstream as real servers: who gets what when one of them is ill, gone, or back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from wxgate import Event, Gateway

from .services import Scripted
from .theatre import Theatre, ask, until

if TYPE_CHECKING:
    from .conftest import Stage

SOON = "retry = { first = 0.01, max = 0.05 }\nbreaker = { errors = 1.0, in_a_row = 1000 }\n"


def upstream(urls: list[str], more: str = "") -> str:
    """A route to an upstream of these nodes, named so that rankings do not depend on ports."""
    nodes = [{"url": url, "name": f"node-{at}"} for at, url in enumerate(urls)]
    lines = ", ".join(f'{{ url = "{one["url"]}", name = "{one["name"]}" }}' for one in nodes)
    return (
        f'[upstream.orders]\nnodes = [{lines}]\n{SOON}{more}\n[[route]]\nto = "upstream:orders"\n'
    )


async def services(stack: AsyncExitStack, count: int) -> list[Scripted]:
    """So many of them."""
    return [await stack.enter_async_context(Scripted()) for _ in range(count)]


def states(theatre: Theatre) -> list[str]:
    """How the nodes stand."""
    (standing,) = theatre.state.dispatcher.snapshot()
    return [node.state for node in standing.nodes]


def counted(theatre: Theatre, metric: str) -> list[int]:
    """What is shown of each node."""
    lines = [*theatre.state.way.nodes.render()]
    start = f"wxgate_node_{metric}{{"
    return [int(line.rpartition(" ")[2]) for line in lines if line.startswith(start)]


def test_after_a_5xx_the_next_node_gets_the_message(stage: Stage) -> None:
    """With the same id; and who fails in a row is left out, which can be seen."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            nodes = await services(stack, 3)
            theatre = stage(upstream([node.url for node in nodes], 'hash = "account"'))
            async with theatre.gateway:
                await theatre.play("shop", "text")
                await theatre.counted(1)
                (home,) = [at for at, node in enumerate(nodes) if node.got]
                nodes[home].status = 500
                for count in range(2, 7):
                    await theatre.play("shop", "text")
                    await theatre.counted(count)
                assert states(theatre)[home] == "ejected"
                failed = [Event.decode(one.body).id for one in nodes[home].got[1:]]
                others = [node for node in nodes if node is not nodes[home]]
                taken = [Event.decode(one.body).id for node in others for one in node.got]
                assert failed == taken
                await theatre.play("shop", "text")
                await theatre.counted(7)
                assert len(nodes[home].got) == 6
                assert counted(theatre, "picked_total") == [len(node.got) for node in nodes]
                rerouted = counted(theatre, "rerouted_total")
                assert (rerouted.pop(home) > 0, rerouted) == (True, [0, 0])
                ill = [int(at == home) for at in range(3)]
                assert counted(theatre, "ejected_total") == counted(theatre, "away") == ill

    asyncio.run(run())


def test_who_fails_its_checks_gets_nothing_until_it_passes_them(stage: Stage) -> None:
    """Without a message having to fail first."""
    checks = 'hash = "account"\nhealth = { path = "/healthz", every = 0.02, slow_start = 0 }'

    async def run() -> None:
        async with AsyncExitStack() as stack:
            nodes = await services(stack, 2)
            theatre = stage(upstream([node.url for node in nodes], checks))
            async with theatre.gateway:
                await until(lambda: all(node.got for node in nodes))
                assert nodes[0].got[0].head.startswith("GET /healthz HTTP/1.1\r\n")
                for node in nodes:
                    others = [one for one in nodes if one is not node]
                    node.status = 503
                    await until(lambda: "down" in states(theatre))
                    before = len(posts(node))
                    for count in range(3):
                        del count
                        await theatre.play("shop", "text")
                    await until(lambda: not theatre.state.dispatcher.snapshot()[0].held)
                    assert len(posts(node)) == before
                    assert all(posts(one) for one in others)
                    node.status = 200
                    await until(lambda: states(theatre) == ["up", "up"])

    asyncio.run(run())


def posts(service: Scripted) -> list[str]:
    """Ids of the events that came."""
    return [Event.decode(one.body).id for one in service.got if one.head.startswith("POST")]


def test_what_is_hashed_by_a_field_finds_its_node_after_a_restart(stage: Stage) -> None:
    """The request is gone then, and the message has to be read back."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            nodes = await services(stack, 4)
            by_text = upstream([node.url for node in nodes], 'hash = "field:Content"')
            theatre = stage(by_text)
            texts = [f"text {at}" for at in range(12)]
            async with theatre.gateway:
                for text in texts:
                    await theatre.play("shop", "text", text)
                await theatre.counted(12)
            first = {at: sorted(contents(node)) for at, node in enumerate(nodes)}
            assert sum(map(bool, first.values())) > 1
            for node in nodes:
                node.got.clear()
                node.status = 503
            second = replace(theatre, gateway=Gateway(theatre.folder / "wxgate.toml"))
            async with second.gateway:
                for text in texts:
                    await second.play("shop", "text", text)
                await until(lambda: sum(len(node.got) for node in nodes) >= 12)
            for node in nodes:
                node.got.clear()
                node.status = 200
            third = replace(theatre, gateway=Gateway(theatre.folder / "wxgate.toml"))
            async with third.gateway:
                await third.counted(12)
            assert {at: sorted(contents(node)) for at, node in enumerate(nodes)} == first

    asyncio.run(run())


def contents(service: Scripted) -> list[str]:
    """The texts that came."""
    return [msgspec.json.decode(one.body)["data"]["Content"] for one in service.got]


def test_a_node_more_moves_few_keys_and_keeps_their_order(stage: Stage) -> None:
    """D7, as two configurations one after the other: what moves, moves to the new node."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            nodes = await services(stack, 4)
            urls = [node.url for node in nodes]
            by_text = 'hash = "field:Content"\nconcurrency = 8'
            theatre = stage(upstream(urls[:3], by_text))
            texts = [f"text {at}" for at in range(60)]
            async with theatre.gateway:
                for text in texts:
                    await theatre.play("shop", "text", text)
                await theatre.counted(60)
            before = {text: at for at, node in enumerate(nodes) for text in contents(node)}
            for node in nodes:
                node.got.clear()
            path = theatre.folder / "wxgate.toml"
            text = path.read_text().split("[upstream.orders]")[0] + upstream(urls, by_text)
            path.write_text(text)
            grown = replace(theatre, gateway=Gateway(path))
            async with grown.gateway:
                for text in texts:
                    await grown.play("shop", "text", text)
                await grown.counted(60)
            after = {text: at for at, node in enumerate(nodes) for text in contents(node)}
            moved = [text for text in texts if before[text] != after[text]]
            assert {after[text] for text in moved} == {3}
            assert 0 < len(moved) < 60 * (1 / 4 + 0.2)

    asyncio.run(run())


def test_a_tag_of_the_request_chooses_the_pool(stage: Stage) -> None:
    """By header, which only the accounts get to see that a route asks for; and by parameter."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            canary, other = await services(stack, 2)
            theatre = stage(
                f'[[route]]\nwhen = {{ header = {{ x-env = "canary" }}, account = "shop" }}\n'
                f'to = "{canary.url}"\n[[route]]\nto = "{other.url}"\n'
            )
            async with theatre.gateway:
                core = theatre.state.pipeline
                assert core.wants_headers("/cb/shop")
                assert not core.wants_headers("/cb/app")
                await tagged(theatre, "canary")
                await tagged(theatre, "prod")
                await theatre.counted(2)
            assert (len(canary.got), len(other.got)) == (1, 1)

    asyncio.run(run())


async def tagged(theatre: Theatre, value: str) -> None:
    """Make a call that a balancer has put a tag on."""
    _, call = theatre.call("shop", "text")
    await ask(theatre.gateway, replace(call, headers=(*call.headers, ("X-Env", value))))
