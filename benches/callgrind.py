"""Callgrind: where it is to be had, and what it has counted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FETCHED = ROOT / ".cache/valgrind-from-debian"


class AbsentError(Exception):
    """What is needed is not to be had here; says what."""


def sums(
    program: tuple[str, ...], *options: str, **environment: str
) -> tuple[list[list[str]], list[int]]:
    """Run a program: its own lines, cut at tabs, and the instructions until each dump.

    ``options`` say when to dump. Raises ``AbsentError``.
    """
    valgrind, lib = _valgrind()
    # An environment as small and as equal as possible: it lies on the program's stack.
    environment |= {"PATH": os.defpath} | ({"VALGRIND_LIB": lib} if lib else {})
    with tempfile.TemporaryDirectory() as folder:
        out = f"--callgrind-out-file={folder}/out"
        done = subprocess.run(
            [valgrind, "--tool=callgrind", *options, out, *program],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}\ncounting failed")
        dumps = len(list(Path(folder).glob("out.*")))
        found = [_sum(Path(folder) / f"out.{at + 1}") for at in range(dumps)]
    return [line.split("\t") for line in done.stdout.splitlines()], found


def _sum(dump: Path) -> int:
    lines = dump.read_text().splitlines()
    return int(next(line for line in lines if line.startswith("summary:")).split()[1])


def _valgrind() -> tuple[str, str | None]:
    """The program, and where its tools lie if that is not where it was built for."""
    if found := shutil.which("valgrind"):
        return found, None
    # The package's `valgrind` is a script that knows where it would be installed.
    fetched = _FETCHED / "usr/bin/valgrind.bin"
    script = (str(ROOT / "tools/from-debian.sh"), str(_FETCHED), "usr/bin/valgrind.bin", "valgrind")
    try:
        done = subprocess.run(script, check=False)
    except OSError as error:
        reason = f"no valgrind, and {error}"
        raise AbsentError(reason) from error
    if done.returncode:
        reason = "valgrind is not installed, and Debian's could not be fetched"
        raise AbsentError(reason)
    return str(fetched), str(_FETCHED / "usr/libexec/valgrind")
