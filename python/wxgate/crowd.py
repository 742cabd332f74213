"""No address holds more connections than it may: granian's listener only knows how many there are.

Beneath granian, by the descriptors of this process: an address that has too many is looked for
every half second, and the newest of its connections are shut down, as if their callers had left.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections import defaultdict
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Caller = tuple[str, int]
    """Address and port."""

_LOG = logging.getLogger("wxgate.crowd")
_EVERY_S = 0.5
_DESCRIPTORS = "/dev/fd"
_MAPPED = bytes(10) + b"\xff\xff"
"""What an IPv4 address begins with where it is written as one of IPv6."""


class Crowd:
    """Looks after the callers of one worker, in a thread of its own: there may be thousands."""

    def __init__(
        self, port: int, most: Callable[[], int | None], closed: Callable[[int], None]
    ) -> None:
        """Let each address hold ``most()`` of the connections to ``port``, or any if it is None.

        ``closed`` is told how many had to go.
        """
        self._port = port
        self._most = most
        self._closed = closed
        self._known: dict[Caller, None] = {}
        """Who was there when it was looked last; who has been there longest comes first."""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wx-crowd", daemon=True)

    def start(self) -> None:
        """Look every half second."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(_EVERY_S):
            most = self._most()
            if most is not None:
                self.look(most)

    def look(self, most: int) -> None:
        """Shut down what any address has beyond ``most``, the newest first."""
        with os.scandir(_DESCRIPTORS) as entries:
            descriptors = [int(entry.name) for entry in entries]
        if len(descriptors) <= most:
            self._known.clear()
            return
        here = {caller: at for at, caller in self._callers(descriptors)}
        self._known = {caller: None for caller in self._known if caller in here}
        self._known.update(dict.fromkeys(here))
        held: defaultdict[bytes, list[Caller]] = defaultdict(list)
        for caller in self._known:
            held[counted_as(caller[0])].append(caller)
        for callers in held.values():
            if surplus := callers[most:]:
                self._shut({caller: here[caller] for caller in surplus}, len(callers), most)

    def _callers(self, descriptors: list[int]) -> Iterator[tuple[int, Caller]]:
        """Yield which of them are connections to the port, and whose."""
        for descriptor in descriptors:
            caller = self._caller(descriptor)
            if caller is not None:
                yield descriptor, caller

    def _caller(self, descriptor: int) -> Caller | None:
        try:
            # Families and kinds are asked for where they are not given: two calls more for each.
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
        except OSError:
            return None
        try:
            own, peer = connection.getsockname(), connection.getpeername()
        except OSError:
            return None  # a file, a listener, or gone
        finally:
            connection.detach()
        if not isinstance(own, tuple) or own[1] != self._port:
            return None
        return peer[0], peer[1]

    def _shut(self, surplus: dict[Caller, int], held: int, most: int) -> None:
        count = sum(self._shut_one(at, caller) for caller, at in surplus.items())
        for caller in surplus:
            del self._known[caller]
        if not count:
            return
        self._closed(count)
        address = next(iter(surplus))[0]
        text = "%s held %d connections, and server.max_per_address allows %d: the newest %d closed"
        _LOG.warning(text, address, held, most, count)

    def _shut_one(self, descriptor: int, caller: Caller) -> bool:
        """Shut a connection down, unless its descriptor is another's by now."""
        with suppress(OSError):
            # One of our own: whose it is cannot change between the question and the deed.
            own = os.dup(descriptor)
            with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, own)) as connection:
                if connection.getpeername()[:2] == caller:
                    connection.shutdown(socket.SHUT_RDWR)
                    return True
        return False


def counted_as(text: str) -> bytes:
    """Return what connections are counted by: of IPv6 the /64, which is what one subscriber has."""
    if ":" not in text:
        return socket.inet_aton(text)
    packed = socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    return packed[12:] if packed.startswith(_MAPPED) else packed[:8]
