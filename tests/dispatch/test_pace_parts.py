"""A limit that paces, with several workers and nodes: they know nothing of each other's deliveries.

Each keeps to its part, so that together they keep to the limit. Their time is virtual, as in
``test_pace.py``; what they are given is what a worker makes of its configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.current import Current
from wxgate.dispatch import plan
from wxgate.generation import build
from wxgate.journals import open_journal
from wxgate.metrics import Counters
from wxgate.rows import Rows
from wxgate.settings import load
from wxgate.stores.choice import pacing_for

from .clockwork import loop, play
from .world import Service, World, in_order

if TYPE_CHECKING:
    from pathlib import Path

    from wxgate.dispatch.pace import Pacing
    from wxgate.settings import Settings

RATE, MESSAGES = 4, 60
CONFIG = """\
[server]
workers = {workers}

[state]
{nodes}

[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"

[[route]]
to = "log:"

[[limit]]
name = "slow"
per = "account"
rate = "{rate}/s"
burst = {burst}
action = "pace"
"""


def settings_of(folder: Path, workers: int, nodes: int, burst: int) -> Settings:
    """Read what each node is configured with; one that is alone need not say so."""
    file = folder / "wxgate.toml"
    said = f"nodes = {nodes}" if nodes > 1 else ""
    file.write_text(CONFIG.format(workers=workers, nodes=said, rate=RATE, burst=burst))
    environ = {"TOKEN": "QDG6eK", "AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}
    return load(file, environ)


def pacing_of(settings: Settings, folder: Path) -> Pacing:
    """Return the limits of one worker, as it opens them at its start."""
    rows = Rows.of(settings)
    made = plan(settings, ())
    journal = open_journal(settings.journal, folder, made.names, 1)
    generation = build(Current(1, settings, rows), (), made, journal)
    pacing = pacing_for(generation, Counters(rows.layout()))
    assert pacing is not None
    return pacing


@pytest.mark.parametrize(
    ("workers", "nodes", "burst", "at_once"),
    [(1, 1, 12, 12), (2, 1, 12, 12), (1, 2, 12, 12), (3, 2, 12, 12), (3, 2, 10, 6), (2, 2, 1, 4)],
    ids=["alone", "workers", "nodes", "both", "rounded down", "one at least"],
)
def test_workers_and_nodes_deliver_together_what_the_limit_says(
    tmp_path: Path, workers: int, nodes: int, burst: int, at_once: int
) -> None:
    """In any span never more than the burst and the rate times the time; and not less either."""
    settings, parts = settings_of(tmp_path, workers, nodes, burst), workers * nodes
    pacings = [pacing_of(settings, tmp_path / f"{part:02}") for part in range(parts)]

    async def run() -> None:
        service = Service()
        worlds = [World(service, pacing=one) for one in pacings]
        for world in worlds:
            world.resume()
        started = loop().time()
        for at in range(MESSAGES // parts):
            for part, world in enumerate(worlds):
                world.record(f"{part}-{at % 7}")
        await loop().rest()
        assert [world.left() for world in worlds] == [[]] * parts
        times = [round(at - started, 6) for at, _ in service.log]
        assert times.count(0) == at_once
        allowed = max(burst, parts)
        for first, start in enumerate(times):
            for last in range(first, len(times)):
                assert last - first + 1 <= allowed + RATE * (times[last] - start) + 1e-3
        assert times[-1] == pytest.approx((MESSAGES - at_once) / RATE)
        assert all(in_order(in_part(service.taken, part)) for part in range(parts))

    play(run())


def in_part(taken: list[str], part: int) -> list[str]:
    """Choose what one of them delivered."""
    return [name for name in taken if name.startswith(f"{part}-")]
