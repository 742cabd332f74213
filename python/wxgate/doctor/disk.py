"""The journal's folder: can it be written, is there room, does the key open what lies there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.doctor.finding import Finding
from wxgate.journals import standing_place, unfit

if TYPE_CHECKING:
    from wxgate.settings import Settings

_GIB = 1 << 30


def disk(settings: Settings) -> list[Finding]:
    """Look at the folder, or where it would be made; leaves nothing behind."""
    table = settings.journal
    folder = Path(table.dir).absolute()
    if (problem := unfit(table)) is not None:
        expected = problem.fix.removeprefix("expected ")
        return [Finding("fail", str(folder), problem.reason, expected, problem.path)]
    free = shutil.disk_usage(standing_place(folder)).free
    found = f"can be written, {free / _GIB:.1f} GiB free"
    most = table.max_bytes * settings.server.workers
    if free < most:
        expected = f"{most / _GIB:.1f} GiB for all workers, or messages are refused before that"
        return [Finding("warn", str(folder), found, expected, "journal.max_bytes")]
    return [Finding("ok", str(folder), found)]
