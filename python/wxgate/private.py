"""Folders and files that are nobody's business but the gateway's: what people write lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = 0o700
_FILE = 0o600


def folder(path: Path) -> Path:
    """Make a folder for its owner alone, unless it is there. Raises ``OSError``."""
    path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    return path


def file(path: Path) -> Path:
    """Make a file, and its folder, for their owner alone, unless it is there. Raises ``OSError``.

    What SQLite puts beside it has the same permissions.
    """
    folder(path.parent)
    path.touch(mode=_FILE)
    return path
