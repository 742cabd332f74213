"""What the parent and its workers say to each other about a reload.

Frames over a stream of each worker's own: a length, then a pickled message. Pickled, because
secrets and addresses are classes of our own; and nobody but the two processes holds an end.
"""

from __future__ import annotations

import pickle
import socket
import struct
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from wxgate.current import Current

_LENGTH = struct.Struct("!I")
_CHUNK = 1 << 16


class Prepare(msgspec.Struct, frozen=True):
    """To a worker: build this, and say whether it can be."""

    current: Current
    ticket: int


class Commit(msgspec.Struct, frozen=True):
    """To a worker: swap in what was prepared."""

    ticket: int


class Abort(msgspec.Struct, frozen=True):
    """To a worker: drop it."""

    ticket: int


class Hello(msgspec.Struct, frozen=True):
    """From a worker that has started, under the generation of that number."""

    pid: int
    number: int


class Outcome(msgspec.Struct, frozen=True):
    """From a worker: it has done what the ticket is of; problems only where it was to prepare."""

    ticket: int
    problems: tuple[str, ...] = ()


Order = Prepare | Commit | Abort
Message = Order | Hello | Outcome


class Channel:
    """One end of a stream of messages."""

    def __init__(self, end: socket.socket) -> None:
        """Take over an end."""
        self._socket = end
        self._read = bytearray()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send, within the socket's timeout. Raises ``OSError``."""
        body = pickle.dumps(message)
        self._socket.sendall(_LENGTH.pack(len(body)) + body)

    def receive(self) -> list[Message]:
        """Return the messages that are complete, once the descriptor is readable.

        Raises ``EOFError`` if the other side is gone, ``OSError``.
        """
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise EOFError
        self._read += chunk
        return list(self._frames())

    def _frames(self) -> list[Message]:
        found: list[Message] = []
        while len(self._read) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._read)
            end = _LENGTH.size + length
            if len(self._read) < end:
                break
            body = bytes(self._read[_LENGTH.size : end])
            del self._read[:end]
            found.append(pickle.loads(body))  # noqa: S301 (from the other end, which is our own)
        return found

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


class Door:
    """Where a worker that has just started hands the parent an end of its stream."""

    def __init__(self) -> None:
        """Make it before any worker forks."""
        self._inside, self._outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def fileno(self) -> int:
        """Return the descriptor to wait for, in the parent."""
        return self._inside.fileno()

    def knock(self) -> Channel:
        """Return a worker's end of a new stream. Called in the worker."""
        own, parents = socket.socketpair()
        socket.send_fds(self._outside, [b"!"], [parents.fileno()])
        parents.close()
        own.setblocking(False)
        return Channel(own)

    def admit(self, timeout: float) -> Channel:
        """Return the parent's end, once the descriptor is readable."""
        _, (end, *_), _, _ = socket.recv_fds(self._inside, 1, 1)
        parents = socket.socket(fileno=end)
        parents.settimeout(timeout)
        return Channel(parents)
