"""What WeChat remembers of a run: each message, when it was sent, and how it was answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Said:
    """One message, over all its tries."""

    number: int
    user: str
    asks: bool
    """Whether its route waits for the service's answer."""
    is_event: bool = False
    first_sent: float = 0.0
    acknowledged: float | None = None
    """When the first acknowledgement came, or None."""
    tries: int = 0
    replies: list[str] = field(default_factory=list)
    """What each acknowledgement said, opened."""


@dataclass(slots=True)
class Books:
    """Everything that was sent by one driver; times are of the loop's clock, in seconds."""

    said: dict[int, Said] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers by status."""
    broken: int = 0
    """Tries whose connection ended before an answer."""
    unconnected: int = 0
    """Tries that found nobody listening."""
    silent: list[int] = field(default_factory=list)
    """Messages of which a try had no answer of any kind in WeChat's five seconds."""
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    """Answers with 200 which do not make WeChat stop, and why."""
    slowest: float = 0.0
    """The longest that an answer took."""
    lag: float = 0.0
    """The most that a first try was behind its schedule: a driver that cannot keep up shows."""

    @property
    def acknowledged(self) -> set[int]:
        """Set A."""
        return {one.number for one in self.said.values() if one.acknowledged is not None}

    @property
    def refused(self) -> int:
        """Answers that ask for another try."""
        return sum(count for status, count in self.statuses.items() if status != 200)

    @property
    def answered(self) -> int:
        """Acknowledgements, those of duplicates included."""
        return self.statuses[200]

    def line(self) -> str:
        """A summary for a person."""
        return (
            f"sent {len(self.said)}, acknowledged {len(self.acknowledged)}, "
            f"answers {dict(sorted(self.statuses.items()))}, broken {self.broken}, "
            f"not connected {self.unconnected}, silent {len(self.silent)}, "
            f"slowest {self.slowest:.3f} s, lag {self.lag:.3f} s"
        )
