"""`wxgate serve` on granian, as it is deployed: the same answers over RSGI, and clean stops."""

from __future__ import annotations

import asyncio
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
from wxgate import Event, Gateway, serve
from wxgate.settings import load
from wxgate.sim.call import Answer, Call
from wxgate.sim.demo.process import free_port
from wxgate.sim.forgery import find
from wxgate.sim.wire import UnansweredError, Wire

from .services import Scripted
from .theatre import Theatre, ask
from .theatre import until as until_async

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
    # Else these would be retries, answered from memory.
    shutil.rmtree(theatre.folder / "data")

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


def test_workers_do_not_outlive_a_parent_that_is_killed(stage: Stage) -> None:
    """They would serve on without reloads, and keep the port and the journal from the next."""
    with serving(stage, server="workers = 2") as (served, _):
        until(lambda: get(served.admin, "/readyz")[0] == 200, served)
        until(lambda: len(served.workers()) == 2, served)
        workers = served.workers()
        served.process.kill()
        served.process.wait()
        psutil.wait_procs(workers, PATIENCE_S)
        alive = [one for one in workers if one.is_running() and one.status() != "zombie"]
        for one in alive:
            one.kill()
        assert not alive


def test_the_place_of_a_dead_worker_is_free_whoever_has_its_number_now(stage: Stage) -> None:
    """Numbers of processes go round."""
    theatre = stage(LOG, "workers = 2\n")
    family = serve._Family(load(theatre.folder / "wxgate.toml"))  # noqa: SLF001
    try:
        ours = family.join().worker
        # This very process lives: its place is taken until the parent says otherwise.
        assert (ours, family.join().worker) == (0, 1)
        family._pids[1] = 1  # noqa: SLF001
        family.forget(os.getpid())
        assert family.join().worker == ours
    finally:
        family._folder.close()  # noqa: SLF001
        if family._admin is not None:  # noqa: SLF001
            family._admin.close()  # noqa: SLF001
        for end in (family.door._inside, family.door._outside):  # noqa: SLF001
            end.close()


class Taking(http.server.BaseHTTPRequestHandler):
    """Takes every message."""

    def do_POST(self) -> None:
        """Read it, and say so."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    """A service that takes everything, by its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_nodes_are_counted_by_all_workers_together(stage: Stage, service: str) -> None:
    """Each by its name, whoever is scraped; a worker that is replaced counts on where it was."""
    nodes = f'[{{ url = "{service}", name = "a" }}, {{ url = "{service}", name = "b" }}]'
    routes = f'[upstream.orders]\nnodes = {nodes}\n[[route]]\nto = "upstream:orders"\n'
    with serving(stage, routes, "workers = 2") as (served, theatre):

        async def play(times: int) -> None:
            for _ in range(times):
                await call_all(served, [theatre.call("shop", "text")[1]])

        def picked() -> dict[str, int]:
            found = re.findall(
                r'wxgate_node_picked_total{destination="upstream:orders",node="(.)"} (\d+)',
                get(served.admin, "/metrics")[1],
            )
            return {name: int(count) for name, count in found}

        asyncio.run(play(20))
        until(lambda: sum(picked().values()) == 20, served)
        assert all(picked().values())
        assert {tuple(picked().items()) for _ in range(10)} == {tuple(picked().items())}
        victim = served.workers()[0]
        victim.kill()
        until(lambda: len({w.pid for w in served.workers()} - {victim.pid}) == 2, served)
        until(lambda: connects(served.admin), served)
        assert sum(picked().values()) == 20


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
    """SIGTERM while the service still works on the reply that WeChat waits for."""

    async def run() -> None:
        async with Scripted(body=b'{"type": "text", "content": "late"}', delay=1.0) as service:
            route = f'[[route]]\nto = "{service.url}"\nreply = "wait"\n'
            with serving(stage, route) as (served, theatre):
                message, call = theatre.call("shop", "text")
                playing = asyncio.create_task(call_all(served, [call]))
                await until_async(lambda: service.got)
                code, took = await asyncio.to_thread(served.stop, signal.SIGTERM)
                ((status, body),) = await playing
                reading = theatre.players["shop"].read(message, Answer(status, body, 0.0))
                assert (code, reading.reply["Content"]) == (0, "late")
                assert took < 5
            assert len(service.got) == 1

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


def test_granian_asks_before_the_loop_hears_of_a_request(stage: Stage, tmp_path: Path) -> None:
    """Where there is no room a stranger gets what everybody gets; a payment passes."""
    (tmp_path / "full.py").write_text(
        "from wxgate import Gateway\n"
        "class Full(Gateway):\n"
        "    async def open(self):\n"
        "        state = await super().open()\n"
        "        state.way.turnstile.shedder.room = (0, 0)\n"
        "        return state\n"
        "gateway = Full()\n"
    )
    with serving(stage, LOG, "", "--app", "full:gateway") as (served, theatre):

        async def run() -> list[int]:
            async with Wire(f"http://127.0.0.1:{served.listen}") as wire:
                calls = [theatre.call(*one)[1] for one in (("shop", "text"), ("mch", "pay"))]
                return [(await wire.exchange(call)).status for call in calls * 2]

        first, second, *again = asyncio.run(run())
        assert (first, second < 300, again[0]) == (503, True, 503)


def test_a_configuration_that_cannot_be_used_names_every_problem(tmp_path: Path) -> None:
    """And nothing is served."""
    (tmp_path / "wxgate.toml").write_text('[server]\nport = 1\n[account.a]\nkind = "ofical"\n')
    command = [sys.executable, "-m", "wxgate.cli", "serve"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "server.port" in done.stderr
    assert "account.a.kind" in done.stderr


def test_a_start_and_a_stop_are_told(stage: Stage) -> None:
    """Which version, where it listens, where its messages lie, how much there is."""
    with serving(stage) as (served, theatre):
        assert served.stop(signal.SIGTERM)[0] == 0
    lines = (theatre.folder / "serve.log").read_text().splitlines()
    about = [line.partition(" INFO wxgate.serve ")[2] for line in lines]
    (started, stopped) = filter(None, about)
    assert started == (
        f"wxgate {version('wxgate')} starts on 127.0.0.1:{served.listen}, "
        f"for operators on 127.0.0.1:{served.admin}, journal in {theatre.folder}/data/journal, "
        f"1 worker, {len(theatre.players)} accounts, 1 route, 1 destination"
    )
    assert stopped == "wxgate has stopped"


def test_what_cannot_start_says_why_in_one_line(stage: Stage) -> None:
    """A taken port, and a module that is not there."""
    with serving(stage) as (served, _):
        command = [sys.executable, "-m", "wxgate.cli", "serve"]
        for more, word in (
            ([], f"127.0.0.1:{served.listen} is taken"),
            (["--app", "no:x"], "no module no"),
            (["--app", "no.such:x"], "no module no.such"),
            (["--app", "json"], "the name of the gateway is missing; expected json:NAME"),
        ):
            done = subprocess.run(
                [*command, *more], cwd=served.folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 2
            assert word in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('key = "file:key"', "journal.key: segments are sealed under another key"),
        ("", "journal.key: segments are sealed: journal.key must be set"),
        ('dir = "/proc/nope"', "journal.dir: /proc/nope cannot be used: /proc: "),
    ],
)
def test_a_journal_that_cannot_be_used_says_why_in_one_line(
    stage: Stage, table: str, told: str
) -> None:
    """The parent looks before any worker does; the doctor says the same."""
    theatre = stage()
    config, key = theatre.folder / "wxgate.toml", theatre.folder / "key"
    plain = config.read_text()
    key.write_text("00" * 32)
    config.write_text(f'[journal]\nkey = "file:key"\n{plain}')
    sealed = replace(theatre, gateway=Gateway(config))

    async def run() -> None:
        async with sealed.gateway:
            assert (await sealed.play("shop", "text")).status == 200

    asyncio.run(run())
    key.write_text("11" * 32)
    config.write_text(f"[journal]\n{table}\n{plain}")
    command = [sys.executable, "-m", "wxgate.cli"]
    for word, code in (("serve", 1), ("doctor", 1)):
        done = subprocess.run(
            [*command, word], cwd=theatre.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        said = done.stdout + done.stderr
        assert told.partition(": ")[2] in said
        assert told.partition(": ")[0] in said
        assert "Traceback" not in said
        assert word == "doctor" or said.startswith(told)


def ids(service: Scripted) -> list[str]:
    """The messages that a service was sent, in order."""
    return [Event.decode(request.body).id for request in service.got]


@pytest.mark.parametrize(
    "limits", ["drain = 2.0\n", "drain = 1.0\n", "reply_budget = 0.3\ndrain = 2.0\n"]
)
def test_a_stop_waits_for_no_destination_and_the_next_start_delivers(
    stage: Stage, limits: str
) -> None:
    """What waits is on disk, and whoever sent it is told so before the worker is ended."""

    async def run() -> None:
        async with Scripted() as service:
            service.ready.clear()
            routes = f'[[route]]\nto = "{service.url}"\n'
            waits = f'[[route]]\nwhen = {{ account = "shop" }}\nto = "{service.url}"\n'
            routes = f'{waits}reply = "wait"\n{routes}'
            with serving(stage, routes, limits) as (served, theatre):
                shop, mini = theatre.call("shop", "text")[1], theatre.call("mini", "text")[1]
                assert await call_all(served, [mini]) == [(200, b"success")]
                playing = asyncio.create_task(call_all(served, [shop]))
                await until_async(lambda: len(service.got) == 2)
                code, took = await asyncio.to_thread(served.stop, signal.SIGTERM)
                assert (code, await playing) == (0, [(200, b"success")])
                assert took < 5
            first = ids(service)
            service.got.clear()
            service.ready.set()
            with served_again(served) as served:
                await until_async(lambda: len(service.got) == 2)
                assert sorted(ids(service)) == sorted(first)
                assert served.stop(signal.SIGTERM)[0] == 0

    asyncio.run(run())


def test_a_kill_takes_nothing_that_was_acknowledged(stage: Stage) -> None:
    """G1: the next start delivers it, and knows its retries."""

    async def run() -> None:
        async with Scripted() as service:
            service.ready.clear()
            with serving(stage, f'[[route]]\nto = "{service.url}"\n') as (served, theatre):
                messages = [theatre.players["shop"].message("text") for _ in range(5)]
                calls = [theatre.players["shop"].call(one, int(time.time())) for one in messages]
                assert await call_all(served, calls) == [(200, b"success")] * 5
                await until_async(lambda: len(service.got) == 5)
                first = ids(service)
                served.end()
            service.got.clear()
            service.ready.set()
            with served_again(served) as served:
                await until_async(lambda: len(service.got) >= 5)
                calls = [theatre.players["shop"].call(one, int(time.time())) for one in messages]
                assert await call_all(served, calls) == [(200, b"success")] * 5
                assert served.stop(signal.SIGTERM)[0] == 0
            assert sorted(ids(service)) == sorted(first)

    asyncio.run(run())


def test_two_gateways_do_not_share_a_folder(stage: Stage) -> None:
    """Everything would be delivered twice: the second leaves, saying which setting to change."""
    with serving(stage) as (served, _):
        config = served.folder / "wxgate.toml"
        text = config.read_text()
        for port in (served.listen, served.admin):
            text = text.replace(f":{port}", f":{free_port()}")
        (served.folder / "second.toml").write_text(text)
        command = [sys.executable, "-m", "wxgate.cli", "serve", "--config", "second.toml"]
        done = subprocess.run(
            command, cwd=served.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "journal.dir" in done.stderr
        assert "Traceback" not in done.stderr
        assert get(served.admin, "/readyz")[0] == 200


def test_a_retry_that_reaches_another_worker_is_known(stage: Stage) -> None:
    """Each try comes on a connection of its own, until both workers were met."""
    with serving(stage, server="workers = 2\n") as (served, theatre):
        until(lambda: len(served.workers()) == 2, served)
        messages = [theatre.call("shop", "text")[0] for _ in range(5)]
        player = theatre.players["shop"]
        answers = [
            asyncio.run(call_all(served, [player.call(message, int(time.time()))]))
            for _ in range(6)
            for message in messages
        ]
        assert {status for ((status, _),) in answers} == {200}
        assert len({body for ((_, body),) in answers}) == 1
        until(lambda: counters(served).get('delivered_total{destination="log:"}') == 5, served)
        counted = counters(served)
        assert counted['accepted_total{account="shop"}'] == 5
        assert counted['repeated_total{account="shop"}'] == 25
        journals = sorted(path.name for path in (served.folder / "data/journal").glob("0*"))
        assert journals == ["00", "01"]


def test_a_retry_after_a_restart_is_known_whichever_worker_it_reaches(stage: Stage) -> None:
    """Nobody serves before all that the journals remember is known to all."""
    with serving(stage, server="workers = 2\n") as (served, theatre):
        until(lambda: len(served.workers()) == 2, served)
        messages = [theatre.call("shop", "text")[0] for _ in range(20)]
        player = theatre.players["shop"]

        async def send() -> list[tuple[int, bytes]]:
            now = int(time.time())
            tries = [call_all(served, [player.call(message, now)]) for message in messages]
            return [answer for (answer,) in await asyncio.gather(*tries)]

        first = asyncio.run(send())
        assert served.stop(signal.SIGTERM)[0] == 0
        with served_again(served) as again:
            assert asyncio.run(send()) == first
            counted = counters(again)
            assert counted['accepted_total{account="shop"}'] == 0
            assert counted['repeated_total{account="shop"}'] == 20


def counters(served: Served) -> dict[str, int]:
    """What Prometheus reads."""
    lines = get(served.admin, "/metrics")[1].splitlines()
    pairs = (line.removeprefix("wxgate_").rpartition(" ") for line in lines if line[0] != "#")
    return {name: int(count) for name, _, count in pairs}


def test_readyz_says_how_the_worker_stands(stage: Stage) -> None:
    """The journal, and each destination with what waits for it."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    routes = f'{LOG}also = true\n[[route]]\nto = "{nowhere}"\n'
    with serving(stage, routes) as (served, theatre):
        before = int(time.time() * 1000)
        asyncio.run(call_all(served, [theatre.call("shop", "text")[1]]))

        def report() -> dict[str, Any]:
            found: dict[str, Any] = msgspec.json.decode(get(served.admin, "/readyz")[1])
            return found

        until(lambda: report()["destinations"][1]["retried"] >= 1, served)
        got = report()
        assert (got["ready"], got["draining"], got["in_flight"]) == (True, False, 0)
        assert (got["durability"], got["orphans"]) == ("data", [])
        journal = got["journal"]
        assert (journal["state"], journal["appended"], journal["failures"]) == ("open", 1, 0)
        assert journal["unsettled"] == {"log:": 0, nowhere: 1}
        log, down = got["destinations"]
        assert (log["name"], log["delivered"], log["oldest"]) == ("log:", 1, None)
        assert (down["name"], down["delivered"], down["held"]) == (nowhere, 0, 1)
        assert before <= journal["oldest_unsettled"] <= down["oldest"] <= time.time() * 1000


def test_a_disk_that_takes_no_more_refuses_and_recovers_by_itself(stage: Stage) -> None:
    """With 503: nothing that was refused is held against the next try.

    The first write finds out (`record.failed`); from then on it is known (`record.full`).
    """
    with serving(stage) as (served, theatre):
        (worker,) = served.workers()
        whole = worker.rlimit(psutil.RLIMIT_FSIZE)
        messages = [theatre.call("shop", "text")[0] for _ in range(4)]
        player = theatre.players["shop"]

        def play() -> set[int]:
            calls = [player.call(message, int(time.time())) for message in messages]
            return {status for status, _ in asyncio.run(call_all(served, calls))}

        # Room for the log, but not for a record behind the header of a segment.
        worker.rlimit(psutil.RLIMIT_FSIZE, (4096, whole[1]))
        assert play() == {503}
        status, page = get(served.admin, "/readyz")
        assert (status, msgspec.json.decode(page)["ready"]) == (503, False)
        found = counters(served)
        failed = found['refused_total{account="shop",code="record.failed"}']
        full = found['refused_total{account="shop",code="record.full"}']
        assert (failed + full, failed > 0, full > 0) == (4, True, True)
        worker.rlimit(psutil.RLIMIT_FSIZE, whole)
        until(lambda: play() == {200}, served)
        until(lambda: counters(served).get('delivered_total{destination="log:"}') == 4, served)
        assert counters(served)['accepted_total{account="shop"}'] == 4
        assert get(served.admin, "/readyz")[0] == 200
        assert served.stop(signal.SIGTERM)[0] == 0


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="scheduling policies are Linux's")
def test_workers_let_others_finish(stage: Stage) -> None:
    """Every thread of each, granian's and the journal's as well; the parent as it was."""
    with serving(stage, server="workers = 2\n") as (served, _):
        for worker in served.workers():
            threads = {os.sched_getscheduler(thread.id) for thread in worker.threads()}
            assert threads == {os.SCHED_BATCH}
        assert os.sched_getscheduler(served.process.pid) == os.sched_getscheduler(0)
