"""A Cluster of three primaries, and where need be a replica for each."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Self

from wxgate.sim.demo.process import free_port

from .access import OPEN
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .access import Access
    from .flavour import Flavour

SLOTS = 16384
_PATIENCE = 15.0
_LOOK = 0.02


class Cluster:
    """Three primaries that share the slots. A context manager."""

    def __init__(
        self,
        flavour: Flavour,
        folder: Path,
        *options: str,
        replicas: bool = False,
        access: Access = OPEN,
    ) -> None:
        """Nothing is started yet; with ``replicas`` each primary has one, which takes over."""

        def node(name: str) -> Server:
            return Server(
                flavour,
                folder / name,
                *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
                *("--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"),
                # However long a replica has heard nothing: there is no other.
                *("--cluster-replica-validity-factor", "0", *access.users, *options),
                tls=access.tls,
                password=access.password,
            )

        self.nodes = [node(str(n)) for n in range(3)]
        self.replicas = [node(f"replica{n}") for n in range(3)] if replicas else []

    @property
    def url(self) -> str:
        """All its primaries."""
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.nodes)
        return f"redis{'s' if self.nodes[0].tls else ''}+cluster://{places}"

    @property
    def everybody(self) -> list[Server]:
        """Primaries and replicas."""
        return [*self.nodes, *self.replicas]

    def replica(self, node: Server) -> Server:
        """The replica that a primary had at the start."""
        return self.replicas[self.nodes.index(node)]

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
        # Else what the old one said before, and is heard only now, would take it back.
        target.say("CLUSTER", "BUMPEPOCH")
        name = self.id(target)
        for node in (target, *(one for one in self.nodes if one is not target)):
            node.say("CLUSTER", "SETSLOT", slot, "NODE", name)

    def migrate(self, slot: int, source: Server, target: Server) -> None:
        """Begin to move a slot: from now on the source asks to look at the target (ASK)."""
        target.say("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id(source))
        source.say("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id(target))

    def carry(self, slot: int, source: Server, target: Server) -> None:
        """Move a slot with all that is in it, while others use it."""
        self.migrate(slot, source, target)
        while keys := source.say("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.say("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        self.move(slot, target)

    def lag(self, primary: Server) -> Server:
        """Stop the replica of a primary, which is to lack what is written from now on."""
        replica = self.replica(primary)
        replica.pause()
        # What is sent to one that is only paused it reads once it goes on.
        primary.say("CLIENT", "KILL", "TYPE", "replica")
        return replica

    def reset(self) -> None:
        """Bring every node back to how it started."""
        for node in self.nodes:
            node.reset()
        self.until_ok()

    def until_ok(self, without: Server | None = None) -> None:
        """Wait until all slots are served, as every node sees it, but for one that is dead."""
        for node in self.everybody:
            if node is not without:
                self._until(partial(self._is_ok, node))

    def until_missed(self, dead: Server) -> None:
        """Wait until the other primaries serve nothing, since nobody has a dead one's slots."""
        for node in self.nodes:
            if node is not dead:
                self._until(partial(self._is_down, node))

    def until_failed_over(self, dead: Server) -> None:
        """Wait until a dead primary's replica has its slots, as everybody else sees it."""
        self._until(lambda: self.replica(dead).say("ROLE")[0] == b"master")
        self.until_ok(without=dead)

    def until_known_by(self, ports: list[int]) -> None:
        """Wait until every primary sends clients to these ports, and to no other."""
        for node in self.nodes:
            self._until(partial(self._sends_to, node, sorted(ports)))

    def __enter__(self) -> Self:
        """Start the nodes, share out the slots, and introduce them to each other."""
        try:
            for node in self.everybody:
                node.start()
            for n, node in enumerate(self.nodes):
                first, end = (
                    n * (SLOTS // 3),
                    SLOTS if n == 2 else (n + 1) * (SLOTS // 3),
                )  # the last has what is left
                node.say("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
                node.say("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            for node in self.everybody[1:]:
                bus = node.options[node.options.index("--cluster-port") + 1]
                self.nodes[0].say("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            self.until_ok()
            self._replicate()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill every node."""
        for node in self.everybody:
            node.kill()

    def _replicate(self) -> None:
        """Have replicas follow, and wait until whoever votes for one knows whose it is."""
        for node, replica in zip(self.nodes, self.replicas, strict=False):
            replica.say("CLUSTER", "REPLICATE", self.id(node))
        for node, replica in zip(self.nodes, self.replicas, strict=False):
            self._until(partial(self._follows, replica))
            for other in self.nodes:
                self._until(partial(self._knows_replica, other, self.id(node)))

    def _is_ok(self, node: Server) -> bool:
        said: bytes = node.say("CLUSTER", "INFO")
        known = b"cluster_known_nodes:%d" % len(self.everybody)
        return b"cluster_state:ok" in said and known in said

    @staticmethod
    def _is_down(node: Server) -> bool:
        said: bytes = node.say("CLUSTER", "INFO")
        return b"cluster_state:fail" in said

    @staticmethod
    def _follows(replica: Server) -> bool:
        found: dict[str, object] = replica.say("INFO", "replication")
        return found.get("master_link_status") == "up"

    @staticmethod
    def _knows_replica(node: Server, primary: str) -> bool:
        return bool(node.say("CLUSTER", "REPLICAS", primary))

    @staticmethod
    def _sends_to(node: Server, ports: list[int]) -> bool:
        return sorted(port for _, _, (_, port, *_) in node.say("CLUSTER", "SLOTS")) == ports

    @staticmethod
    def _until(holds: Callable[[], bool]) -> None:
        last = time.monotonic() + _PATIENCE
        while not holds():
            assert time.monotonic() < last, f"no cluster within {_PATIENCE} s"
            time.sleep(_LOOK)
