"""What the hub's keys are called. The hash tag puts all keys of a partition into one slot."""

from __future__ import annotations

from dataclasses import dataclass

_PREFIX = "wxgate:stream:"


@dataclass(frozen=True, slots=True)
class Partition:
    """The keys of one partition."""

    stream: str
    """The stream's name in the configuration."""
    number: int

    @property
    def entries(self) -> str:
        """The Redis stream itself."""
        return f"{_PREFIX}{{{self.stream}:{self.number}}}"

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


def about(stream: str) -> str:
    """The hash that says what readers must know of a stream, such as its partitions."""
    return f"{_PREFIX}{{{stream}}}"


def leases(stream: str, group: str) -> str:
    """The hash of a group's consumers and of who has which partition."""
    return f"{_PREFIX}{{{stream}}}:leases:{group}"
