"""The configuration in force, as the parent of the workers keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from wxgate.rows import Rows
    from wxgate.settings import Settings


class Current(msgspec.Struct, frozen=True):
    """One configuration, and which it is."""

    number: int
    """1 at the start; each reload that is applied adds one."""
    settings: Settings
    rows: Rows
