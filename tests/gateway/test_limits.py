"""Limits as WeChat and services see them: what is over them is refused, absorbed or paced."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from .conftest import LOG
from .theatre import Theatre, ask, ask_with_headers, until

if TYPE_CHECKING:
    from servers.replicated import Replicated
    from servers.server import Server
    from wxgate import Event
    from wxgate.sim.call import Call

    from .conftest import Crew, Stage

ONE = 'name = "one"\nper = "account"\nrate = "1/h"\nburst = 1\n'


def limit(text: str) -> str:
    """Routes and a limit."""
    return f"{LOG}\n[[limit]]\n{text}"


async def headers_of(theatre: Theatre, account: str, kind: str) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers of the answer to a genuine call."""
    answer, headers = await ask_with_headers(theatre.gateway, theatre.call(account, kind)[1])
    return answer.status, dict(headers)


def test_what_is_over_a_limit_is_refused_and_told_when_to_come_again(stage: Stage) -> None:
    """503 with a Retry-After; other accounts are not concerned, and nothing is delivered."""
    theatre = stage(limit(ONE.replace("1/h", "60/h")))

    async def run() -> None:
        async with theatre.gateway:
            assert (await theatre.play("shop", "text")).status == 200
            status, headers = await headers_of(theatre, "shop", "text")
            assert (status, headers[b"retry-after"]) == (503, b"60")
            assert (await theatre.play("mini", "text")).status == 200
            await theatre.counted(2)
            assert theatre.total("shop", "admit.limited") == 1
            assert theatre.total("shop", "accepted") == 1
            shown = theatre.state.counters.render()
            assert 'wxgate_limit_passed_total{limit="one"} 2' in shown
            assert 'wxgate_limit_denied_total{limit="one"} 1' in shown

    asyncio.run(run())


def test_a_retry_uses_up_nothing_and_is_answered_however_full(stage: Stage) -> None:
    """Of what was taken: the sender would go on for ever otherwise."""
    theatre = stage(limit(ONE))

    async def run() -> None:
        async with theatre.gateway:
            message, call = theatre.call("shop", "text")
            assert (await ask(theatre.gateway, call)).status == 200
            for _ in range(5):
                assert (await theatre.again("shop", message)).status == 200
            assert theatre.total("shop", "repeated") == 5
            assert (await theatre.play("shop", "text")).status == 503

    asyncio.run(run())


def test_what_was_refused_is_new_when_it_comes_again(stage: Stage) -> None:
    """It was not claimed: once there is room it is taken."""
    theatre = stage(limit(ONE.replace("1/h", "1/s")))

    async def run() -> None:
        async with theatre.gateway:
            assert (await theatre.play("shop", "text")).status == 200
            message, call = theatre.call("shop", "text")
            assert (await ask(theatre.gateway, call)).status == 503
            async with asyncio.timeout(20):
                while (await theatre.again("shop", message)).status != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await theatre.counted(2)

    asyncio.run(run())


def test_what_is_cheap_is_absorbed_and_said_so(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Success in the kind's own words, counted, not delivered; logged once a second at most."""
    theatre = stage(limit(ONE + 'action = "absorb"\nwhen.event = "LOCATION"\n'))

    async def run() -> None:
        async with theatre.gateway:
            for _ in range(5):
                message, call = theatre.call("shop", "event", "LOCATION")
                answer = await ask(theatre.gateway, call)
                assert theatre.players["shop"].read(message, answer).satisfied
            assert (await theatre.play("shop", "text")).status == 200
            await theatre.counted(2)
            assert theatre.total("shop", "absorbed") == 4
            assert theatre.total("shop", "accepted") == 2
            assert len(theatre.state.journal.read(0, 0, 100, 1 << 20)[0]) <= 2

    with caplog.at_level(logging.WARNING, "wxgate.limits"):
        asyncio.run(run())
    lines = [one.getMessage() for one in caplog.records if one.name == "wxgate.limits"]
    assert lines == ["account shop: absorbed by limit one"]


def _from(call: Call, *forwarded: str) -> Call:
    headers = [("X-Forwarded-For", one) for one in forwarded]
    return replace(call, headers=(*call.headers, *headers))


def test_a_forged_forwarded_for_opens_no_door(stage: Stage) -> None:
    """S45: it is believed of listed proxies only, and only what they added themselves."""
    text = limit(ONE.replace('"account"', '"source"'))

    async def statuses(trusted: str, *forwarded: str) -> list[int]:
        theatre = stage(text, trusted)
        async with theatre.gateway:
            calls = [_from(theatre.call("shop", "text")[1], one) for one in forwarded]
            return [(await ask(theatre.gateway, one)).status for one in calls]

    hops = "203.0.113.1", "203.0.113.2", "203.0.113.1"
    assert asyncio.run(statuses("", *hops)) == [200, 503, 503]
    listed = 'trusted_proxies = ["192.0.2.0/24"]'
    assert asyncio.run(statuses(listed, *hops)) == [200, 200, 503]
    forged = "198.51.100.1, 203.0.113.1", "198.51.100.2, 203.0.113.1"
    assert asyncio.run(statuses(listed, *forged)) == [200, 503]


def test_so_many_are_answered_at_once(stage: Stage) -> None:
    """A place is free again when its message is answered, or its caller has left."""
    theatre = stage(limit('name = "few"\nper = "account"\nconcurrency = 1\n'))
    going, stopped = asyncio.Event(), asyncio.Event()

    @theatre.gateway.on("shop", type="text")
    async def answer(event: Event) -> str:
        del event
        going.set()
        await stopped.wait()
        return "done"

    async def run() -> None:
        async with theatre.gateway:
            first = asyncio.create_task(theatre.play("shop", "text"))
            await going.wait()
            assert (await theatre.play("shop", "text")).status == 503
            stopped.set()
            assert b"<Encrypt>" in (await first).body
            assert (await theatre.play("shop", "text")).status == 200

    asyncio.run(run())


def test_what_finds_no_place_uses_up_no_rate_of_all_nodes(
    stage: Stage, redis_server: Server
) -> None:
    """Once there is one again, the rest of the rate is still there."""
    few = '[[limit]]\nname = "few"\nper = "account"\nconcurrency = 1\n'
    state = f'[state.redis]\nurl = "{redis_server.url}"\nbudget = 1.0\n'
    theatre = stage(limit(ONE.replace("burst = 1", "burst = 3") + few + state))
    going, stopped = asyncio.Event(), asyncio.Event()

    @theatre.gateway.on("shop", type="text")
    async def answer(event: Event) -> str:
        del event
        going.set()
        await stopped.wait()
        return "done"

    async def run() -> None:
        async with theatre.gateway:
            store = theatre.state.stores.shared
            assert store is not None
            assert store.is_shared
            first = asyncio.create_task(theatre.play("shop", "text"))
            await going.wait()
            for _ in range(5):
                assert (await theatre.play("shop", "text")).status == 503
            stopped.set()
            await first
            statuses = [(await theatre.play("shop", "text")).status for _ in range(3)]
            assert statuses == [200, 200, 503]
            shown = theatre.state.counters.render()
            assert 'wxgate_limit_denied_total{limit="few"} 5' in shown
            assert 'wxgate_limit_denied_total{limit="one"} 1' in shown
            assert 'wxgate_limit_passed_total{limit="few"} 3' in shown

    asyncio.run(run())


def test_workers_of_a_machine_count_together(crew: Crew) -> None:
    """However the messages fall on them, no more pass than the limit says."""
    workers = crew(limit(ONE.replace("burst = 1", "burst = 7")))

    async def run() -> list[int]:
        async with workers[0].gateway, workers[1].gateway:
            calls = [workers[at % 2].play("shop", "text") for at in range(20)]
            return [one.status for one in await asyncio.gather(*calls)]

    statuses = asyncio.run(run())
    assert (statuses.count(200), statuses.count(503)) == (7, 13)


def test_workers_that_cannot_count_together_keep_to_their_parts(crew: Crew) -> None:
    """The file fails: together they still admit no more."""
    workers = crew(limit(ONE.replace("burst = 1", "burst = 8")))

    async def run() -> list[int]:
        async with workers[0].gateway, workers[1].gateway:
            for worker in workers:
                assert worker.state.pipeline.limits is not None
                worker.state.pipeline.limits.close()
            calls = [workers[at % 2].play("shop", "text") for at in range(30)]
            return [one.status for one in await asyncio.gather(*calls)]

    assert asyncio.run(run()).count(200) == 8


def test_a_node_that_loses_the_store_knows_what_it_has_let_pass(
    stage: Stage, own_redis: Server
) -> None:
    """It was counted there, and here as well."""
    state = f'[state.redis]\nurl = "{own_redis.url}"\nbudget = 1.0\n'
    node = stage(limit(ONE.replace("burst = 1", "burst = 6")) + state)

    async def run() -> list[int]:
        async with node.gateway:
            store = node.state.stores.shared
            assert store is not None
            assert store.is_shared
            first = [(await node.play("shop", "text")).status for _ in range(4)]
            own_redis.kill()
            await until(lambda: not store.is_shared)
            return first + [(await node.play("shop", "text")).status for _ in range(6)]

    assert asyncio.run(run()).count(200) == 6


BOTH = (
    '\n[[limit]]\nname = "all"\nper = "account"\nrate = "50/s"\nburst = 20\n'
    '\n[[limit]]\nname = "types"\nper = "field:MsgType"\nrate = "1000/s"\n'
)


def test_two_nodes_never_admit_more_than_one_limit_says(stage: Stage, redis_server: Server) -> None:
    """Burst and rate times the time, though each node does what it can."""
    seconds, passed = 1.0, 0
    state = f'[state]\nnodes = 2\n[state.redis]\nurl = "{redis_server.url}"\nbudget = 1.0\n'
    nodes = [stage(f'{LOG}{BOTH}{state}[journal]\ndir = "{name}"\n') for name in ("one", "other")]

    async def push(theatre: Theatre, until: float) -> None:
        nonlocal passed
        while time.monotonic() < until:
            answer = await ask(theatre.gateway, theatre.call("shop", "text")[1])
            passed += answer.status == 200

    async def run() -> float:
        async with nodes[0].gateway, nodes[1].gateway:
            stores = [node.state.stores.shared for node in nodes]
            assert all(store and store.is_shared for store in stores)
            started = time.monotonic()
            many = [push(node, started + seconds) for node in nodes for _ in range(8)]
            await asyncio.gather(*many)
            return time.monotonic() - started

    took = asyncio.run(run())
    assert 20 <= passed <= 20 + 50 * took + 1


@pytest.mark.parametrize(
    ("nodes_said", "burst", "passed"),
    [("nodes = 2", 10, 10), ("nodes = 2", 7, 6), ("nodes = 2", 1, 2), ("", 10, 20)],
    ids=["its part", "rounded down", "one at least", "nobody said how many"],
)
def test_without_the_store_each_node_keeps_to_its_part(
    stage: Stage, own_redis: Server, nodes_said: str, burst: int, passed: int
) -> None:
    """Two nodes on their own admit together what they are told of each other."""
    state = f'[state]\nredis = "{own_redis.url}"\n{nodes_said}\n'
    text = limit(ONE.replace("burst = 1", f"burst = {burst}"))
    nodes = [stage(f'{text}{state}[journal]\ndir = "{name}"\n') for name in ("one", "other")]

    async def run() -> list[int]:
        async with nodes[0].gateway, nodes[1].gateway:
            own_redis.kill()
            await until(lambda: not any(node.state.stores.shared.is_shared for node in nodes))  # type: ignore[union-attr]
            calls = [nodes[at % 2].play("shop", "text") for at in range(30)]
            return [one.status for one in await asyncio.gather(*calls)]

    assert asyncio.run(run()).count(200) == passed


def two_nodes(stage: Stage, redis: str) -> list[Theatre]:
    """Two nodes that share a Redis, and a limit of 12 at once and next to nothing after that."""
    state = f'[state]\nnodes = 2\n[state.redis]\nurl = "{redis}"\nbudget = 1.0\n'
    text = limit(ONE.replace("burst = 1", "burst = 12"))
    return [stage(f'{text}{state}[journal]\ndir = "{name}"\n') for name in ("one", "other")]


async def passing(nodes: list[Theatre], calls: int) -> int:
    """How many of so many messages at once pass, to the nodes in turn."""
    answers = [nodes[at % 2].play("shop", "text") for at in range(calls)]
    return [one.status for one in await asyncio.gather(*answers)].count(200)


@pytest.mark.parametrize(("fault", "alone", "back"), [("full", 4, 4), ("emptied", 0, 12)])
def test_an_outage_lets_pass_the_burst_once_more_at_most(
    stage: Stage, own_redis: Server, fault: str, alone: int, back: int
) -> None:
    """Nodes count along what the store let pass; it does not hear what they let pass alone."""
    nodes = two_nodes(stage, own_redis.url)
    passed = partial(passing, nodes)

    async def run() -> None:
        async with nodes[0].gateway, nodes[1].gateway:
            stores = [store for node in nodes if (store := node.state.stores.shared)]
            assert [store.is_shared for store in stores] == [True, True]
            assert await passed(8) == 8
            if fault == "full":
                own_redis.configure(maxmemory=1)
                await until(lambda: not any(store.is_shared for store in stores))
                assert await passed(20) == alone
                own_redis.configure(maxmemory=0)
            else:
                own_redis.say("FLUSHALL")
            await until(lambda: all(store.is_shared for store in stores))
            assert await passed(40) == back
            await until(lambda: all(store.is_shared for store in stores))
            assert await passed(40) == 0

    asyncio.run(run())


@pytest.mark.slow
def test_a_failover_lets_pass_again_only_what_the_replica_had_not_heard(
    stage: Stage, replicated: Replicated
) -> None:
    """C4: the burst, what it missed while it lagged, and what each node let pass alone."""
    nodes = two_nodes(stage, replicated.url)
    passed = partial(passing, nodes)

    async def run() -> None:
        async with nodes[0].gateway, nodes[1].gateway:
            stores = [store for node in nodes if (store := node.state.stores.shared)]
            assert [store.is_shared for store in stores] == [True, True]
            assert await passed(4) == 4
            assert replicated.primary.say("WAIT", 1, 10_000) == 1
            replicated.lag()
            unheard = await passed(4)
            assert unheard == 4
            replicated.primary.configure(maxmemory=1)
            await until(lambda: not any(store.is_shared for store in stores))
            # A part is six: of what Redis let pass, each node has counted its four along.
            alone = await passed(20)
            assert alone == 4
            replicated.primary.kill()
            replicated.replica.resume()
            await asyncio.to_thread(replicated.until_failed_over, replicated.primary.port)
            await until(lambda: all(store.is_shared for store in stores))
            assert await passed(40) == 12 - 4
            assert await passed(40) == 0

    asyncio.run(run())
