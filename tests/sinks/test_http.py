"""Delivery over HTTP: what goes out, what answers mean, what a hostile service cannot do."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from signal import SIGCONT, SIGSTOP
from typing import TYPE_CHECKING

import pytest
from wxgate.errors import SinkError, SinkGoneError, SinkRefusedError, SinkRetryError
from wxgate.sim.demo.process import free_port
from wxgate.sinks.http import HttpSink

from .peer import EMPTY, Peer, Say, http

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conftest import Run

EVENT = '{"id":"1","data":{"Content":"你好"}}'.encode()


async def deliver(peer: Peer, *, timeout: float = 5.0) -> bytes:  # noqa: ASYNC109 (the sink's)
    """Deliver one event."""
    sink = HttpSink([peer.url], timeout=timeout)
    try:
        return await sink.deliver(EVENT, (0,))
    finally:
        await sink.aclose()


def outcome(run: Run, say: Say, *, timeout: float = 5.0) -> tuple[bytes | SinkError, Peer]:
    """Deliver one event to a peer that says this."""

    async def go() -> tuple[bytes | SinkError, Peer]:
        async with Peer([say]) as peer:
            try:
                return await deliver(peer, timeout=timeout), peer
            except SinkError as error:
                return error, peer

    result: tuple[bytes | SinkError, Peer] = run(go())
    return result


def test_an_event_goes_out_as_one_post(run: Run) -> None:
    """Structured JSON, with the configured headers and a length."""

    async def go() -> None:
        async with Peer() as peer:
            sink = HttpSink([f"{peer.url}?a=b#part"], headers={"Authorization": "Bearer x"})
            assert await sink.deliver(EVENT, (0,)) == b""
            await sink.aclose()
        (got,) = peer.got
        assert got.body == EVENT
        assert got.head == (
            "POST /hook?a=b HTTP/1.1\r\n"
            f"host: 127.0.0.1:{peer.port}\r\n"
            "content-type: application/cloudevents+json\r\n"
            "Authorization: Bearer x\r\n"
            f"content-length: {len(EVENT)}\r\n\r\n"
        )

    run(go())


def test_a_batch_goes_out_as_one_array(run: Run) -> None:
    """Events are joined as they are."""

    async def go() -> None:
        async with Peer() as peer:
            sink = HttpSink([peer.url])
            await sink.deliver_batch([EVENT, b'{"id":"2"}'], (0,))
            await sink.aclose()
        (got,) = peer.got
        assert "content-type: application/cloudevents-batch+json\r\n" in got.head
        assert got.body == b"[" + EVENT + b',{"id":"2"}]'

    run(go())


def test_a_batch_fails_as_an_event_does(run: Run) -> None:
    """As a whole."""

    async def go() -> None:
        async with Peer([Say(http(503, b"", "Retry-After: 3"))]) as peer:
            sink = HttpSink([peer.url])
            with pytest.raises(SinkRetryError, match=r"/hook: HTTP 503$") as raised:
                await sink.deliver_batch([EVENT], ())
            assert raised.value.after == 3.0
            await sink.aclose()

    run(go())


@pytest.mark.parametrize("status", [200, 201, 202, 206, 299])
def test_2xx_is_taken_and_its_body_returned(run: Run, status: int) -> None:
    """Whatever of it."""
    assert outcome(run, Say(http(status, b"reply")))[0] == b"reply"


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((408, 425, 429, 500, 501, 502, 503, 504, 599), SinkRetryError),
        ((410,), SinkGoneError),
        ((400, 401, 403, 404, 405, 409, 413, 418, 422, 499), SinkRefusedError),
        ((300, 301, 302, 303, 304, 307, 308), SinkRefusedError),
    ],
)
def test_the_status_says_whether_to_repeat_it(
    run: Run, statuses: Sequence[int], kind: type[SinkError]
) -> None:
    """Later, never again, or nothing more at all; redirects are not followed."""

    async def go(status: int) -> None:
        answer = http(status, b"", "Location: /elsewhere")
        async with Peer([Say(answer)]) as peer:
            with pytest.raises(SinkError) as raised:
                await deliver(peer)
            assert type(raised.value) is kind
            assert str(raised.value) == f"{peer.url}: HTTP {status}"
            assert len(peer.got) == 1

    for status in statuses:
        run(go(status))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "after"),
    [("0", 0.0), ("7", 7.0), ("86400", 86400.0), ("86401", 86400.0), ("999999999", 86400.0)],
)
def test_retry_after_in_seconds(run: Run, status: int, header: str, after: float) -> None:
    """Honoured, up to a day."""
    error, _ = outcome(run, Say(http(status, b"", f"Retry-After: {header}")))
    assert isinstance(error, SinkRetryError)
    assert error.after == after


@pytest.mark.parametrize(
    ("offset", "low", "high"), [(3600, 3000, 3600), (-3600, 0, 0), (10**7, 86400, 86400)]
)
def test_retry_after_as_a_date(run: Run, offset: int, low: float, high: float) -> None:
    """Honoured as the seconds until then, up to a day."""
    date = formatdate(time.time() + offset, usegmt=True)
    error, _ = outcome(run, Say(http(503, b"", f"Retry-After: {date}")))
    assert isinstance(error, SinkRetryError)
    assert error.after is not None
    assert low <= error.after <= high


@pytest.mark.parametrize(
    "header",
    ["", "soon", "-1", "1.5", "1e3", "9" * 40, "Tue, 99 Nov 2026 10:00:00 GMT", "0x10", "1, 2"],
)
def test_retry_after_that_says_nothing(run: Run, header: str) -> None:
    """As if it were not there."""
    error, _ = outcome(run, Say(http(503, b"", f"Retry-After: {header}")))
    assert isinstance(error, SinkRetryError)
    assert error.after is None


BROKEN = {
    "silence, then the end": Say(b"", "close"),
    "silence, then a reset": Say(b"", "reset"),
    "half a head": Say(b"HTTP/1.1 200 OK\r\nContent-", "close"),
    "half a body": Say(http(200, b"hello")[:-2], "close"),
    "half a body and a reset": Say(http(200, b"hello")[:-2], "reset"),
    "half a chunk": Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "close"),
    "no chunk to end with": Say(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "close"
    ),
    "another protocol": Say(b"SSH-2.0-OpenSSH_9.6\r\n", "hang"),
    "nothing but interim answers": Say(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "hang"),
    "both framings": Say(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "hang",
    ),
    "two lengths": Say(
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "hang"
    ),
    "an endless head": Say(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000, "hang"),
    "a long body": Say(http(200, b"x" * 262_145), "hang"),
    "a long body without length": Say(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 262_145, "hang"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_to_be_repeated_and_ends_the_connection(run: Run, name: str) -> None:
    """Once: the service may have taken it, and whoever repeats it decides when."""

    async def go() -> None:
        async with Peer([BROKEN[name], Say()]) as peer:
            sink = HttpSink([peer.url])
            with pytest.raises(SinkRetryError) as raised:
                await sink.deliver(EVENT, (0,))
            assert str(raised.value).startswith(f"{peer.url}: ")
            assert len(peer.got) == 1
            if BROKEN[name].then == "hang":
                await peer.left.wait()
            await sink.deliver(EVENT, (0,))
            assert [got.connection for got in peer.got] == [1, 2]
            await sink.aclose()

    run(go())


@pytest.mark.parametrize(
    "say",
    [
        Say(b"", "hang"),
        Say(http(200, b"hello")[:-1], "hang"),
        Say(http(200, b"x" * 1000), drip=0.01),
        Say(b"HTTP/1.1 100 Continue\r\n\r\n", "hang"),
    ],
)
def test_an_exchange_has_its_time(run: Run, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the service looks meanwhile; the connection is not used again."""
    monkeypatch.setattr("wxgate.sinks.connection.IDLE", 1000.0)

    async def go() -> None:
        async with Peer([say, Say()]) as peer:
            sink = HttpSink([peer.url], timeout=0.2)
            with pytest.raises(SinkRetryError, match="no answer in time"):
                await sink.deliver(EVENT, (0,))
            await sink.deliver(EVENT, (0,))
            assert [got.connection for got in peer.got] == [1, 2]
            await sink.aclose()

    run(go())


def test_an_exchange_on_a_kept_connection_has_its_time_too(run: Run) -> None:
    """The timer of the first exchange is not that of the second."""

    async def go() -> None:
        async with Peer([Say(), Say(), Say(b"", "hang")]) as peer:
            sink = HttpSink([peer.url], timeout=0.3)
            for _ in range(2):
                await sink.deliver(EVENT, (0,))
                await asyncio.sleep(0.2)
            with pytest.raises(SinkRetryError, match="no answer in time"):
                await sink.deliver(EVENT, (0,))
            assert {got.connection for got in peer.got} == {1}
            await sink.aclose()

    run(go())


@pytest.mark.parametrize(("status", "kind"), [(410, SinkGoneError), (400, SinkRefusedError)])
@pytest.mark.parametrize("then", ["close", "hang"])
def test_a_refusal_counts_even_if_its_body_never_ends(
    run: Run, status: int, kind: type[SinkError], then: str
) -> None:
    """Nobody reads the page that comes with it."""
    say = Say(http(status, b"x" * 1000)[:-1], "close" if then == "close" else "hang")
    assert type(outcome(run, say, timeout=0.3)[0]) is kind


def test_connections_are_kept(run: Run) -> None:
    """Bodies of every framing leave them usable; the exchanges come one after the other."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"

    async def go() -> None:
        async with Peer([Say(), Say(http(200, b"ab")), Say(chunked), Say(http(503))]) as peer:
            sink = HttpSink([peer.url])
            answers = [await sink.deliver(EVENT, (0,)) for _ in range(3)]
            assert answers == [b"", b"ab", b"ab"]
            for _ in range(2):
                with pytest.raises(SinkRetryError):
                    await sink.deliver(EVENT, (0,))
            assert peer.connections == 1
            await sink.aclose()

    run(go())


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"", "Connection: close"),
        http(200).replace(b"1.1", b"1.0"),
        http(200) + b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_a_connection_is_not_kept_that_the_service_may_not_mean_to_keep(
    run: Run, answer: bytes
) -> None:
    """It says so, it is too old, or it has said too much."""

    async def go() -> None:
        async with Peer([Say(answer)]) as peer:
            sink = HttpSink([peer.url])
            for _ in range(3):
                await sink.deliver(EVENT, (0,))
            assert [got.connection for got in peer.got] == [1, 2, 3]
            await sink.aclose()

    run(go())


def test_an_answer_may_last_as_long_as_the_connection(run: Run) -> None:
    """No length at all: the end is its end."""
    assert outcome(run, Say(b"HTTP/1.1 200 OK\r\n\r\nreply", "close"))[0] == b"reply"


def test_interim_answers_are_passed_over(run: Run) -> None:
    """The final one counts."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
    assert outcome(run, Say(interim + http(200, b"reply"), drip=0.001))[0] == b"reply"


def test_a_kept_connection_that_the_service_closed_meanwhile_costs_nothing(run: Run) -> None:
    """The next event goes out on a new one."""

    async def go() -> None:
        async with Peer([Say(then="close"), Say()]) as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            await asyncio.sleep(0.05)
            await sink.deliver(EVENT, (0,))
            assert [got.connection for got in peer.got] == [1, 2]
            await sink.aclose()

    run(go())


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_kept_connection_that_dies_under_a_request_is_replaced_once(run: Run, then: str) -> None:
    """Not a byte of an answer came: the sink itself repeats it, on a new connection."""
    dead = Say(b"", "close" if then == "close" else "reset")

    async def go() -> None:
        async with Peer([Say(), dead, Say(http(200, b"taken"))]) as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            assert await sink.deliver(EVENT, (0,)) == b"taken"
            assert [got.connection for got in peer.got] == [1, 1, 2]
            await sink.aclose()
        async with Peer([Say(), dead]) as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            with pytest.raises(SinkRetryError):
                await sink.deliver(EVENT, (0,))
            assert [got.connection for got in peer.got] == [1, 1, 2]
            await sink.aclose()

    run(go())


def test_a_kept_connection_that_had_begun_to_answer_is_not_replaced(run: Run) -> None:
    """Then the service has taken the event, and only its answer is lost."""

    async def go() -> None:
        async with Peer([Say(), Say(b"H", "close")]) as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            with pytest.raises(SinkRetryError, match="closed before the answer was whole"):
                await sink.deliver(EVENT, (0,))
            assert len(peer.got) == 2
            await sink.aclose()

    run(go())


def test_an_unused_connection_is_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By us, before the service does it."""
    monkeypatch.setattr("wxgate.sinks.connection.IDLE", 0.1)

    async def go() -> None:
        async with Peer() as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            assert peer.open == 1
            await peer.left.wait()
            await sink.deliver(EVENT, (0,))
            assert peer.connections == 2
            await sink.aclose()

    run(go())


def test_a_connection_too_old_is_not_used_even_if_nobody_closed_it(run: Run) -> None:
    """As when the loop was held up and the timer is late."""

    async def go() -> None:
        async with Peer() as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            (connection,) = sink._nodes[0].pool._unused  # noqa: SLF001 (older than the timer knows)
            connection._unused_since -= 4  # noqa: SLF001
            await sink.deliver(EVENT, (0,))
            assert peer.connections == 2
            await sink.aclose()

    run(go())


def test_no_more_connections_than_exchanges_at_once(run: Run) -> None:
    """And no more of these than allowed; the others wait, and all are delivered."""

    async def go() -> None:
        async with Peer([Say(http(200, b"x"), drip=0.001)]) as peer:
            sink = HttpSink([peer.url], concurrency=3)
            await asyncio.gather(*(sink.deliver(EVENT, (0,)) for _ in range(20)))
            assert len(peer.got) == 20
            assert peer.most == peer.connections == 3
            await sink.aclose()

    run(go())


def test_who_is_cancelled_takes_the_connection_along(run: Run) -> None:
    """Its answer would be read as another's; and its turn is free again."""

    async def go() -> None:
        async with Peer([Say(b"", "hang"), Say()]) as peer:
            sink = HttpSink([peer.url], concurrency=1, timeout=300)
            waiting = asyncio.create_task(sink.deliver(EVENT, (0,)))
            await peer.until(1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await peer.left.wait()
            await sink.deliver(EVENT, (0,))
            assert [got.connection for got in peer.got] == [1, 2]
            await sink.aclose()

    run(go())


def test_who_cannot_be_connected_to_is_passed_over(run: Run) -> None:
    """The next in line has it; if there is none, each is named with its cause."""

    async def go() -> None:
        async with Peer() as peer:
            dead = f"http://127.0.0.1:{free_port()}/?key=sentinel"
            sink = HttpSink([dead, peer.url])
            await sink.deliver(EVENT, (0, 1))
            await sink.deliver(EVENT, (1, 0))
            assert len(peer.got) == 2
            alone = HttpSink([dead])
            with pytest.raises(SinkRetryError) as raised:
                await alone.deliver(EVENT, (0,))
            assert str(raised.value) == f"{dead.partition('?')[0]}: Connection refused"
            assert raised.value.after is None
            await sink.aclose()

    run(go())


def test_a_name_that_is_none_cannot_be_connected_to(run: Run) -> None:
    """The resolver's own words."""

    async def go() -> None:
        async with Peer() as peer:
            sink = HttpSink(["http://nowhere.invalid/", peer.url])
            await sink.deliver(EVENT, (0, 1))
            alone = HttpSink(["http://nowhere.invalid/"])
            with pytest.raises(SinkRetryError, match=r"^http://nowhere\.invalid/: \w+"):
                await alone.deliver(EVENT, (0,))
            await sink.aclose()

    run(go())


def test_a_service_that_resets_whoever_connects(run: Run) -> None:
    """Retryable, whether the reset is seen before the request or after."""

    async def go() -> None:
        async with Peer(on_accept="reset") as peer:
            with pytest.raises(SinkRetryError, match=f"^{peer.url}: "):
                await deliver(peer)

    run(go())


def test_a_listener_that_does_not_accept(run: Run) -> None:
    """Its queue is full: no connection in time, and the next in line has the event."""

    async def go() -> None:
        with socket.socket() as full, socket.socket() as filling, socket.socket() as more:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for one in (filling, more):
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            async with Peer() as peer:
                sink = HttpSink([f"http://127.0.0.1:{full.getsockname()[1]}", peer.url])
                await sink.deliver(EVENT, (0, 1))
                assert len(peer.got) == 1
                await sink.aclose()

    run(go())


STOPPABLE = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection = listener.accept()[0]
    while connection.recv(65536):
        connection.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
"""


def test_a_service_that_is_stopped_has_not_taken_it(run: Run) -> None:
    """D3: the kernel still accepts for it; on a kept connection, and on a new one."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPABLE], stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        sink_url = f"http://127.0.0.1:{service.stdout.readline().strip()}"

        async def go() -> None:
            sink = HttpSink([sink_url], timeout=0.2)
            await sink.deliver(EVENT, (0,))
            service.send_signal(SIGSTOP)
            for _ in range(2):
                with pytest.raises(SinkRetryError, match="no answer in time"):
                    await sink.deliver(EVENT, (0,))
            await sink.aclose()

        try:
            run(go())
        finally:
            service.send_signal(SIGCONT)
            service.kill()


def test_a_peer_that_vanished_is_noticed_within_ten_seconds(run: Run) -> None:
    """Whatever an answer may take: the kernel asks after it."""

    async def go() -> None:
        async with Peer() as peer:
            sink = HttpSink([peer.url], timeout=300)
            await sink.deliver(EVENT, (0,))
            (connection,) = sink._nodes[0].pool._unused  # noqa: SLF001 (no other way to its socket)
            connected = connection._transport.get_extra_info("socket")  # noqa: SLF001
            tcp = {
                name: connected.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{name}"))
                for name in ("KEEPIDLE", "KEEPINTVL", "KEEPCNT", "USER_TIMEOUT", "NODELAY")
            }
            assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert tcp["KEEPIDLE"] + tcp["KEEPINTVL"] * tcp["KEEPCNT"] <= 10
            assert 0 < tcp["USER_TIMEOUT"] <= 10_000
            assert tcp["NODELAY"]
            await sink.aclose()

    run(go())


def test_ipv6(run: Run) -> None:
    """In brackets."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 on this machine")

    async def go() -> None:
        async with Peer(host="::1") as peer:
            await deliver(peer)
        assert f"host: [::1]:{peer.port}\r\n" in peer.got[0].head

    run(go())


def test_the_environment_has_no_say(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of anybody's."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert outcome(run, Say())[0] == b""


def test_nothing_of_a_header_or_a_body_is_in_an_error(run: Run) -> None:
    """Ours, or the service's."""

    async def go() -> None:
        for say in (
            Say(http(400, b"sentinel", "X-A: sentinel")),
            Say(http(503, b"sentinel", "Retry-After: sentinel")),
            Say(b"sentinel"),
            Say(b"HTTP/1.1 200 sentinel\r\nsentinel\r\n\r\n"),
        ):
            async with Peer([say]) as peer:
                sink = HttpSink([f"{peer.url}?key=sentinel"], headers={"Key": "sentinel"})
                with pytest.raises(SinkError) as raised:
                    await sink.deliver(b'"sentinel"', (0,))
                assert "sentinel" not in str(raised.value)
                await sink.aclose()

    run(go())


def test_a_large_event_to_a_service_that_answers_before_it_has_read_it(run: Run) -> None:
    """The answer counts; what is left to send is not for the next exchange."""

    async def go() -> None:
        seen, done = 0, asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal seen
            seen += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(EMPTY)
            await done.wait()
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        sink = HttpSink([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"])
        large = b"x" * 30_000_000
        for _ in range(2):
            assert await sink.deliver(large, (0,)) == b""
        assert seen == 2
        await sink.aclose()
        server.close()
        done.set()
        await asyncio.sleep(0.1)

    run(go())


def test_closing_ends_what_is_under_way(run: Run) -> None:
    """It fails as if the service had closed; nothing is sent afterwards."""

    async def go() -> None:
        async with Peer([Say(), Say(b"", "hang")]) as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(EVENT, (0,))
            waiting = asyncio.create_task(sink.deliver(EVENT, (0,)))
            await peer.until(2)
            await sink.aclose()
            with pytest.raises(SinkRetryError):
                await waiting
            with pytest.raises(SinkRetryError, match="the client is closed"):
                await sink.deliver(EVENT, (0,))
            assert peer.connections == 1
            await sink.aclose()

    run(go())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "http:///x",
        "h:80",
        "http://u:p@h/",
        "http://h/a b",
        "http://h:0x/",
        "http://好/",
    ],
)
def test_an_address_that_cannot_be_called(url: str) -> None:
    """It is refused at once."""
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        HttpSink([url])


@pytest.mark.parametrize(
    ("name", "value"), [("A B", "x"), ("A", "x\r\nB: y"), ("", "x"), ("A", "\x00")]
)
def test_a_header_that_would_be_two(name: str, value: str) -> None:
    """It is refused at once."""
    with pytest.raises(ValueError, match="field"):
        HttpSink(["http://127.0.0.1/"], headers={name: value})
