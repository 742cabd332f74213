"""Who takes part, and what it runs from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache/peers"

Role = Literal["wxgate", "peer", "limit"]


class AbsentError(Exception):
    """It cannot be had here; says why, in one line."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender runs, at one start of it."""

    folder: Path
    """Its working directory, empty before the first start."""
    port: int
    admin: int
    """For an operator's listener, where it has one."""
    redis: str
    """The address of a database that is its own."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What is there to be started."""

    command: Callable[[Place], list[str]]
    versions: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One that answers WeChat's calls."""

    key: str
    """What ``--only`` calls it, and its folder in ``.cache/peers``."""
    name: str
    install: Callable[[], Installed]
    """Raises ``AbsentError``."""
    role: Role = "peer"
    """A *limit* reads the body and answers; it verifies nothing and delivers nothing."""
    local: bool = False
    """Whether it comes with this repository's own environment, so that CI has it."""
