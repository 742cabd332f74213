"""F10: what a seed decides is the same every time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import uvloop

from .driver import Driver, Load
from .gateway import Gateway, Setup

if TYPE_CHECKING:
    from pathlib import Path

LOAD = Load(asks=0.5, events=0.5, duplicates=0.5)


def test_f10_same_seed_same_messages(tmp_path: Path) -> None:
    """Numbers, users, kinds, times and duplicates; another seed has others."""
    player = Gateway(tmp_path, Setup("http://127.0.0.1:1")).player()

    def drawn(seed: str) -> list[tuple[object, ...]]:
        schedule = Driver(player, 1, seed).schedule(LOAD)
        return [(due.at, due.said, due.again_after) for due in islice(schedule, 50)]

    assert drawn("1/a1") == drawn("1/a1")
    assert drawn("1/a1") != drawn("2/a1")
    assert drawn("1/a1") != drawn("1/a2")


def test_f10_every_message_is_another(tmp_path: Path) -> None:
    """A driver that goes on after a load does not begin anew."""
    player = Gateway(tmp_path, Setup("http://127.0.0.1:1")).player()
    driver = Driver(player, 1, "seed")
    numbers = [due.said.number for _ in range(3) for due in islice(driver.schedule(LOAD), 50)]
    assert len(set(numbers)) == len(numbers)


def test_f10_a_port_without_a_gateway_is_no_answer(tmp_path: Path) -> None:
    """The books know the difference between refused, unconnected and broken."""
    player = Gateway(tmp_path, Setup("http://127.0.0.1:1")).player()

    async def run() -> Driver:
        driver = Driver(player, 1, "seed")
        await driver.run(Load(rate=100, seconds=0.1, tries=2, retry_after=0.0))
        return driver

    books = uvloop.run(run()).books
    assert books.unconnected == 2 * len(books.said) > 0
    assert books.acknowledged == set()
    assert (books.broken, books.refused, books.silent) == (0, 0, [])
