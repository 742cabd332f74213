"""E1: callers that take for ever to ask, or never take an answer, and others among them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import slow
from .crowd import DEAF_ASKS, Crowd, descriptors
from .driver import Load
from .oracle import Bounds
from .stand import stand

if TYPE_CHECKING:
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(300)

WORKERS = 3
"""So many have 12,000 places, and leave none of the slow ones waiting at the door."""
TEN_THOUSAND, FEW = 10_000, 600
DEAF = 6
"""Each has thousands of requests answered before it is stuck: they are dear on this machine."""
STEADY = Load(rate=150, seconds=10**6)


def several(setup: Setup) -> Setup:
    """Several workers."""
    return replace(setup, server=f"workers = {WORKERS}")


@pytest.mark.parametrize("count", [FEW, slow(TEN_THOUSAND)])
def test_e1_slow_callers(row: str, tmp_path: Path, count: int) -> None:
    """Whoever is quick is served at the first try meanwhile; whoever is slow is hung up on."""
    most = descriptors()
    kinds = {"deaf": DEAF, "heads": min(count // 2, most), "bodies": min(count // 2, most)}

    async def run() -> None:
        async with (
            stand(row, tmp_path, setup=several, patience=240.0) as on,
            AsyncExitStack() as stack,
        ):
            await on.healthy()
            sending = asyncio.create_task(on.driver.send(STEADY))
            crowds = [
                await stack.enter_async_context(Crowd(on.gateway.listen, many, kind, source))
                for source, (kind, many) in enumerate(kinds.items(), start=2)
            ]
            for crowd in crowds:
                await crowd.until(lambda one: one.opened == one.count)
            print(f"{sum(one.most for one in crowds)} slow connections at once")  # noqa: T201 (a limit of the machine's is to be seen)

            async def all_are_gone() -> bool:
                return not any(one.let_in for one in crowds)

            await on.gateway.until(all_are_gone, 40.0)
            sending.cancel()
            await on.driver.finish()
            refused = (await on.gateway.metrics())["wxgate_refused_total"]
            on.hold(refused < DEAF * DEAF_ASKS, "there was room for all answers: nobody was stuck")
            books = on.driver.books
            on.hold(books.refused == books.broken == books.unconnected == 0, "somebody was refused")
            await on.healthy()
            await on.end(Bounds(ordered=False))  # each worker has a journal of its own

    uvloop.run(run())
