"""What is paced, as WeChat and services see it: taken at once, and delivered at the rate."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from .conftest import LOG
from .theatre import until

if TYPE_CHECKING:
    from wxgate import Event

    from .conftest import Crew, Stage
    from .theatre import Theatre

PACE = 'name = "slow"\nper = "account"\nrate = "20/s"\nburst = 1\naction = "pace"\n'


def test_what_is_paced_is_taken_at_once_and_delivered_in_its_time(stage: Stage) -> None:
    """All are acknowledged; they arrive at the rate, in order; another account is not held up."""
    theatre = stage(LOG + "\n[[limit]]\n" + PACE + 'when.account = "shop"\n')
    arrived: list[tuple[str, float]] = []

    @theatre.gateway.on("shop")
    async def take(event: Event) -> None:
        arrived.append((event.id, asyncio.get_running_loop().time()))

    async def run() -> None:
        async with theatre.gateway:
            started = asyncio.get_running_loop().time()
            for _ in range(6):
                assert (await theatre.play("shop", "text")).status == 200
            assert (await theatre.play("mini", "text")).status == 200
            await until(lambda: theatre.deliveries().get("log:") == 1)
            await until(lambda: len(arrived) == 6)
            # None before its turn; by how much any comes later is the machine's affair.
            assert all(at - started >= turn * 0.05 for turn, (_, at) in enumerate(arrived))
            shown = theatre.state.counters.render()
            assert 'wxgate_limit_passed_total{limit="slow"} 6' in shown

    asyncio.run(run())


def test_a_restart_goes_on_at_the_rate(stage: Stage) -> None:
    """What waits lies in the journal; the pace is a matter of the rules."""
    text = LOG + "\n[[limit]]\n" + PACE.replace("20/s", "1/h")
    theatre = stage(text)

    async def first() -> None:
        async with theatre.gateway:
            for _ in range(3):
                assert (await theatre.play("shop", "text")).status == 200
            await theatre.counted(1)

    async def second() -> None:
        again = stage(text.replace("1/h", "20/s"))
        async with again.gateway:
            await again.counted(2)

    asyncio.run(first())
    asyncio.run(second())


def test_workers_and_nodes_deliver_a_burst_once(crew: Crew) -> None:
    """Two nodes of two workers have a quarter of it each; all beyond it waits on their disks."""
    burst, each = 8, 5
    text = PACE.replace("20/s", "1/h").replace("burst = 1", f"burst = {burst}")
    state = "[state]\nnodes = 2\n"
    places = (f'[journal]\ndir = "{name}"\n' for name in ("one", "other"))
    workers = [
        worker for place in places for worker in crew(f"{LOG}\n[[limit]]\n{text}{state}{place}")
    ]

    def standing(worker: Theatre) -> tuple[int, int]:
        (log,) = worker.state.dispatcher.snapshot()
        return log.delivered, log.waiting

    async def run() -> None:
        async with AsyncExitStack() as stack:
            for worker in workers:
                await stack.enter_async_context(worker.gateway)
            calls = [worker.play("shop", "text") for worker in workers for _ in range(each)]
            assert {one.status for one in await asyncio.gather(*calls)} == {200}
            part = burst // len(workers)
            await until(lambda: all(sum(standing(one)) == each for one in workers))
            assert [standing(one) for one in workers] == [(part, each - part)] * len(workers)

    asyncio.run(run())
