"""`wxgate serve` is stopped, killed and started again: nothing is lost, and nobody is left over."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from wxgate import Event, serve
from wxgate.settings import load
from wxgate.sim.call import Answer
from wxgate.sim.wire import UnansweredError

from .services import Scripted
from .serving import (
    LOG,
    PATIENCE_S,
    call_all,
    counters,
    get,
    served_again,
    serving,
    until,
)
from .theatre import until as until_async

if TYPE_CHECKING:
    from .conftest import Stage


def test_two_workers_count_together_and_a_dead_one_is_replaced(stage: Stage) -> None:
    """Counters outlive the worker that wrote them."""
    with serving(stage, server="workers = 2") as (served, theatre):

        async def play(times: int) -> None:
            for _ in range(times):
                # A connection each, so that both workers are met.
                await call_all(served, [theatre.call("shop", "text")[1]])

        def accepted() -> str:
            lines = get(served.admin, "/metrics")[1].splitlines()
            return next(x for x in lines if x.startswith('wxgate_accepted_total{account="shop"}'))

        asyncio.run(play(10))
        assert accepted().endswith(" 10")
        until(lambda: len(served.workers()) == 2, served)
        victim = served.workers()[0]
        victim.kill()
        until(lambda: len({w.pid for w in served.workers()} - {victim.pid}) == 2, served)

        def answers() -> bool:
            try:
                asyncio.run(play(1))
            except UnansweredError:
                return False
            return True

        until(answers, served)
        assert int(accepted().split()[-1]) >= 11
        assert served.stop(signal.SIGTERM)[0] == 0


def test_workers_do_not_outlive_a_parent_that_is_killed(stage: Stage) -> None:
    """They would serve on without reloads, and keep the port and the journal from the next."""
    with serving(stage, server="workers = 2") as (served, _):
        until(lambda: get(served.admin, "/readyz")[0] == 200, served)
        until(lambda: len(served.workers()) == 2, served)
        workers = served.workers()
        served.process.kill()
        served.process.wait()
        psutil.wait_procs(workers, PATIENCE_S)
        alive = [one for one in workers if one.is_running() and one.status() != "zombie"]
        for one in alive:
            one.kill()
        assert not alive


def test_the_place_of_a_dead_worker_is_free_whoever_has_its_number_now(stage: Stage) -> None:
    """Numbers of processes go round."""
    theatre = stage(LOG, "workers = 2\n")
    family = serve._Family(load(theatre.folder / "wxgate.toml"))  # noqa: SLF001
    try:
        ours = family.join().worker
        # This very process lives: its place is taken until the parent says otherwise.
        assert (ours, family.join().worker) == (0, 1)
        family._pids[1] = 1  # noqa: SLF001
        family.forget(os.getpid())
        assert family.join().worker == ours
    finally:
        family._folder.close()  # noqa: SLF001
        if family._admin is not None:  # noqa: SLF001
            family._admin.close()  # noqa: SLF001
        for end in (family.door._inside, family.door._outside):  # noqa: SLF001
            end.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("group", [True, False])
def test_a_stop_is_clean(stage: Stage, number: signal.Signals, *, group: bool) -> None:
    """Exit code 0 within 5 s: from a supervisor, or from Ctrl-C to the whole group."""
    with serving(stage, server="workers = 2") as (served, theatre):
        asyncio.run(call_all(served, [theatre.call("shop", "text")[1]]))
        code, took = served.stop(number, group=group)
        assert code == 0
        assert took < 5


def test_idle_connections_do_not_hold_a_stop(stage: Stage) -> None:
    """Nor does a second signal spoil it."""
    with serving(stage) as (served, _):
        idle = [socket.create_connection(("127.0.0.1", served.listen)) for _ in range(1000)]
        for connection in idle[:50]:
            connection.sendall(b"GET /cb/x HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(1024).startswith(b"HTTP/1.1 403")
        code, took = served.stop(signal.SIGTERM, signal.SIGTERM)
        for connection in idle:
            connection.close()
        assert code == 0
        assert took < 5


def test_a_message_in_flight_is_answered_before_the_end(stage: Stage) -> None:
    """SIGTERM while the service still works on the reply that WeChat waits for."""

    async def run() -> None:
        async with Scripted(body=b'{"type": "text", "content": "late"}', delay=1.0) as service:
            route = f'[[route]]\nto = "{service.url}"\nreply = "wait"\n'
            with serving(stage, route) as (served, theatre):
                message, call = theatre.call("shop", "text")
                playing = asyncio.create_task(call_all(served, [call]))
                await until_async(lambda: service.got)
                code, took = await asyncio.to_thread(served.stop, signal.SIGTERM)
                ((status, body),) = await playing
                reading = theatre.players["shop"].read(message, Answer(status, body, 0.0))
                assert (code, reading.reply["Content"]) == (0, "late")
                assert took < 5
            assert len(service.got) == 1

    asyncio.run(run())


def ids(service: Scripted) -> list[str]:
    """The messages that a service was sent, in order."""
    return [Event.decode(request.body).id for request in service.got]


@pytest.mark.parametrize(
    "limits", ["drain = 2.0\n", "drain = 1.0\n", "reply_budget = 0.3\ndrain = 2.0\n"]
)
def test_a_stop_waits_for_no_destination_and_the_next_start_delivers(
    stage: Stage, limits: str
) -> None:
    """What waits is on disk, and whoever sent it is told so before the worker is ended."""

    async def run() -> None:
        async with Scripted() as service:
            service.ready.clear()
            routes = f'[[route]]\nto = "{service.url}"\n'
            waits = f'[[route]]\nwhen = {{ account = "shop" }}\nto = "{service.url}"\n'
            routes = f'{waits}reply = "wait"\n{routes}'
            with serving(stage, routes, limits) as (served, theatre):
                shop, mini = theatre.call("shop", "text")[1], theatre.call("mini", "text")[1]
                assert await call_all(served, [mini]) == [(200, b"success")]
                playing = asyncio.create_task(call_all(served, [shop]))
                await until_async(lambda: len(service.got) == 2)
                code, took = await asyncio.to_thread(served.stop, signal.SIGTERM)
                assert (code, await playing) == (0, [(200, b"success")])
                assert took < 5
            first = ids(service)
            service.got.clear()
            service.ready.set()
            with served_again(served) as served:
                await until_async(lambda: len(service.got) == 2)
                assert sorted(ids(service)) == sorted(first)
                assert served.stop(signal.SIGTERM)[0] == 0

    asyncio.run(run())


def test_a_kill_takes_nothing_that_was_acknowledged(stage: Stage) -> None:
    """G1: the next start delivers it, and knows its retries."""

    async def run() -> None:
        async with Scripted() as service:
            service.ready.clear()
            with serving(stage, f'[[route]]\nto = "{service.url}"\n') as (served, theatre):
                messages = [theatre.players["shop"].message("text") for _ in range(5)]
                calls = [theatre.players["shop"].call(one, int(time.time())) for one in messages]
                assert await call_all(served, calls) == [(200, b"success")] * 5
                await until_async(lambda: len(service.got) == 5)
                first = ids(service)
                served.end()
            service.got.clear()
            service.ready.set()
            with served_again(served) as served:
                await until_async(lambda: len(service.got) >= 5)
                calls = [theatre.players["shop"].call(one, int(time.time())) for one in messages]
                assert await call_all(served, calls) == [(200, b"success")] * 5
                assert served.stop(signal.SIGTERM)[0] == 0
            assert sorted(ids(service)) == sorted(first)

    asyncio.run(run())


def test_a_retry_after_a_restart_is_known_whichever_worker_it_reaches(stage: Stage) -> None:
    """Nobody serves before all that the journals remember is known to all."""
    with serving(stage, server="workers = 2\n") as (served, theatre):
        until(lambda: len(served.workers()) == 2, served)
        messages = [theatre.call("shop", "text")[0] for _ in range(20)]
        player = theatre.players["shop"]

        async def send() -> list[tuple[int, bytes]]:
            now = int(time.time())
            tries = [call_all(served, [player.call(message, now)]) for message in messages]
            return [answer for (answer,) in await asyncio.gather(*tries)]

        first = asyncio.run(send())
        assert served.stop(signal.SIGTERM)[0] == 0
        with served_again(served) as again:
            assert asyncio.run(send()) == first
            counted = counters(again)
            assert counted['accepted_total{account="shop"}'] == 0
            assert counted['repeated_total{account="shop"}'] == 20
