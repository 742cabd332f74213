"""B2, B3: the configuration turns under load, half of the time to one that nobody can use."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
import uvloop
from wxgate.sim import invent

from .conftest import number
from .driver import Load
from .gateway import ROUTES, SOON
from .line import Line, written
from .oracle import Bounds
from .stand import CALM, CONCURRENCY, Stand, idle, now, stand
from .workers import hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.server import Server
    from wxgate.sim.player import Player

    from .gateway import Setup

pytestmark = pytest.mark.timeout(120)

SECONDS = number("FAULT_RELOAD_SECONDS", 60)
EVERY = 0.1
RELOADS = number("FAULT_RELOADS", 1000)
MOST_GROWN = 2048
"""Bytes of a worker's memory for each reload; a generation has more than ten times as many."""
STREAMED = Load(rate=200, seconds=10**6, asks=0.0)
STEADY = Load(rate=200, seconds=10**6)
BROKEN = [
    "this is not TOML",
    '[[route]]\nto = "upstream:nobody"\n',
    '[[route]]\nwhen = { content = "(" }\nto = "upstream:orders"\n',
    '[[route]]\nto = "python:no_such_module:function"\n',
]
"""Routes of files that are wrong in every way there is: to read, to link, to compile, to import.

The last is one that only a worker can find out.
"""
BOTH = 'token = ["file:token", "file:token_new"]\naes_key = ["file:aes_key", "file:aes_key_new"]'
ORDERS = "concurrency = {}\ntimeout = {}\nbreaker = {{ in_a_row = {} }}\n"
PLENTY = '\n[[limit]]\nname = "plenty"\nper = "account"\nrate = "{}0000/s"\n'
"""More than comes: its rate turns, and is in nobody's way."""
LATER = """\
[account.later]
kind = "official"
appid = "wx00000000000000aa"
token = "file:token"
aes_key = "file:aes_key"
"""


def two_workers(setup: Setup) -> Setup:
    """All agree, or none."""
    return replace(setup, server="workers = 2")


def one_worker(setup: Setup) -> Setup:
    """The usual."""
    return setup


def without_watch(setup: Setup) -> Setup:
    """Read files again when told to: each step of a test is one."""
    return replace(setup, server=f"{setup.server}\nwatch = false")


def sound(run: Stand) -> Iterator[Setup]:
    """Configurations of one service that differ in all that may change."""
    setup = run.gateway.setup
    (run.gateway.folder / "token_new").write_text(invent.alphanumeric(16))
    (run.gateway.folder / "aes_key_new").write_text(invent.aes_key())
    for turn in cycle(range(4)):
        yield replace(
            setup,
            upstream=f"{setup.upstream}/{turn % 2}",
            orders=SOON + ORDERS.format(CONCURRENCY // (1 + turn % 2), 5 - turn, 20 + turn),
            server=f"{setup.server}\nmax_in_flight = {1000 + turn}",
            routes=(ROUTES if turn % 2 else f"{ROUTES}\n{LATER}") + PLENTY.format(1 + turn),
            keys=BOTH if turn % 3 else setup.keys,
        )


def broken(setup: Setup) -> Iterator[Setup]:
    """Configurations that cannot be used, or not without a restart."""
    for routes in cycle([*BROKEN, None]):
        if routes is None:
            yield replace(setup, journal=f"{setup.journal}max_bytes = 1073741824\n")
        else:
            yield replace(setup, routes=routes)


async def turn(run: Stand, setup: Setup) -> None:
    """Have the gateway read another configuration."""
    run.gateway.setup = setup
    run.gateway.write()
    run.gateway.running.send_signal(signal.SIGHUP)


async def reloaded(run: Stand, setup: Setup) -> None:
    """Have another configuration read, and wait until that has ended: two in a row are one."""
    before = sum((await run.gateway.results()).values())
    await turn(run, setup)

    async def ended() -> bool:
        return sum((await run.gateway.results()).values()) > before

    await run.gateway.until(ended)


async def turns(run: Stand, seconds: float) -> int:
    """Reload ten times a second, half of the times in vain; return how often.

    Each begins at its time, or as soon after it as this process gets to it, whatever has become of
    the one before: those that are asked for while one is under way become one.
    """
    first, due = run.gateway.setup, now()
    good, bad = sound(run), broken(first)
    pairs = round(seconds / EVERY / 2)
    for _ in range(pairs):
        pair = [next(good), next(bad)]
        # In any order: else a machine that takes two tenths for each might read one kind alone.
        run.random.shuffle(pair)
        for setup in pair:
            await asyncio.sleep(due - now())  # ten a second are what the catalogue asks for
            await turn(run, setup)
            due += EVERY
    # What ends now may have been read before: only the next one has certainly read this.
    await reloaded(run, first)
    await reloaded(run, first)
    return 2 * pairs + 2


async def hold_counts(run: Stand, begun: int) -> None:
    """Demand that reloads of both kinds were done, and that no mistake is in force."""
    results = Counter(await run.gateway.results())
    run.cycles = results.total()
    print(f"{run.cycles} of {begun} reloads: {results}")  # noqa: T201 (how many is the machine's affair)
    run.hold(run.cycles <= begun, f"{run.cycles} reloads, {begun} asked for")
    run.hold(results["applied"] > 1, f"none has changed anything: {results}")
    run.hold(results["invalid"] > 0, f"none was invalid: {results}")
    _, report = await run.gateway.ready()
    run.hold(report["generation"] == 1 + results["applied"], f"{report['generation']}: {results}")


def flawless(run: Stand) -> None:
    """Demand that nobody noticed."""
    books = run.driver.books
    said = books.refused, books.broken, books.unconnected, books.silent, books.unreadable
    run.hold(said == (0, 0, 0, [], []), f"somebody noticed: {said}")


def reload_under_load(
    row: str, folder: Path, setup: Callable[[Setup], Setup], seconds: float
) -> None:
    """Turn it round and round."""

    async def run() -> None:
        def told(base: Setup) -> Setup:
            return without_watch(setup(base))

        async with stand(row, folder, setup=told, patience=60.0 + 2 * seconds) as on:
            sending = asyncio.create_task(on.driver.send(STEADY))
            begun = await turns(on, seconds)
            sending.cancel()
            await on.driver.finish()
            await hold_counts(on, begun)
            flawless(on)
            await on.driver.run(CALM)
            flawless(on)
            await on.end(Bounds(ordered="workers" not in on.gateway.setup.server))

    uvloop.run(run())


@pytest.mark.parametrize("setup", [one_worker, two_workers])
def test_b2_reloads_under_load(row: str, tmp_path: Path, setup: Callable[[Setup], Setup]) -> None:
    """Ten a second, half of them in vain: no error, no loss, order per key, balanced books."""
    reload_under_load(row, tmp_path, setup, 3.0)


@pytest.mark.slow_faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("setup", [one_worker, two_workers])
def test_b2_many_reloads_under_load(
    row: str, tmp_path: Path, setup: Callable[[Setup], Setup]
) -> None:
    """The same for `FAULT_RELOAD_SECONDS`."""
    reload_under_load(row, tmp_path, setup, SECONDS)


ROTATED = Load(rate=200, seconds=10**6, asks=0.0)
"""Without replies: of two tokens it is the first that signs them, whoever asked."""


async def in_force(run: Stand, setup: Setup) -> None:
    """Have a configuration read, and wait until it is in force."""
    _, before = await run.gateway.ready()
    await turn(run, setup)

    async def later() -> bool:
        _, after = await run.gateway.ready()
        return bool(after["generation"] > before["generation"])

    await run.gateway.until(later)


async def accepted(run: Stand, player: Player) -> bool:
    """Whether a call under these keys is: one that brings no message."""
    line = await Line.open(run.gateway.listen)
    call = player.call(player.message("url"), int(time.time()))
    status, _ = await line.exchange(written(call))
    line.close()
    return status == 200


async def rotate(run: Stand, every: float) -> None:
    """Turn token and message key as the documentation says, and hold on to the old ones too."""
    folder, alone = run.gateway.folder, run.gateway.setup
    (old,) = run.driver.players
    for name, value in (("token", invent.alphanumeric(16)), ("aes_key", invent.aes_key())):
        (folder / f"{name}_new").write_text(value)
    await in_force(run, replace(alone, keys=BOTH))
    new = run.gateway.player(newest=True)
    run.driver.players = [old, new]
    await asyncio.sleep(every)  # how long both are sent is the test's input
    run.driver.players = [new]
    run.hold(await accepted(run, old), "the old keys are refused beside the new ones")
    for name in ("token", "aes_key"):
        (folder / f"{name}_new").replace(folder / name)
    await in_force(run, alone)
    await run.gateway.until(lambda: refuses(run, old))
    run.hold(await accepted(run, new), "the new keys are refused")
    run.cycles += 1


async def refuses(run: Stand, player: Player) -> bool:
    """Whether keys are taken out."""
    return not await accepted(run, player)


def rotate_under_load(row: str, folder: Path, every: float, times: int) -> None:
    """Turn keys again and again."""

    async def run() -> None:
        patience = 60.0 + 4 * every * times
        async with stand(row, folder, setup=without_watch, patience=patience) as on:
            sending = asyncio.create_task(on.driver.send(ROTATED))
            for _ in range(times):
                await rotate(on, every)
            sending.cancel()
            await on.driver.finish()
            flawless(on)
            await on.driver.run(CALM)
            flawless(on)
            await on.end()

    uvloop.run(run())


def test_b3_keys_turn_under_load(row: str, tmp_path: Path) -> None:
    """Old and new are taken in the window, and the old ones at no time after it."""
    rotate_under_load(row, tmp_path, 0.5, 3)


@pytest.mark.slow_faults
@pytest.mark.timeout(900)
def test_b3_keys_turn_many_times(row: str, tmp_path: Path) -> None:
    """The same every five seconds, as the catalogue asks for."""
    rotate_under_load(row, tmp_path, 5.0, max(3, SECONDS // 6))


def test_b2_a_saved_file_is_taken_up_by_itself(row: str, tmp_path: Path) -> None:
    """The configuration, or a secret that is turned where it lies: no signal, and no poll."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            before = on.gateway.player()
            (on.gateway.folder / "fresh").write_text(invent.alphanumeric(16))
            (on.gateway.folder / "fresh").replace(on.gateway.folder / "token")
            await on.gateway.until(lambda: refuses(on, before))
            on.driver.players = [on.gateway.player()]
            on.gateway.setup = next(sound(on))
            on.gateway.write()
            await on.gateway.until(lambda: reached(on, 3))
            await idle(on)
            await on.driver.run(CALM)
            flawless(on)
            await on.end()

    uvloop.run(run())


async def reached(run: Stand, generation: int) -> bool:
    """Whether a generation is in force."""
    _, report = await run.gateway.ready()
    return bool(report["generation"] >= generation)


def test_b2_a_worker_that_comes_later_goes_by_what_is_in_force(row: str, tmp_path: Path) -> None:
    """It is killed while the others turn; counters and journal go on where it was."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=two_workers) as on:
            good = sound(on)
            sending = asyncio.create_task(on.driver.send(STEADY))
            for _ in range(3):
                await turn(on, next(good))
                await on.worker_dies(on.gateway.workers()[0], signal.SIGKILL)
                await in_force(on, next(good))
            sending.cancel()
            await on.driver.finish()
            await on.gateway.until(lambda: agreed(on))
            await on.end(replace(on.crashes, ordered=False))

    uvloop.run(run())


async def agreed(run: Stand) -> bool:
    """Whether all workers go by the same, also one that came while the others turned."""
    seen = {(await run.gateway.ready())[1]["generation"] for _ in range(20)}
    return len(seen) == 1 and min(seen) > 3


def test_b2_a_stream_turns_under_load(row: str, tmp_path: Path, own_redis: Server) -> None:
    """What the server loses comes again from the journal, whatever the settings were then."""

    async def run() -> None:
        async with hub(row, tmp_path, own_redis.url, ()) as (on, workers):
            first = on.gateway.setup
            sending = asyncio.create_task(on.driver.send(STREAMED))
            for at in range(8):
                turned = first.routes.replace("timeout = 1.0", f"timeout = {2 + at}.0")
                await in_force(on, replace(first, routes=turned))
                on.cycles += 1
                if at == 5:
                    own_redis.say("FLUSHALL")
            sending.cancel()
            await on.driver.finish()
            flawless(on)
            await workers.start("a")
            await on.drained()
            on.hold(await on.gateway.stop() == 0, "the gateway did not stop gently")
            on.judge()

    uvloop.run(run())


@pytest.mark.slow_faults
@pytest.mark.timeout(600)
def test_b2_a_thousand_reloads_leave_nothing_behind(row: str, tmp_path: Path) -> None:
    """Neither memory nor descriptors, with destinations and accounts that come and go."""

    async def run() -> None:
        async with stand(row, tmp_path, patience=500.0) as on:
            good = sound(on)
            sizes = []
            for _ in range(5):
                for _ in range(RELOADS // 5):
                    await in_force(on, next(good))
                (worker,) = on.gateway.workers()
                sizes.append((worker.memory_info().rss, worker.num_fds()))
            # The first ones fill what the process keeps for good.
            grown = (sizes[-1][0] - sizes[1][0]) / (3 * RELOADS // 5)
            on.hold(grown < MOST_GROWN, f"{grown:.0f} bytes for each reload: {sizes}")
            on.hold(sizes[-1][1] <= sizes[0][1] + 2, f"descriptors: {sizes}")
            await on.driver.run(CALM)
            await on.end()

    uvloop.run(run())
