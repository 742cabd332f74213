"""A Cluster of three primaries, and where need be a replica for each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from wxgate.sim.demo.process import free_port

from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from .flavour import Flavour

SLOTS = 16384
_PATIENCE = 15.0
_LOOK = 0.02


class Cluster:
    """Three primaries that share the slots. A context manager."""

    def __init__(self, flavour: Flavour, folder: Path, *options: str) -> None:
        """Nothing is started yet."""
        self.nodes = [
            Server(
                flavour,
                folder / str(n),
                *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
                *("--cluster-node-timeout", "1000", *options),
            )
            for n in range(3)
        ]

    @property
    def url(self) -> str:
        """All its primaries."""
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.nodes)
        return f"redis+cluster://{places}"

    def holder(self, slot: int) -> Server:
        """The primary that had a slot at the start."""
        return self.nodes[min(slot // (SLOTS // 3), 2)]

    def slot(self, key: bytes | str) -> int:
        """The slot of a key."""
        return int(self.nodes[0].say("CLUSTER", "KEYSLOT", key))

    def id(self, node: Server) -> str:
        """A node's name among the others."""
        found = node.say("CLUSTER", "MYID")
        return found.decode() if isinstance(found, bytes) else str(found)

    def move(self, slot: int, target: Server) -> None:
        """Give an empty slot to another primary, and tell everybody."""
        name = self.id(target)
        for node in (target, *(one for one in self.nodes if one is not target)):
            node.say("CLUSTER", "SETSLOT", slot, "NODE", name)

    def migrate(self, slot: int, source: Server, target: Server) -> None:
        """Begin to move a slot: from now on the source asks to look at the target (ASK)."""
        target.say("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id(source))
        source.say("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id(target))

    def reset(self) -> None:
        """Bring every node back to how it started."""
        for node in self.nodes:
            node.reset()
        self.until_ok()

    def until_ok(self) -> None:
        """Wait until all slots are served, as every node sees it."""
        last = time.monotonic() + _PATIENCE
        while not all(self._is_ok(node) for node in self.nodes):
            assert time.monotonic() < last, f"no cluster within {_PATIENCE} s"
            time.sleep(_LOOK)

    def __enter__(self) -> Self:
        """Start the nodes, share out the slots, and introduce them to each other."""
        try:
            for node in self.nodes:
                node.start()
            for n, node in enumerate(self.nodes):
                first, end = (
                    n * (SLOTS // 3),
                    SLOTS if n == 2 else (n + 1) * (SLOTS // 3),
                )  # the last has what is left
                node.say("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
                node.say("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            for node in self.nodes[1:]:
                bus = node.options[node.options.index("--cluster-port") + 1]
                self.nodes[0].say("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            self.until_ok()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill every node."""
        for node in self.nodes:
            node.kill()

    @staticmethod
    def _is_ok(node: Server) -> bool:
        said: bytes = node.say("CLUSTER", "INFO")
        return b"cluster_state:ok" in said and b"cluster_known_nodes:3" in said
