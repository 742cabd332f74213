"""The configuration in force, as the parent of the workers keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate.rows import Rows
    from wxgate.settings import Settings


@dataclass(frozen=True, slots=True)
class Current:
    """One configuration, and which it is."""

    number: int
    """1 at the start; each reload that is applied adds one."""
    settings: Settings
    rows: Rows
