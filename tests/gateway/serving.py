"""A gateway as it is deployed, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
from wxgate.sim.call import Call
from wxgate.sim.demo.process import free_port
from wxgate.sim.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Stage
    from .theatre import Theatre


LOG = '[[route]]\nto = "log:"\n'


PATIENCE_S = 20


class Served:
    """A running `wxgate serve`, and where it listens."""

    def __init__(self, folder: Path, listen: int, admin: int, *more: str) -> None:
        """Start it, with all its workers in a group of their own."""
        self.listen, self.admin, self.folder = listen, admin, folder
        self.log = (folder / "serve.log").open("ab+")
        command = [sys.executable, "-m", "wxgate.cli", "serve", *more]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def workers(self) -> list[psutil.Process]:
        """The processes that answer."""
        return psutil.Process(self.process.pid).children()

    def stop(self, *signals: signal.Signals, group: bool = False) -> tuple[int, float]:
        """Send signals; return the exit code and the seconds that it took."""
        started = time.monotonic()
        for number in signals:
            if group:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
            time.sleep(0.02)
        return self.process.wait(PATIENCE_S), time.monotonic() - started

    def end(self) -> None:
        """End it, if it runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


@contextmanager
def serving(
    stage: Stage, routes: str = LOG, server: str = "", *more: str
) -> Iterator[tuple[Served, Theatre]]:
    """Serve the stage's world on free ports until left."""
    listen, admin = free_port(), free_port()
    ports = f'listen = "127.0.0.1:{listen}"\nadmin = "127.0.0.1:{admin}"\n'
    theatre = stage(routes, f"{ports}{server}")
    served = Served(theatre.folder, listen, admin, *more)
    try:
        until(lambda: connects(listen) and connects(admin), served)
        yield served, theatre
    finally:
        served.end()


@contextmanager
def served_again(before: Served) -> Iterator[Served]:
    """Start what was stopped once more, on its own journal."""
    served = Served(before.folder, before.listen, before.admin)
    try:
        until(lambda: connects(served.listen) and connects(served.admin), served)
        yield served
    finally:
        served.end()


def until(holds: object, served: Served) -> None:
    """Wait until a condition holds, or the process is gone."""
    assert callable(holds)
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        served.log.seek(0)
        assert served.process.poll() is None, served.log.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def connects(port: int) -> bool:
    """Whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get(port: int, path: str) -> tuple[int, str]:
    """A plain GET."""

    async def run() -> tuple[int, str]:
        async with Wire(f"http://127.0.0.1:{port}") as wire:
            answer = await wire.exchange(Call("GET", path))
            return answer.status, answer.body.decode()

    return asyncio.run(run())


async def call_all(served: Served, calls: list[Call]) -> list[tuple[int, bytes]]:
    """Make calls one after the other."""
    async with Wire(f"http://127.0.0.1:{served.listen}") as wire:
        answers = [await wire.exchange(call) for call in calls]
    return [(answer.status, answer.body) for answer in answers]


def raw(port: int, data: bytes, wait: float = 5.0) -> bytes:
    """Send bytes, and read until the other side closes or is silent for `wait` seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        connection.sendall(data)
        got = b""
        try:
            while chunk := connection.recv(65536):
                got += chunk
        except TimeoutError:
            return got + b"<open>"
        return got


def counters(served: Served) -> dict[str, int]:
    """What Prometheus reads."""
    lines = get(served.admin, "/metrics")[1].splitlines()
    pairs = (line.removeprefix("wxgate_").rpartition(" ") for line in lines if line[0] != "#")
    return {name: int(count) for name, _, count in pairs}
