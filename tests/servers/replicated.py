"""A primary, its replica, and three Sentinels that watch over both."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Self

import redis

from .access import OPEN
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .access import Access
    from .flavour import Flavour

MASTER = "wx"
_PATIENCE = 15.0
_LOOK = 0.02
_DOWN_AFTER_MS = 500


class Sentinel(Server):
    """One that watches, and elects a new primary with the others."""

    def __init__(self, flavour: Flavour, folder: Path, watched: Server, *more: str) -> None:
        """Watch a primary; it writes what it learns into its own file.

        It is spoken to as the primary is, by TLS and with a password or not.
        """
        super().__init__(flavour, folder, tls=watched.tls, password=watched.password)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"sentinel-{self.port}.conf"
        lines = [
            *self._own(),
            "bind 127.0.0.1",
            f"dir {folder}",
            f"sentinel monitor {MASTER} 127.0.0.1 {watched.port} 2",
            f"sentinel down-after-milliseconds {MASTER} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} 3000",
            *([f"sentinel auth-pass {MASTER} {self.password}"] if self.password else []),
            *more,
        ]
        self._file.write_text("\n".join(lines) + "\n")

    def _own(self) -> list[str]:
        """How it is spoken to itself; the others take its password for theirs."""
        lines = [f"requirepass {self.password}"] if self.password else []
        if self.tls is None:
            return [f"port {self.port}", *lines]
        return ["port 0", f"tls-port {self.port}", "tls-replication yes", *self.tls.lines, *lines]

    def _arguments(self) -> tuple[str, ...]:
        return (str(self._file), "--sentinel")


class Replicated:
    """Two servers and three Sentinels. A context manager."""

    def __init__(
        self, flavour: Flavour, folder: Path, *options: str, access: Access = OPEN
    ) -> None:
        """Nothing is started yet."""

        def server(name: str, *more: str) -> Server:
            # The first full copy must not wait for more replicas to come.
            quick = ("--repl-diskless-sync-delay", "0", *access.users, *options, *more)
            return Server(flavour, folder / name, *quick, tls=access.tls, password=access.password)

        self.primary = server("primary")
        self.replica = server("replica", "--replicaof", f"127.0.0.1 {self.primary.port}")
        self.sentinels = [
            Sentinel(flavour, folder / str(n), self.primary, *access.sentinel_users)
            for n in range(3)
        ]

    @property
    def url(self) -> str:
        """The Sentinels, and the name of what they watch."""
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis{'s' if self.primary.tls else ''}+sentinel://{places}/{MASTER}/0"

    def master(self) -> int:
        """The port of the primary, as the Sentinels have it."""
        found = self.sentinels[0].say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(found[1])

    def until_linked(self) -> None:
        """Wait until the replica follows, and every Sentinel knows it and both others."""
        self._until(lambda: self.replica.say("INFO", "replication")["master_link_status"] == "up")
        for one in self.sentinels:
            self._until(partial(self._knows_all, one))

    def lag(self) -> None:
        """Have the replica hear nothing from here on, until it resumes.

        The primary must hang up: what it sends to one that is only paused waits in the replica's
        socket, and is read once that resumes. A paused replica cannot connect again.
        """
        self.replica.pause()
        self.primary.say("CLIENT", "KILL", "TYPE", "replica")

    def until_failed_over(self, old: int) -> None:
        """Wait until another than ``old`` is the primary, and says so itself.

        Every Sentinel must have it up: one names the new primary before it has put it in the
        old one's place, and redis-py asks whether what is in that place is up.
        """
        self._until(lambda: self.master() != old)
        new = self.replica if self.replica.port == self.master() else self.primary
        self._until(lambda: new.say("ROLE")[0] == b"master")
        for one in self.sentinels:
            self._until(partial(self._has_up, one, new))

    def __enter__(self) -> Self:
        """Start everything, and wait until it hangs together."""
        try:
            for one in (self.primary, self.replica, *self.sentinels):
                one.start()
            self.until_linked()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill everything, those that watch first."""
        for one in (*self.sentinels, self.replica, self.primary):
            one.kill()

    @staticmethod
    def _knows_all(sentinel: Server) -> bool:
        found = _watched(sentinel)
        return found[b"num-slaves"] == b"1" and found[b"num-other-sentinels"] == b"2"

    @staticmethod
    def _has_up(sentinel: Server, new: Server) -> bool:
        found = _watched(sentinel)
        return found[b"port"] == b"%d" % new.port and found[b"flags"] == b"master"

    @staticmethod
    def _until(holds: Callable[[], bool]) -> None:
        last = time.monotonic() + _PATIENCE
        while not _safely(holds):
            assert time.monotonic() < last, f"not within {_PATIENCE} s"
            time.sleep(_LOOK)


def _watched(sentinel: Server) -> dict[bytes, bytes]:
    """What a Sentinel has of what it watches."""
    flat = sentinel.say("SENTINEL", "MASTER", MASTER)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _safely(holds: Callable[[], bool]) -> bool:
    try:
        return bool(holds())
    except redis.exceptions.ConnectionError:
        return False
