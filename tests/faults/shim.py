"""Control of shim.c: faults in the calls that a gateway makes on the files of its journal."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = Path(__file__).with_name("shim.c")
_MAGIC = 0x7368696D77786731
_HEAD = struct.Struct("=Q512s16Q")
_RULE = struct.Struct("=IIIiQQQIIQ64s")
_RULES = 4
_EVER = 2**63


class Call(IntEnum):
    """Calls that can be told apart; `enum call` of shim.c."""

    WRITE = 0
    SYNC = 1
    RENAME = 2
    UNLINK = 3
    TRUNCATE = 4
    OPEN = 5
    """To write or to create."""
    READ_OPEN = 6
    MKDIR = 7
    ALLOCATE = 8


CHANGES = frozenset(Call) - {Call.READ_OPEN}
"""What a file system that may only be read refuses."""


class Action(Enum):
    """What happens at a call; `enum action` of shim.c."""

    KILL_BEFORE = 1
    KILL_AFTER = 2
    FAIL = 3
    SHORT = 4
    DELAY = 5
    SKIP = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault: what happens, at which calls on which files, and how often."""

    action: Action
    calls: Iterable[Call]
    first: int = 1
    """The number of the first call that is met, counted from when the rule is set."""
    times: int = _EVER
    part: str = ""
    """A text that the path contains."""
    error: int = 0
    """The errno of `FAIL`."""
    amount: int = 0
    """Bytes that a `SHORT` write writes; microseconds of a `DELAY`."""
    alone: bool = False
    """Kill only the process that makes the call, and not its whole group."""


class Shim:
    """The control file of one gateway, which may be changed while it runs."""

    def __init__(self, library: Path, control: Path, folder: Path) -> None:
        """Watch the calls on files below ``folder``."""
        self._library = library
        self._control = control
        size = _HEAD.size + _RULES * _RULE.size
        with control.open("wb+") as file:
            file.write(bytes(size))
            file.flush()
            self._map = mmap.mmap(file.fileno(), size)
        _HEAD.pack_into(self._map, 0, _MAGIC, os.fsencode(folder.absolute()), *([0] * 16))

    @property
    def environment(self) -> dict[str, str]:
        """What the gateway is started with."""
        return {"LD_PRELOAD": str(self._library), "WXGATE_SHIM": str(self._control)}

    def set(self, *rules: Rule) -> None:
        """Put these faults in force, in place of the former ones."""
        self.clear()
        for at, rule in enumerate(rules):
            offset = _HEAD.size + at * _RULE.size
            _RULE.pack_into(
                self._map,
                offset,
                0,
                sum(1 << call for call in rule.calls),
                rule.action.value,
                rule.error,
                rule.first,
                rule.times,
                rule.amount,
                rule.alone,
                0,
                0,
                rule.part.encode(),
            )
            struct.pack_into("=I", self._map, offset, 1)  # armed last: it is read at any time

    def clear(self) -> None:
        """Let every call through again."""
        for at in range(_RULES):
            struct.pack_into("=I", self._map, _HEAD.size + at * _RULE.size, 0)

    def count(self, call: Call) -> int:
        """How often a call was made."""
        return int(_HEAD.unpack_from(self._map)[2 + call])

    def fired(self, rule: int = 0) -> int:
        """How often a rule met a call."""
        return int(_RULE.unpack_from(self._map, _HEAD.size + rule * _RULE.size)[8])

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self.close()


def compile_shim(folder: Path) -> Path:
    """Compile the library into ``folder`` with the machine's C compiler."""
    library = folder / "shim.so"
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, "-o", library, SOURCE, "-ldl"], check=True)
    return library
