"""`wxgate serve` on granian, as it is deployed: the same answers over RSGI, and clean stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest
from wxgate.sim.call import Call
from wxgate.sim.demo.process import free_port
from wxgate.sim.forgery import find
from wxgate.sim.wire import UnansweredError, Wire

from .services import Scripted
from .theatre import Theatre, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Stage

LOG = '[[route]]\nto = "log:"\n'
PATIENCE_S = 20


class Served:
    """A running `wxgate serve`, and where it listens."""

    def __init__(self, folder: Path, listen: int, admin: int, *more: str) -> None:
        """Start it, with all its workers in a group of their own."""
        self.listen, self.admin, self.folder = listen, admin, folder
        self.log = (folder / "serve.log").open("wb+")
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
        if served.process.poll() is None:
            os.killpg(served.process.pid, signal.SIGKILL)
            served.process.wait()
        served.log.close()


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


def test_rsgi_answers_as_asgi_does(stage: Stage) -> None:
    """Byte for byte, doubled headers included."""
    with serving(stage) as (served, theatre):
        calls = [
            theatre.call(*kind)[1]
            for kind in (
                ("shop", "text"),
                ("shop", "url"),
                ("work", "url"),
                ("mch", "pay"),
                ("mch_v2", "pay"),
                ("mini", "text"),
                ("platform", "component_verify_ticket"),
            )
        ]
        message, paid = theatre.call("mch", "pay")
        player = theatre.players["mch"]
        now = int(time.time())
        calls += [
            find(name, message).calls(player, message, now)[-1]
            for name in ("doubled-parameter", "signature-probe", "stale", "oversized")
        ]
        calls += [replace(paid, path="/"), replace(paid, method="PUT"), Call("GET", "/healthz")]
        over_rsgi = asyncio.run(call_all(served, calls))

    async def over_asgi() -> list[tuple[int, bytes]]:
        async with theatre.gateway:
            answers = [await ask(theatre.gateway, call) for call in calls]
        return [(answer.status, answer.body) for answer in answers]

    assert over_rsgi == asyncio.run(over_asgi())
    assert {status for status, _ in over_rsgi} == {200, 403, 413}


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


def test_chunks_over_the_limit_and_stalled_bodies_are_cut(stage: Stage) -> None:
    """The server itself bounds neither."""
    with serving(stage, server="max_body = 2048\nbody_timeout = 0.3") as (served, _):
        head = b"POST /cb/shop HTTP/1.1\r\nhost: x\r\n"
        chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
        huge = raw(served.listen, head + b"transfer-encoding: chunked\r\n\r\n" + chunk * 4, 1.0)
        assert huge.startswith(b"HTTP/1.1 413")
        stalled = raw(served.listen, head + b"content-length: 100\r\n\r\nabc", 2.0)
        assert stalled.startswith(b"HTTP/1.1 408")
        announced = raw(served.listen, head + b"content-length: 999999\r\n\r\nabc", 1.0)
        assert announced.startswith(b"HTTP/1.1 413")


def test_the_operators_pages_are_on_their_own_listener(stage: Stage) -> None:
    """And nothing of them on the public one."""
    with serving(stage) as (served, theatre):
        asyncio.run(call_all(served, [theatre.call("shop", "text")[1]]))
        assert get(served.admin, "/healthz") == (200, "ok\n")
        assert get(served.admin, "/readyz")[0] == 200
        assert 'wxgate_accepted_total{account="shop"} 1' in get(served.admin, "/metrics")[1]
        assert get(served.admin, "/other")[0] == 404
        for path in ("/healthz", "/readyz", "/metrics"):
            assert get(served.listen, path)[0] == 403


def test_two_workers_count_together_and_a_dead_one_is_replaced(stage: Stage) -> None:
    """Counters outlive the worker that wrote them."""
    with serving(stage, server="workers = 2") as (served, theatre):

        async def play(times: int) -> None:
            for _ in range(times):
                # A connection each, so that both workers are met.
                await call_all(served, [theatre.call("shop", "text")[1]])

        def accepted() -> str:
            lines = get(served.admin, "/metrics")[1].splitlines()
            return next(x for x in lines if x.startswith('wxgate_accepted_total{account="shop"}'))

        asyncio.run(play(10))
        assert accepted().endswith(" 10")
        until(lambda: len(served.workers()) == 2, served)
        victim = served.workers()[0]
        victim.kill()
        until(lambda: len({w.pid for w in served.workers()} - {victim.pid}) == 2, served)

        def answers() -> bool:
            try:
                asyncio.run(play(1))
            except UnansweredError:
                return False
            return True

        until(answers, served)
        assert int(accepted().split()[-1]) >= 11
        assert served.stop(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("group", [True, False])
def test_a_stop_is_clean(stage: Stage, number: signal.Signals, *, group: bool) -> None:
    """Exit code 0 within 5 s: from a supervisor, or from Ctrl-C to the whole group."""
    with serving(stage, server="workers = 2") as (served, theatre):
        asyncio.run(call_all(served, [theatre.call("shop", "text")[1]]))
        code, took = served.stop(number, group=group)
        assert code == 0
        assert took < 5


def test_idle_connections_do_not_hold_a_stop(stage: Stage) -> None:
    """Nor does a second signal spoil it."""
    with serving(stage) as (served, _):
        idle = [socket.create_connection(("127.0.0.1", served.listen)) for _ in range(1000)]
        for connection in idle[:50]:
            connection.sendall(b"GET /cb/x HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(1024).startswith(b"HTTP/1.1 403")
        code, took = served.stop(signal.SIGTERM, signal.SIGTERM)
        for connection in idle:
            connection.close()
        assert code == 0
        assert took < 5


def test_a_message_in_flight_is_answered_before_the_end(stage: Stage) -> None:
    """SIGTERM while the service still works on it."""

    async def run() -> None:
        async with Scripted(delay=1.0) as service:
            with serving(stage, f'[[route]]\nto = "{service.url}"\n') as (served, theatre):
                _, call = theatre.call("shop", "text")
                playing = asyncio.create_task(call_all(served, [call]))
                await asyncio.sleep(0.4)
                code, took = await asyncio.to_thread(served.stop, signal.SIGTERM)
                assert await playing == [(200, b"success")]
                assert code == 0
                assert took < 5

    asyncio.run(run())


def test_a_gateway_of_the_teams_own_is_served(stage: Stage, tmp_path: Path) -> None:
    """With its handlers, from a module beside the configuration."""
    (tmp_path / "mine.py").write_text(
        "from wxgate import Gateway\n"
        "gateway = Gateway()\n"
        "@gateway.on('shop', type='text')\n"
        "async def answer(event):\n"
        "    return '你说：' + event.text\n"
    )
    with serving(stage, LOG, "", "--app", "mine:gateway") as (served, theatre):
        message, call = theatre.call("shop", "text", "你好")

        async def run() -> str:
            async with Wire(f"http://127.0.0.1:{served.listen}") as wire:
                answer = await wire.exchange(call)
            return str(theatre.players["shop"].read(message, answer).reply["Content"])

        assert asyncio.run(run()) == "你说：你好"


def test_a_configuration_that_cannot_be_used_names_every_problem(tmp_path: Path) -> None:
    """And nothing is served."""
    (tmp_path / "wxgate.toml").write_text('[server]\nport = 1\n[account.a]\nkind = "ofical"\n')
    command = [sys.executable, "-m", "wxgate.cli", "serve"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "server.port" in done.stderr
    assert "account.a.kind" in done.stderr


def test_what_cannot_start_says_why_in_one_line(stage: Stage) -> None:
    """A taken port, and a module that is not there."""
    with serving(stage) as (served, _):
        command = [sys.executable, "-m", "wxgate.cli", "serve"]
        for more, word in (
            ([], f"127.0.0.1:{served.listen} is taken"),
            (["--app", "no:x"], "no module no"),
        ):
            done = subprocess.run(
                [*command, *more], cwd=served.folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 2
            assert word in done.stderr
            assert "Traceback" not in done.stderr


def test_nothing_is_acknowledged_late_once_a_stop_has_begun(stage: Stage) -> None:
    """Its work would die with the worker, and nobody would know."""

    async def run() -> None:
        async with Scripted(delay=3.0) as service:
            route = f'[[route]]\nto = "{service.url}"\nreply = "wait"\n'
            with serving(stage, route, "reply_budget = 1.0\n") as (served, theatre):
                _, call = theatre.call("shop", "text")
                playing = asyncio.create_task(call_all(served, [call]))
                await asyncio.sleep(0.4)
                code, _ = await asyncio.to_thread(served.stop, signal.SIGTERM)
                ((status, _),) = await playing
                assert (code, status) == (0, 503)

    asyncio.run(run())
