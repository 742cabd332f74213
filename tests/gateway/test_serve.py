"""`wxgate serve` on granian, as it is deployed: RSGI answers like ASGI; pages; workers together."""

from __future__ import annotations

import asyncio
import http.server
import re
import shutil
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
from wxgate.sim.call import Call
from wxgate.sim.demo.process import free_port
from wxgate.sim.forgery import find

from .serving import (
    LOG,
    call_all,
    connects,
    counters,
    get,
    raw,
    serving,
    until,
)
from .theatre import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Stage


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
