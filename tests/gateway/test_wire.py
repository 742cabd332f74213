"""What strangers do on the wire, against granian itself: it is pinned, and this is why."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from wxgate.sim.demo.process import free_port

from .serving import Served, connects, raw, serving, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wxgate.sim.call import Call

    from .conftest import Stage
    from .theatre import Theatre

CHATTY = 'log_level = "debug"\n'


def head(call: Call, framing: str) -> bytes:
    """The head of a genuine call, framed as a test wants it."""
    target = f"{call.path}?{call.query}"
    return f"{call.method} {target} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n".encode()


def sized(call: Call) -> bytes:
    """A genuine call, whole."""
    return head(call, f"content-length: {len(call.body)}") + call.body


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def said(served: Served) -> str:
    """All that was logged so far."""
    served.log.seek(0)
    return served.log.read().decode()


def reset(port: int, data: bytes, wait: float = 0.01) -> None:
    """Send bytes and break the connection, without so much as a good-bye.

    It is broken when an answer has come, or after ``wait`` seconds without one.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(data)
        select.select([connection], [], [], wait)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(port: int, data: bytes) -> bytes:
    """Send bytes and say that there will be no more of them."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


def test_who_breaks_off_has_sent_nothing_and_fills_no_log(stage: Stage) -> None:
    """By length or in chunks, with a reset or a half-close: no event, no traceback."""
    with serving(stage, server=CHATTY) as (served, theatre):
        call = theatre.call("shop", "text")[1]
        part = call.body[: len(call.body) // 2]
        broken = [
            head(call, f"content-length: {len(call.body)}") + part,
            head(call, "transfer-encoding: chunked") + chunk(part),
            head(call, f"content-length: {len(call.body)}"),
        ]
        for data in broken * 5:
            reset(served.listen, data)
            assert not half_close(served.listen, data).startswith(b"HTTP/1.1 2")
        assert raw(served.listen, sized(call), 0.3).startswith(b"HTTP/1.1 200")
        assert served.stop(signal.SIGTERM)[0] == 0
        log = said(served)
        assert log.count("INFO wxgate.log") == 1
        assert "Traceback" not in log
        assert log.count("\n") <= 6


def test_who_does_not_wait_for_the_answer_fills_no_log_either(stage: Stage) -> None:
    """The message was whole: it is delivered, and the answer goes nowhere."""
    with serving(stage, server=CHATTY) as (served, theatre):
        # Who goes at once may be gone before anything was read.
        for wait in [0.0] * 5 + [5.0] * 5:
            reset(served.listen, sized(theatre.call("shop", "text")[1]), wait)
        until(lambda: said(served).count("INFO wxgate.log") >= 5, served)
        assert served.stop(signal.SIGTERM)[0] == 0
        assert "Traceback" not in said(served)


def test_a_chunked_body_is_bounded_whatever_length_it_claims(stage: Stage) -> None:
    """E2 and E3: the announced length does not hide the chunks, and memory stays flat."""
    with serving(stage, server="max_body = 2048") as (served, theatre):
        call = theatre.call("shop", "text")[1]
        worker = served.workers()[0]
        before = worker.memory_info().rss
        data = head(call, "content-length: 5\r\ntransfer-encoding: chunked")
        with socket.create_connection(("127.0.0.1", served.listen), timeout=5) as connection:
            connection.sendall(data)
            with pytest.raises(OSError, match=r"Broken pipe|reset"):
                connection.sendall(chunk(b"x" * 65536) * 1024)
        assert worker.memory_info().rss - before < 8 * 1024 * 1024
        assert "request.too_large" in said(served)


FRAMINGS = {
    "two-lengths": "content-length: {n}\r\ncontent-length: 3",
    "signed-length": "content-length: +{n}",
    "hexadecimal-length": "content-length: 0x{n:x}",
    "list-of-lengths": "content-length: {n}, 3",
    "negative-length": "content-length: -1",
    "identity": "transfer-encoding: identity",
    "chunked-not-last": "transfer-encoding: chunked, gzip",
    "space-before-colon": "transfer-encoding : chunked",
    "folded": "transfer-encoding:\r\n chunked",
    "two-codings": "transfer-encoding: chunked\r\ntransfer-encoding: identity",
}


def test_ambiguous_framing_never_makes_two_requests_of_one(stage: Stage) -> None:
    """E3: refused with 400 and closed; what follows is never read as a request."""
    with serving(stage) as (served, theatre):
        call = theatre.call("shop", "text")[1]
        second = sized(theatre.call("shop", "text")[1])
        for name, framing in FRAMINGS.items():
            lines = framing.format(n=len(call.body))
            answer = raw(served.listen, head(call, lines) + call.body + second, 1)
            assert answer.startswith(b"HTTP/1.1 400"), name
            assert answer.count(b"HTTP/1.1") == 1, name
            assert not answer.endswith(b"<open>"), name


def test_a_length_beside_chunks_does_not_leave_a_request_behind(stage: Stage) -> None:
    """E3: the chunks count, and the connection closes so that no tail is read."""
    with serving(stage) as (served, theatre):
        call = theatre.call("shop", "text")[1]
        data = head(call, "content-length: 3\r\ntransfer-encoding: chunked")
        tail = sized(theatre.call("shop", "text")[1])
        answer = raw(served.listen, data + chunk(call.body) + b"0\r\n\r\n" + tail, 1)
        assert answer.count(b"HTTP/1.1") == 1
        assert not answer.endswith(b"<open>")


HOST = b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
ODD = {
    b"GET /cb/shop?nonce=\xff" + HOST + b"\r\n": b"400",
    b"GET /cb/%00" + HOST + b"\r\n": b"403",
    b"GET /cb/%ff%fe" + HOST + b"\r\n": b"403",
    b"GET /cb/shop?a=%ff" + HOST + b"\r\n": b"403",
    b"GET /cb/shop/../../healthz" + HOST + b"\r\n": b"403",
    b"BREW /cb/shop" + HOST + b"\r\n": b"403",
    b"CONNECT x:1" + HOST + b"\r\n": b"403",
    b"GET /cb/shop?" + b"a" * 70_000 + HOST + b"\r\n": b"414",
    b"GET /cb/shop" + HOST + b"a: " + b"x" * 1_000_000 + b"\r\n\r\n": b"431",
    b"GET /cb/shop" + HOST + b"a: b\r\n" * 10_000 + b"\r\n": b"431",
    b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\n\r\n": b"400",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": b"",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": b"",
}


def test_odd_requests_get_a_4xx_or_nothing(stage: Stage) -> None:
    """E9: and the gateway goes on."""
    with serving(stage, server=CHATTY) as (served, theatre):
        for data, status in ODD.items():
            answer = raw(served.listen, data, 2).removeprefix(b"HTTP/1.1 ")
            assert answer.startswith(status or b"400") or (not status and not answer), data[:50]
            assert not answer.endswith(b"<open>"), data[:50]
        whole = sized(theatre.call("shop", "text")[1])
        assert raw(served.listen, whole, 0.3).startswith(b"HTTP/1.1 200")
        assert "Traceback" not in said(served)


def test_a_silent_connection_is_closed(stage: Stage) -> None:
    """E1: within the 5 s for a head, whether it says nothing or stops half-way."""
    with serving(stage) as (served, _):
        started = time.monotonic()
        silent = [socket.create_connection(("127.0.0.1", served.listen)) for _ in range(3)]
        silent[1].sendall(b"POST /cb/shop HTTP/1.1\r\nhost: x\r\n")
        silent[2].sendall(b"GET /cb/shop HTTP/1.1\r\nhost: x\r\n\r\n")
        for connection in silent:
            connection.settimeout(9)
            with connection:
                while connection.recv(4096):
                    pass
        assert 4 < time.monotonic() - started < 7


def forks(theatre: Theatre, listen: int, admin: int, delay: float) -> tuple[int, float, str]:
    """Send SIGTERM `delay` seconds after the first worker listens."""
    served = Served(theatre.folder, listen, admin)
    try:
        until(lambda: connects(admin) and connects(listen), served)
        time.sleep(delay)
        code, took = served.stop(signal.SIGTERM)
        return code, took, said(served)
    finally:
        if served.process.poll() is None:
            os.killpg(served.process.pid, signal.SIGKILL)
            served.process.wait()
        served.log.close()


def test_a_stop_while_workers_start_is_heard(stage: Stage) -> None:
    """A worker that has just forked must not lose the signal, and be killed for it."""
    listen, admin = free_port(), free_port()
    ports = f'listen = "127.0.0.1:{listen}"\nadmin = "127.0.0.1:{admin}"\nworkers = 3\n'
    theatre = stage(server=ports)
    for step in range(8):
        code, took, log = forks(theatre, listen, admin, step * 0.006)
        assert (code, took < 3) == (0, True), log


def test_a_storm_of_signals_is_one_stop(stage: Stage) -> None:
    """A4: to the parent and to the group, until it has left; the exit code says all is well."""
    with serving(stage, server="workers = 2") as (served, _):
        deadline = time.monotonic() + 5
        while served.process.poll() is None:
            assert time.monotonic() < deadline
            served.process.send_signal(signal.SIGTERM)
            served.process.send_signal(signal.SIGINT)
            time.sleep(0.0005)
        assert served.process.returncode == 0


ASGI = """
import sys
from granian import Granian
from granian.constants import Interfaces
from wxgate import Gateway

gateway = Gateway("wxgate.toml")
if __name__ == "__main__":
    Granian("asgi_app:gateway", port=int(sys.argv[1]), interface=Interfaces.ASGI).serve()
"""


def test_under_granians_asgi_too(stage: Stage, tmp_path: Path) -> None:
    """Lifespan, an answer, a refusal, limits, and a clean stop."""
    theatre = stage(server="max_body = 2048\nbody_timeout = 0.3")
    (tmp_path / "asgi_app.py").write_text(ASGI)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "asgi_app.py", str(port)], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while not connects(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        call = theatre.call("shop", "text")[1]
        stalled = head(call, "content-length: 100") + b"abc"
        huge = head(call, "transfer-encoding: chunked") + chunk(b"x" * 1024) * 3
        for data, status in (
            (sized(call), b"200"),
            (sized(call).replace(b"msg_signature=", b"msg_signature=0"), b"403"),
            (stalled, b"408"),
            (huge, b"413"),
        ):
            # Those that are not read to their end are hung up on.
            wait = 10.0 if status in {b"408", b"413"} else 0.6
            assert raw(port, data, wait).startswith(b"HTTP/1.1 " + status)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(stage: Stage) -> None:
    """A3: what was answered was delivered, and the process leaves in time."""

    async def caller(port: int, make: Callable[[], Call]) -> int:
        acknowledged = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                writer.write(sized(make()))
                answer = await reader.readuntil(b"\r\n\r\n")
                if answer.startswith(b"HTTP/1.1 200"):
                    await reader.readexactly(len(b"success"))
                    acknowledged += 1
                else:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()
        return acknowledged

    async def run(served: Served, theatre: Theatre) -> tuple[int, tuple[int, float]]:
        make = lambda: theatre.call("shop", "text")[1]  # noqa: E731 (as short as a name)
        callers = [asyncio.create_task(caller(served.listen, make)) for _ in range(16)]
        await asyncio.sleep(1)
        stopped = await asyncio.to_thread(served.stop, signal.SIGTERM)
        return sum(await asyncio.gather(*callers)), stopped

    with serving(stage, server='workers = 2\nlog_level = "info"') as (served, theatre):
        acknowledged, (code, took) = asyncio.run(run(served, theatre))
        assert (code, took < 5) == (0, True)
        delivered = said(served).count("INFO wxgate.log")
        assert 100 < acknowledged <= delivered <= acknowledged + 16
        assert not psutil.pid_exists(served.process.pid) or served.process.poll() == 0
