"""`server.max_per_address`: nobody takes all the places that there are for connections."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from wxgate.crowd import Crowd, counted_as

from .serving import get, serving, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .conftest import Stage

GREEDY, OTHER = "127.0.0.2", "127.0.0.1"
ASKS = b"GET /cb/nobody HTTP/1.1\r\nhost: x\r\n\r\n"


def called(port: int, source: str, stack: ExitStack, count: int) -> list[socket.socket]:
    """Open so many connections from an address."""
    where = ("127.0.0.1", port)
    lines = [socket.create_connection(where, source_address=(source, 0)) for _ in range(count)]
    for line in lines:
        stack.callback(line.close)
    return lines


def left(lines: Sequence[socket.socket]) -> list[int]:
    """Which of them have not been hung up on."""
    with selectors.DefaultSelector() as selector:
        for at, line in enumerate(lines):
            selector.register(line, selectors.EVENT_READ, at)
        gone = {key.data for key, _ in selector.select(timeout=0) if _is_closed(key.fileobj)}
    return [at for at in range(len(lines)) if at not in gone]


def _is_closed(line: object) -> bool:
    assert isinstance(line, socket.socket)
    return not line.recv(1, socket.MSG_PEEK)


def answers(line: socket.socket) -> bool:
    """Whether a request on a connection is answered."""
    line.sendall(ASKS)
    return line.recv(4096).startswith(b"HTTP/1.1 403")


def test_the_newest_of_an_address_have_to_go(stage: Stage) -> None:
    """Its eldest stay, and so does everybody else; the log and the metrics tell."""
    with serving(stage, server="max_per_address = 8\n") as (served, _), ExitStack() as stack:
        eldest = called(served.listen, GREEDY, stack, 5)
        assert all(map(answers, eldest))
        others = called(served.listen, OTHER, stack, 8)
        greedy = eldest + called(served.listen, GREEDY, stack, 45)
        until(lambda: len(left(greedy)) == 8, served)
        assert left(greedy)[:5] == [0, 1, 2, 3, 4]
        assert all(map(answers, [*eldest, *others]))
        said = "127.0.0.2 held 50 connections, and server.max_per_address allows 8: the newest 42"
        until(lambda: said in (served.folder / "serve.log").read_text(), served)
        scraped = get(served.admin, "/metrics")[1]
        assert 'wxgate_connections_closed_total{worker="0"} 42' in scraped


def test_a_reload_turns_it(stage: Stage) -> None:
    """Without it an address may have them all."""
    with serving(stage) as (served, theatre), ExitStack() as stack:
        greedy = called(served.listen, GREEDY, stack, 30)
        assert all(map(answers, greedy))
        file = theatre.folder / "wxgate.toml"
        text = file.read_text()
        file.write_text(text.replace("[server]\n", "[server]\nmax_per_address = 10\n"))
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len(left(greedy)) == 10, served)
        assert all(map(answers, [greedy[at] for at in left(greedy)]))


def looked(at: Callable[[ExitStack, socket.socket], None], most: int) -> tuple[list[int], int]:
    """Have a crowd look at this process, which has accepted callers; whom it has shut, and left."""
    closed: list[int] = []
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        at(stack, listener)
        crowd = Crowd(listener.getsockname()[1], lambda: most, closed.append)
        crowd.look(most)
        return closed, listener.getsockname()[1]


def accepted(stack: ExitStack, listener: socket.socket, source: str, count: int) -> None:
    """Have a listener take so many callers."""
    called(listener.getsockname()[1], source, stack, count)
    for _ in range(count):
        stack.enter_context(listener.accept()[0])


def test_only_callers_count() -> None:
    """Not files, pipes and listeners, nor what this process has opened to others."""

    def busy(stack: ExitStack, listener: socket.socket) -> None:
        accepted(stack, listener, GREEDY, 4)
        for _ in range(20):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        accepted(stack, elsewhere, GREEDY, 9)

    assert looked(busy, 4)[0] == []
    assert looked(busy, 3)[0] == [1]


def test_each_address_has_its_own() -> None:
    """Two of them may hold twice as many as one."""

    def two(stack: ExitStack, listener: socket.socket) -> None:
        accepted(stack, listener, GREEDY, 4)
        accepted(stack, listener, OTHER, 6)

    assert looked(two, 6)[0] == []
    assert looked(two, 5)[0] == [1]
    assert sorted(looked(two, 3)[0]) == [1, 3]


def test_the_newest_is_who_came_last() -> None:
    """Not who has the highest descriptor: numbers are taken again."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        crowd = Crowd(listener.getsockname()[1], lambda: 2, lambda _: None)
        lines = called(listener.getsockname()[1], GREEDY, stack, 4)
        gone, second, third = (stack.enter_context(listener.accept()[0]) for _ in range(3))
        crowd.look(3)
        number = gone.fileno()
        gone.close()
        assert stack.enter_context(listener.accept()[0]).fileno() == number
        crowd.look(2)
        assert left(lines) == [1, 2]
        assert second.fileno() > number < third.fileno()


def test_one_subscriber_is_one_address() -> None:
    """IPv6 counts by its /64, and IPv4 is the same by whichever name."""
    assert counted_as("2001:db8::1") == counted_as("2001:db8:0:0:9::2")
    assert counted_as("2001:db8::1") != counted_as("2001:db8:0:1::1")
    assert counted_as("fe80::1%eth0") == counted_as("fe80::2")
    assert counted_as("::ffff:192.0.2.1") == counted_as("192.0.2.1") != counted_as("192.0.2.2")
