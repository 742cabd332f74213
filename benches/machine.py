"""The machine and the versions that results are of."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from table import table
from wxgate.doctor.interpreter import by_profile

if TYPE_CHECKING:
    from results import Results

_BUSY = 0.5
"""A load above which others take part in the result."""
_VERSIONS = (
    "granian",
    "uvloop",
    "wechatpy",
    "wechatpayv3",
    "cryptography",
    "xmltodict",
)
_APART = {"day": "the whole day", "profile": "the profile"}
_COMMANDS = (
    "`make bench`; `make bench-day` for the whole day and `make bench-profile` for the profile, "
    "which it leaves as they are; `make bench-quick` takes two minutes and writes nothing"
)


def machine(results: Results) -> str:
    """Write the head of the results."""
    versions = ", ".join(map(_version, _VERSIONS))
    rows = [
        ("day", results.when),
        ("wxgate", f"{version('wxgate')}, commit {results.commit}"),
        ("measured apart", _apart(results.apart)),
        ("CPU", f"{cpu_name()}, {os.cpu_count()} cores"),
        ("memory", f"{_memory():.1f} GiB"),
        ("disk", _disks()),
        ("load before", _load(results.load)),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("Python", _python()),
        ("Rust", results.rust),
        ("beside wxgate", versions),
        ("commands", _COMMANDS),
    ]
    return table(("", ""), rows)


def _python() -> str:
    how = "by a profile (PGO)" if by_profile() else "without a profile (PGO): slower than most"
    return f"{platform.python_version()}, compiled {how}"


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} **absent**"


def _apart(apart: dict[str, Any]) -> str:
    """Say when and of what each part was measured that has a command of its own."""
    told = (
        f"{what}: {seen['when']}, commit {seen['commit']}"
        for key, what in _APART.items()
        if (seen := apart.get(key)) is not None
    )
    return "; ".join(told) or "nothing"


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _disks() -> str:
    """Say what journals are on: the repository's disk, or, of some parts, that of other folders."""
    own, temporary = map(disk, (Path(__file__), Path(tempfile.gettempdir())))
    if own == temporary:
        return own
    return f"{own}; of whole processes and of what is carried: {temporary}"


def disk(place: Path) -> str:
    """Return the file system that a place is on, its device, and whether that has a cache."""
    place, nearest, found = place.resolve(), Path("/"), ("unknown", "unknown")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        mounted, (kind, source) = Path(before.split()[4]), after.split()[:2]
        # A later one hides what was mounted at the same place.
        if place.is_relative_to(mounted) and mounted.is_relative_to(nearest):
            nearest, found = mounted, (kind, source)
    kind, name = found[0], Path(found[1]).name
    cache = Path("/sys/class/block", name, "queue/write_cache")
    how = f", cache: {cache.read_text().strip()}" if cache.is_file() else ""
    return kind if name in {kind, "none"} else f"{kind} on {name}{how}"


def _load(load: float) -> str:
    note = ": not quiet, so the figures are rough" if load > _BUSY else ""
    return f"{load:.2f}{note}"


def cpu_name() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
