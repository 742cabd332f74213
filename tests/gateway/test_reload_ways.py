"""The ways out turn while messages flow: routes, breakers, checks of nodes. None is lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from wxgate import Event

from .reloading import flowing, is_refused, turn
from .services import Scripted
from .theatre import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage
    from .reloading import Flow
    from .theatre import Theatre

SOON = "retry = { first = 0.01, max = 0.05 }\n"
MANY = "in_a_row = 1000000, calls = 1000000"
"""What opens no breaker."""
LOG = '[[route]]\nto = "log:"\n'


def posted(service: Scripted) -> list[str]:
    """The ids of the events that came, in their order."""
    return [Event.decode(one.body).id for one in service.got if one.head.startswith("POST")]


def asked(service: Scripted) -> list[str]:
    """What was asked for by GET, in order."""
    return [one.head.split(" ")[1] for one in service.got if one.head.startswith("GET")]


def test_a_type_of_message_goes_elsewhere_under_load(stage: Stage) -> None:
    """From the swap on to the other service, and none of it to the first any more; and back."""

    async def run() -> None:
        async with Scripted() as one, Scripted() as other:
            ways = [
                f'[[route]]\nwhen = {{ type = "text" }}\nto = "{service.url}"\n'
                for service in (one, other)
            ]
            theatre = stage(ways[0] + LOG)
            async with flowing(theatre) as flow:
                assert not other.got
                wrong = ways[1].replace("type", "tipe")
                await is_refused(theatre, ways[0], wrong, "route[0].when.tipe")
                await flow.more(20)
                assert not other.got
                await turn(theatre, ways[0], ways[1])
                # What was under way at the swap ends as it began.
                await cease(flow, lambda: len(one.got))
                before = len(one.got)
                assert other.got
                await turn(theatre, ways[1], ways[0])
                await flow.more(20)
                await until(lambda: len(one.got) > before)
            ids = posted(one) + posted(other)
            assert len(set(ids)) == len(ids) == flow.accepted

    asyncio.run(run())


def breaker(more: str) -> str:
    """The setting of an upstream, which a failing service opens after so many tries."""
    return f"breaker = {{ errors = 1.0, slow = 1.0, {more} }}\n"


def circuit(theatre: Theatre) -> str:
    """What the breaker of the only destination lets pass."""
    (standing,) = theatre.state.dispatcher.snapshot()
    return standing.breaker


def test_a_breaker_turns_under_load(stage: Stage) -> None:
    """Patient it bears what it is not to bear afterwards; patient again it closes, nothing lost."""
    patient, strict = breaker(MANY), breaker("in_a_row = 3")

    async def run() -> None:
        async with Scripted(status=503) as service:
            table = f'[upstream.orders]\nnodes = ["{service.url}"]\n{SOON}{patient}'
            theatre = stage(f'{table}[[route]]\nto = "upstream:orders"\n')
            async with flowing(theatre) as flow:
                await until(lambda: len(set(posted(service))) > 10)
                assert circuit(theatre) == "closed"
                wrong = breaker("in_a_row = 0")
                await is_refused(theatre, patient, wrong, "upstream.orders.breaker.in_a_row")
                await until(lambda: len(set(posted(service))) > 20)
                assert circuit(theatre) == "closed"
                await turn(theatre, patient, strict)
                await until(lambda: circuit(theatre) != "closed")
                await flow.more(20)
                await turn(theatre, strict, patient)
                assert circuit(theatre) == "closed"
                tried = len(service.got)
                await until(lambda: len(service.got) > tried + 10)
                assert circuit(theatre) == "closed"
                service.status = 200
            # Refused, they came several times; taken, once.
            assert len(set(posted(service))) == flow.accepted

    asyncio.run(run())


@pytest.mark.parametrize("setting", ["errors", "slow"])
def test_what_a_breaker_counts_turns(stage: Stage, setting: str) -> None:
    """A share of failures, or of slow answers, is enough where it was not before."""
    before = breaker(MANY)
    after = "breaker = { in_a_row = 1000000, calls = 4, window = 3600, %s = 0.3%s }\n"
    slow = ", errors = 1.0, slow_after = 0.000001" if setting == "slow" else ""

    async def run() -> None:
        async with Scripted(status=503 if setting == "errors" else 200) as service:
            table = f'[upstream.orders]\nnodes = ["{service.url}"]\n{SOON}{before}'
            theatre = stage(f'{table}[[route]]\nto = "upstream:orders"\n')
            async with flowing(theatre):
                await until(lambda: len(set(posted(service))) > 10)
                assert circuit(theatre) == "closed"
                await turn(theatre, before, after % (setting, slow))
                await until(lambda: circuit(theatre) != "closed")
                await turn(theatre, after % (setting, slow), before)
                service.status = 200

    asyncio.run(run())


def states(theatre: Theatre) -> list[str]:
    """How the nodes stand."""
    (standing,) = theatre.state.dispatcher.snapshot()
    return [node.state for node in standing.nodes]


def test_checks_of_nodes_turn_under_load(stage: Stage) -> None:
    """They come, ask for something else, and go; who fails them is left out only meanwhile."""
    none, first, other = "", check("/healthz"), check("/alive")

    async def run() -> None:
        async with AsyncExitStack() as stack:
            nodes = [await stack.enter_async_context(Scripted()) for _ in range(2)]
            urls = ", ".join(f'"{node.url}"' for node in nodes)
            table = f'[upstream.orders]\nnodes = [{urls}]\nhash = "key"\n{SOON}'
            theatre = stage(f'{table}{none}[[route]]\nto = "upstream:orders"\n')
            async with flowing(theatre) as flow:
                assert not any(map(asked, nodes))
                await turn(theatre, table, table + first)
                await until(lambda: all("/healthz" in asked(node) for node in nodes))
                nodes[0].checked = 503
                await until(lambda: states(theatre) == ["down", "up"])
                await cease(flow, lambda: len(posted(nodes[0])))
                before = len(posted(nodes[0]))
                wrong = first.replace("/healthz", "healthz")
                await is_refused(theatre, first, wrong, "upstream.orders.health.path")
                assert states(theatre) == ["down", "up"]
                await turn(theatre, first, other)
                await until(lambda: asked(nodes[1])[-3:] == ["/alive"] * 3)
                await until(lambda: states(theatre) == ["down", "up"])
                await turn(theatre, other, none)
                assert states(theatre) == ["up", "up"]
                await until(lambda: len(posted(nodes[0])) > before)
                await cease(flow, lambda: [len(asked(node)) for node in nodes])
            ids = [*posted(nodes[0]), *posted(nodes[1])]
            assert len(set(ids)) == len(ids) == flow.accepted

    asyncio.run(run())


async def cease(flow: Flow, count: Callable[[], object]) -> None:
    """Wait until there is no more of something while a hundred messages are taken."""
    async with asyncio.timeout(20):
        before = None
        while (now := count()) != before:
            before = now
            await flow.more(100)


def check(path: str) -> str:
    """The setting of an upstream that has its nodes asked all the time."""
    often = "every = 0.01, slow_start = 0, rise = 1, fall = 1, timeout = 20.0"
    return f'health = {{ path = "{path}", {often} }}\n'
