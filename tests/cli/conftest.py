"""A gateway that runs, for the commands that call one."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.service import Service
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.keypair import KeyPair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.event import Event


@pytest.fixture(scope="module")
def arrived() -> list[Event]:
    """What the service behind the gateway has got."""
    return []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, arrived: list[Event]) -> Iterator[World]:
    """A world whose gateway runs, with a service behind it."""
    folder, ready, stop = tmp_path_factory.mktemp("live"), threading.Event(), threading.Event()
    made: list[World] = []

    async def live() -> None:
        async with Service(arrived.append) as service:
            ports = Ports(free_port(), free_port(), service.port)
            made.append(build(folder, ports, KeyPair.generate(), KeyPair.generate()))
            async with GatewayProcess(made[0]):
                ready.set()
                await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    assert ready.wait(30)
    (world,) = made
    for name, owned in world.belongings.items():
        (folder / f"{name}.key").write_text(owned.private_key)
    yield world
    stop.set()
    thread.join()
