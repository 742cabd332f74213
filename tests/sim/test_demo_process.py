"""The demo's gateway process: ready when entered, gone with its workers when left."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from wxgate.sim.demo import process
from wxgate.sim.demo.process import GatewayProcess, NotServingError, free_port
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.errand import Errand
from wxgate.sim.keypair import KeyPair
from wxgate.sim.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of this test's own; behind it there is no service."""
    ports = Ports(free_port(), free_port(), free_port())
    return build(tmp_path, ports, KeyPair.generate(), KeyPair.generate())


@pytest.fixture(autouse=True)
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that other tests have started and still use."""
    known = set(psutil.Process().children(recursive=True))
    monkeypatch.setattr(sys.modules[__name__], "STRANGERS", known)


STRANGERS: set[psutil.Process] = set()


def family() -> list[psutil.Process]:
    """What this test has started, the oldest first, and what that has."""
    return [one for one in psutil.Process().children(recursive=True) if one not in STRANGERS]


def test_it_counts_what_it_does_and_leaves_nobody_behind(world: World) -> None:
    """A message that no service takes is recorded all the same, and tried again."""
    counters, seen = asyncio.run(_one_message(world))
    assert counters["accepted", ""] == counters["retried", ""] == 1
    assert counters["delivered", ""] == 0
    assert not [code for name, code in counters if name == "refused"]
    assert seen
    assert not psutil.wait_procs(seen, timeout=5)[1]


async def _one_message(world: World) -> tuple[dict[tuple[str, str], int], list[psutil.Process]]:
    player = world.players()["shop"]
    async with GatewayProcess(world) as gateway, Wire(world.url) as wire:
        (tried,) = await Errand(player, player.message("event", "CLICK")).run(wire)
        assert tried.answer
        assert (tried.answer.status, tried.went_well) == (200, True)
        while not (counters := await gateway.counters())["retried", ""]:  # noqa: ASYNC110 (as an operator polls)
            await asyncio.sleep(0.02)
        return counters, family()


def test_a_gateway_that_ends_says_why(world: World) -> None:
    """At once, not after the time it is given to start."""
    world.config.write_text("nonsense", encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(NotServingError, match="is not TOML"):
        asyncio.run(_enter(world))
    assert time.monotonic() - started < 10
    assert not family()


def test_a_gateway_that_hangs_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here nobody listens where it is asked, since another listener is configured."""
    monkeypatch.setattr(process, "_START_WITHIN_S", 1.0)
    text = world.config.read_text(encoding="utf-8")
    elsewhere = text.replace(f":{world.ports.admin}", f":{free_port()}")
    world.config.write_text(elsewhere, encoding="utf-8")
    with pytest.raises(NotServingError):
        asyncio.run(_enter(world))
    assert not family()


def test_workers_whose_parent_was_killed_are_ended(world: World) -> None:
    """They would listen on."""

    async def kill() -> list[psutil.Process]:
        async with GatewayProcess(world):
            seen = family()
            seen[0].kill()
            return seen

    seen = asyncio.run(kill())
    assert len(seen) > 1
    assert not psutil.wait_procs(seen, timeout=5)[1]


def test_a_start_that_is_given_up_leaves_nobody_behind(world: World) -> None:
    """As by Ctrl-C in the first second."""

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await _enter(world)

    asyncio.run(give_up())
    assert not family()


async def _enter(world: World) -> None:
    async with GatewayProcess(world):
        pytest.fail("it is not to be ready")
