"""The ids that were finished last: what comes again is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST = 10_000
"""Ids that a group remembers of each partition, in Redis and in the consumer that has it."""


class Recent:
    """The last ``most`` ids, exactly."""

    __slots__ = ("_ids", "_most")

    def __init__(self, ids: Iterable[str] = (), most: int = MOST) -> None:
        """Start with ``ids``, the oldest first."""
        self._ids: dict[str, None] = dict.fromkeys(ids)
        self._most = most

    def __contains__(self, id_: str) -> bool:
        """Whether it was finished lately."""
        return id_ in self._ids

    def __iter__(self) -> Iterator[str]:
        """All of them, the oldest first."""
        return iter(self._ids)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ids)

    def add(self, id_: str) -> None:
        """Remember one more."""
        ids = self._ids
        ids.pop(id_, None)
        ids[id_] = None
        if len(ids) > self._most:
            del ids[next(iter(ids))]
