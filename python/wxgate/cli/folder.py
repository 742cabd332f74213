"""The journal's folder, for commands that look into one and never make it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.errors import ConfigError
from wxgate.settings.problems import Problem

if TYPE_CHECKING:
    from wxgate.settings import Settings


def journal_folder(settings: Settings) -> Path:
    """Return its absolute path. Raises ``ConfigError`` if it is not there.

    Otherwise a command in the wrong folder would say that there are no dead letters.
    """
    given = Path(settings.journal.dir)
    folder = given.absolute()
    if folder.is_dir():
        return folder
    fix = "" if given.is_absolute() else "call it in the folder where wxgate is started"
    raise ConfigError([Problem("journal.dir", f"there is no journal in {folder}", fix)])
