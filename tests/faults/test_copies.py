"""F5: one message a thousand times at the same moment, over gateways that share a Redis."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from . import mutants
from .conftest import kept_by, slow
from .driver import Load
from .fleet import PATIENT, fleet
from .sink import Mode

if TYPE_CHECKING:
    from pathlib import Path

    from .fleet import Fleet
    from .keeper import Keeper

pytestmark = pytest.mark.timeout(150)

COPIES = 1000
ASKS = Load(seconds=10**6, asks=1.0, events=0.0)
TELLS = replace(ASKS, asks=0.0)
A_WHILE = Mode(delay=0.5)
"""So long the service takes: all copies come before the first one has its answer."""


async def a_thousand(on: Fleet, load: Load) -> None:
    """Demand that one of a thousand copies is delivered, and all of them hear the same."""
    books, shelf = on.driver.books, on.sink.shelf
    before, answered = len(shelf.taken), books.answered
    said = await on.driver.at_once(load, COPIES)
    answers = f"{len(said.replies)} acknowledged, of {said.tries}: {set(said.replies)}"
    on.hold(books.answered == answered + COPIES and not books.refused, answers)
    on.hold(len(set(said.replies)) == 1, answers)
    # To whoever asks, the service says how many messages it has got by now.
    on.hold(said.replies[0] == (str(before + 1) if said.asks else "success"), answers)
    await on.sink.until(lambda: said.number in shelf.numbers)


@pytest.mark.parametrize("load", [ASKS, slow(TELLS)], ids=["asks", "tells"])
@kept_by("valkey9", slow("redis8"), slow("cluster-redis8"))
def test_f5_a_thousand_copies(row: str, tmp_path: Path, keeper: Keeper, load: Load) -> None:
    """However it is with the service, one of them is delivered and each is answered alike."""

    async def run() -> None:
        async with fleet(row, tmp_path, keeper.url, budget=PATIENT) as on:
            await on.until_modes("shared")
            on.sink.mode = A_WHILE
            await a_thousand(on, load)
            on.sink.mode = Mode()
            await a_thousand(on, load)
            await on.end()

    uvloop.run(run())


@pytest.mark.slow_faults
@pytest.mark.parametrize("mutant", ["take_every_try_for_new", *mutants.IN_A_FLEET])
@kept_by("valkey9")
def test_copies_that_are_taken_for_new_are_reported(
    row: str, tmp_path: Path, keeper: Keeper, mutant: str
) -> None:
    """Else the row proves nothing."""
    command = (sys.executable, mutants.__file__, mutant, "serve")

    async def run() -> None:
        one = fleet(row, tmp_path, keeper.url, budget=PATIENT, command=command)
        async with one as on:
            await on.until_modes("shared")
            await a_thousand(on, TELLS)
            await on.end()

    with pytest.raises(AssertionError, match="duplicates"):
        uvloop.run(run())
