"""A setting that cannot be used: where it stands, why, and what to do about it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Problem(msgspec.Struct, frozen=True):
    """One finding. None of its texts ever holds the value of a setting that may be secret."""

    path: str
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        """Write the finding as one line for a terminal or a log."""
        line = f"{self.path}: {self.reason}"
        return f"{line}; {self.fix}" if self.fix else line


class UnfitError(ValueError):
    """A value is not what a setting takes. Who knows the path turns it into a `Problem`."""

    def __init__(self, reason: str, fix: str = "") -> None:
        """Keep both halves; neither may quote a secret."""
        super().__init__(reason)
        self.reason = reason
        self.fix = fix

    def at(self, path: str) -> Problem:
        """Return the problem of the setting at `path`."""
        return Problem(path, self.reason, self.fix)


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """Return the fix for a misspelt name: the nearest known one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(written, names, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known here: {', '.join(names)}" if names else ""
