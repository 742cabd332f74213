"""A gateway that runs, for the commands that call one."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.service import Service
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.keypair import KeyPair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.event import Event


class Arrived:
    """What the service behind a gateway has got."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.events: list[Event] = []
        self.admin = ""

    def __call__(self) -> list[Event]:
        """Return it once nothing is on its way: an acknowledgement comes before the delivery."""
        while any(one["held"] for one in self._destinations()):
            time.sleep(0.005)  # another process: there is nothing to wait for
        return self.events

    def _destinations(self) -> list[dict[str, Any]]:
        with urlopen(f"{self.admin}/readyz") as answer:  # noqa: S310 (http, on loopback)
            found: list[dict[str, Any]] = json.load(answer)["destinations"]
            return found


@pytest.fixture(scope="module")
def arrived() -> Arrived:
    """What the service behind the gateway has got."""
    return Arrived()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, arrived: Arrived) -> Iterator[World]:
    """A world whose gateway runs, with a service behind it."""
    folder, ready, stop = tmp_path_factory.mktemp("live"), threading.Event(), threading.Event()
    made: list[World] = []

    async def live() -> None:
        async with Service(arrived.events.append) as service:
            ports = Ports(free_port(), free_port(), service.port)
            arrived.admin = f"http://127.0.0.1:{ports.admin}"
            made.append(build(folder, ports, KeyPair.generate(), KeyPair.generate()))
            with made[0].config.open("a") as config:
                # A command that finds the gateway busy for a moment is not what is asked here.
                config.write("\n[overload]\nenabled = false\n")
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
