"""All that was measured, as the page and the pictures read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from figures import Processes, Row


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured."""

    core: dict[str, Row]
    python: dict[tuple[str, str], Row]
    told: dict[tuple[str, str], dict[str, Any]]
    """What benches in Python counted beside the time."""
    processes: Processes
    peers: dict[str, Any]
    """As ``peers/run.py`` wrote it."""
    carry: dict[str, Any]
    """As ``carry/run.py`` wrote it."""
    fleet: dict[str, Any]
    """As ``fleet/run.py`` wrote it."""
    journal: str
    """The journal beside its disk: a table, and what a start with 1 GB took."""
    apart: dict[str, Any]
    """What ``kept.py`` has of days and profiles."""
    when: str
    commit: str
    rust: str
    load: float
    """Of the machine, before any of it began."""
