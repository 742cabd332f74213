"""What the hub's keys are called. The hash tag puts all keys of a partition into one slot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Partition:
    """The keys of one partition."""

    prefix: str
    """What every key begins with: ``prefix`` of the configuration."""
    stream: str
    """The stream's name in the configuration."""
    number: int

    @property
    def entries(self) -> str:
        """The Redis stream itself."""
        return f"{self.prefix}:stream:{{{self.stream}:{self.number}}}"

    @property
    def made(self) -> str:
        """When the Redis stream was made by a writer: a tail of another is not of this one."""
        return f"{self.entries}:made"

    def tail(self, writer: str) -> str:
        """How far a writer has come: the number of its last append."""
        return f"{self.entries}:tail:{writer}"

    @property
    def dead(self) -> str:
        """The Redis stream of dead letters, of all groups."""
        return f"{self.entries}:dead"

    def owner(self, group: str) -> str:
        """Which consumer of a group may read and acknowledge."""
        return f"{self.entries}:owner:{group}"

    def done(self, group: str) -> str:
        """The ids that a group finished last, to recognise repetitions."""
        return f"{self.entries}:done:{group}"

    def deaths(self, group: str) -> str:
        """How often a consumer died over an entry."""
        return f"{self.entries}:deaths:{group}"


@dataclass(frozen=True, slots=True)
class Root:
    """The keys of a stream as a whole."""

    prefix: str
    stream: str

    @property
    def about(self) -> str:
        """The hash that says what readers must know of the stream, such as its partitions."""
        return f"{self.prefix}:stream:{{{self.stream}}}"

    def leases(self, group: str) -> str:
        """The hash of a group's consumers and of who has which partition."""
        return f"{self.about}:leases:{group}"

    def partition(self, number: int) -> Partition:
        """One of its partitions."""
        return Partition(self.prefix, self.stream, number)
