"""What the shared store has done for this worker, for its operator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts since the start."""

    calls: int = 0
    """Runs of the script."""
    claims: int = 0
    """Messages asked for."""
    late: int = 0
    """Of them those that were decided here, since no answer came in time."""
    doubled: int = 0
    """Of those again the ones that somebody else had, as was heard too late: delivered twice."""
    decided_alone: int = 0
    """Messages decided here while the store was not in use."""
    merged: int = 0
    """Messages that the store was told of afterwards."""
    forgotten: int = 0
    """How often it had lost what it knew."""
    failures: int = 0
    """How often it went out of use."""
    reconnects: int = 0
    """Connections that were lost and opened again in time."""
