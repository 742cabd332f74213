"""A3 and A4: stops that are asked for, under load, and signals that come in storms."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import number, signal_name, slow
from .driver import Load
from .gateway import two_workers
from .line import Line
from .oracle import Bounds
from .sink import OK, Manner, Mode
from .stand import CALM, Stand, now, stand

if TYPE_CHECKING:
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

STOPS = number("FAULT_STOPS", 20)
DEADLINE = 5.0
"""Seconds that a stop may take: the promise of the operations page."""
HANGUPS = 100
STEADY = Load(rate=400, seconds=10**6, duplicates=0.05)


async def stop(run: Stand, *signals: signal.Signals) -> None:
    """Send signals; demand exit code 0 within the deadline."""
    started = now()
    for one in signals:
        run.gateway.running.send_signal(one)
    code = await run.gateway.running.wait()
    took = now() - started
    run.hold(code == 0, f"exit code {code}")
    run.hold(took < DEADLINE, f"the stop took {took:.1f} s")
    await run.gateway.gone()
    run.cycles += 1


async def stops(run: Stand, times: int) -> None:
    """Stop and start while messages keep coming: nobody may notice but by a closed door."""
    run.sink.mode = Mode(delay=0.1)  # so that deliveries are open whenever a stop comes
    sending = asyncio.create_task(run.driver.send(STEADY))
    for _ in range(times):
        await asyncio.sleep(run.random.uniform(0.1, 0.6))  # when it strikes is the test's input
        await stop(run, signal.SIGTERM)
        await run.gateway.start()
    sending.cancel()
    # All that found no door comes at once: that may be more than is taken, and is no fault.
    await run.driver.finish()
    await run.healthy()
    await run.end()


def test_a3_stop_under_load(row: str, tmp_path: Path) -> None:
    """Nothing is lost and nothing comes twice: a stop finishes what is open."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            await stops(on, 3)

    uvloop.run(run())


@pytest.mark.slow_faults
@pytest.mark.timeout(1200)
def test_a3_many_stops(row: str, tmp_path: Path) -> None:
    """The same, `FAULT_STOPS` times."""

    async def run() -> None:
        async with stand(row, tmp_path, patience=60.0 + 10 * STOPS) as on:
            await stops(on, STOPS)

    uvloop.run(run())


def test_a3_stop_with_idle_connections(row: str, tmp_path: Path) -> None:
    """A thousand kept-alive connections hold nothing up."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            idle = [await Line.open(on.gateway.listen) for _ in range(1000)]
            sending = asyncio.create_task(on.driver.send(STEADY))
            await on.sink.until(lambda: len(on.sink.shelf.taken) > 100)
            await stop(on, signal.SIGTERM)
            sending.cancel()
            for line in idle:
                line.close()
            await on.gateway.start()
            await on.end()

    uvloop.run(run())


def impatient(setup: Setup) -> Setup:
    """Give open deliveries a second."""
    return replace(setup, server="drain = 1.0")


@pytest.mark.parametrize("number", [signal.SIGTERM, slow(signal.SIGINT)], ids=signal_name)
def test_a4_signals_twice(row: str, tmp_path: Path, number: signal.Signals) -> None:
    """Deliveries that hang are given up in time; the journal keeps them for the next start."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=impatient) as on:
            on.sink.mode = Mode(manner=Manner.HANG)
            await on.driver.run(Load(rate=300, seconds=0.5, asks=0.0))
            await stop(on, number, number)
            on.sink.mode = OK
            await on.gateway.start()
            await on.healthy()
            await on.end()

    uvloop.run(run())


def patient(setup: Setup) -> Setup:
    """Give open deliveries more time than a test has."""
    return replace(setup, server="workers = 2\ndrain = 300.0")


async def waits(run: Stand) -> bool:
    """Whether deliveries are open, that will never end."""
    return (await run.gateway.metrics())["wxgate_dispatch_in_flight"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, slow(signal.SIGINT)], ids=signal_name)
def test_a4_a_second_signal_hastens(row: str, tmp_path: Path, number: signal.Signals) -> None:
    """What hangs is given up at once, and nothing that was acknowledged with it."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=patient) as on:
            on.sink.mode = Mode(manner=Manner.HANG)
            sending = asyncio.create_task(on.driver.send(STEADY))
            await on.gateway.until(lambda: waits(on))
            on.gateway.running.send_signal(number)
            await on.gateway.until(on.gateway.drains)
            await stop(on, number)
            sending.cancel()
            on.sink.mode = OK
            await on.gateway.start()
            await on.healthy()
            await on.end(Bounds(ordered=False))

    uvloop.run(run())


def test_a4_hangups_at_the_start_and_at_the_end(row: str, tmp_path: Path) -> None:
    """Neither keeps the gateway from starting, nor from stopping with 0."""

    async def hang_up(on: Stand) -> None:
        while on.gateway.is_alive:
            on.gateway.running.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.005)  # again and again: when it strikes is the test's input

    async def run() -> None:
        async with stand(row, tmp_path, setup=two_workers) as on:
            assert await on.gateway.stop() == 0
            lock = on.gateway.journal / "gateway.lock"
            lock.unlink()
            await on.gateway.launch()

            async def listens() -> bool:
                return lock.exists()

            await on.gateway.until(listens)
            storm = asyncio.create_task(hang_up(on))
            await on.gateway.until(on.gateway.answers)
            await on.driver.run(CALM)
            await stop(on, signal.SIGTERM)
            await storm
            await on.gateway.start()
            await on.end(Bounds(ordered=False))

    uvloop.run(run())


def test_a4_storm_of_hangups(row: str, tmp_path: Path) -> None:
    """A hundred SIGHUPs in a second under load are few reloads, of nothing new: all goes on."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            sending = asyncio.create_task(on.driver.send(STEADY))
            before, began = on.gateway.workers(), now()
            for _ in range(HANGUPS):
                on.gateway.running.send_signal(signal.SIGHUP)
                await asyncio.sleep(0.01)  # a storm, spread over a second
            sending.cancel()
            results = await on.gateway.results()
            # One reload and a rest of 50 ms, again and again.
            most = (now() - began) / 0.05 + 2
            on.hold(0 < results["unchanged"] <= most, f"{results}, {most:.0f} at most")
            on.hold(on.gateway.workers() == before, "a worker was replaced")
            await on.driver.finish()
            await on.gateway.until(on.gateway.answers)
            await on.healthy()
            await on.end(Bounds())

    uvloop.run(run())
