"""Tables of the capacity page, and what several of them show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reckoning import Model

NONE = "–"
"""Of what was not measured."""
PRIMARIES = ("Redis primaries in the busiest hour", "on a holiday")


def primaries(model: Model, mean: float, workers: int) -> tuple[str, ...]:
    """Say how many of them a mean rate wants, by the messages that each worker has."""
    if model.redis is None:
        return NONE, NONE
    return tuple(f"{count:,}" for count in model.primaries(mean, workers))


def size(size: float) -> str:
    """Write bytes."""
    for unit, times in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= times:
            return f"{size / times:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table of Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
