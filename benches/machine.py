"""The machine and the versions that results are of."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

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


def machine(results: Results) -> str:
    """Write the head of the results."""
    versions = ", ".join(map(_version, _VERSIONS))
    rows = [
        ("day", results.when),
        ("wxgate", f"{version('wxgate')}, commit {results.commit}"),
        ("CPU", f"{cpu_name()}, {os.cpu_count()} cores"),
        ("load before", _load(results.load)),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("Python", _python()),
        ("Rust", results.rust),
        ("beside wxgate", versions),
        ("commands", "`make bench`; `make bench-quick` takes two minutes and writes nothing"),
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


def _load(load: float) -> str:
    note = ": not quiet, so the figures are rough" if load > _BUSY else ""
    return f"{load:.2f}{note}"


def cpu_name() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
