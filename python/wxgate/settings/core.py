"""What only the core can judge: regular expressions, keys, rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.settings.blob import core_blob
from wxgate.settings.problems import Problem

if TYPE_CHECKING:
    from wxgate.settings.model import Settings


def core_problems(settings: Settings) -> list[Problem]:
    """Let the core compile the settings and return what it cannot use."""
    from wxcore import _wxcore  # noqa: PLC0415 (native: loaded by those who ask it)

    return [Problem(path, reason) for path, reason in _wxcore.check(core_blob(settings))]
