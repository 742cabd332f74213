"""Instructions of each stage, counted by callgrind, beside those that were last accepted.

A count does not depend on what else the machine does, so one run says whether a stage has become
dearer, to the percent. It does depend on the compiler, the C library and what the processor can do:
``baseline.json`` holds the accepted counts for each such setting. Where this machine's is not among
them, the commit that accepted them is built and counted here as well.

``make bench-count`` compares, ``make bench-accept`` takes what is counted as the new measure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
BASELINE = ROOT / "benches/baseline.json"
TOLERANCE = 0.03
_FETCHED = ROOT / ".cache/valgrind-from-debian"
_FUNCTION = "wxcore_counted"

Counts = dict[str, int]


class AbsentError(Exception):
    """What is needed is not to be had here; says what."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one run said."""

    setting: str
    """All that a count depends on beside the code."""
    counts: Counts


def main() -> None:
    """Count; then accept or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accept", action="store_true")
    args = parser.parse_args()
    try:
        counted = count(ROOT)
        accepted = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        if args.accept:
            accept(counted, accepted)
            return
        before = accepted.get(counted.setting) or elsewhere(counted.setting, list(accepted))
    except AbsentError as error:
        _say(f"INSTRUCTIONS WERE NOT COMPARED: {error}")
        return
    sys.exit(compare(before, counted.counts))


def accept(counted: Counted, accepted: dict[str, Counts]) -> None:
    """Write the counts of this setting. Others go: they are of code that is no more."""
    if accepted.get(counted.setting):
        compare(accepted[counted.setting], counted.counts)
    BASELINE.write_text(json.dumps({counted.setting: counted.counts}, indent=2) + "\n")
    _say(f"{BASELINE.relative_to(ROOT)} written")


def compare(before: Counts, now: Counts) -> int:
    """Print all stages, and say what is off; the exit code."""
    off = []
    for name in before | now:
        was, has = before.get(name), now.get(name)
        change = has / was - 1 if was and has else None
        mark = ""
        if change is None:
            mark = "  new" if has else "  gone"
        elif abs(change) > TOLERANCE:
            mark = "  DEARER" if change > 0 else "  cheaper"
        if mark:
            off.append(name)
        numbers = f"{was or '-':>9} {has or '-':>9}"
        shown = "" if change is None else f"{change:+8.2%}"
        sys.stdout.write(f"{name:28} {numbers} {shown}{mark}\n")
    sys.stdout.flush()
    if off:
        _say(
            f"not within {TOLERANCE:.0%} of what was accepted: {', '.join(off)}.\n"
            "If that is meant, `make bench-accept`, and say why in the commit."
        )
    return 1 if off else 0


def count(root: Path) -> Counted:
    """Build ``count`` of the checkout at ``root`` and run it under callgrind."""
    valgrind, lib = _valgrind()
    manifest = root / "benches/core/Cargo.toml"
    lock = manifest.with_name("Cargo.lock")
    if not lock.exists():
        shutil.copy(root / "Cargo.lock", lock)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    build = ("cargo", "build", "--quiet", "--release", "--bin", "count")
    _run(*build, "--manifest-path", str(manifest), CARGO_TARGET_DIR=str(target))
    with tempfile.TemporaryDirectory() as folder:
        told = _callgrind(valgrind, lib, target / "release/count", Path(folder))
        dumps = [_sum(Path(folder) / f"out.{at + 1}") for at in range(len(told) - 1)]
    features, *benches = told
    counts = {
        name: round(dump / int(times)) for (name, times), dump in zip(benches, dumps, strict=True)
    }
    return Counted(_setting(features[1]), counts)


def _callgrind(valgrind: str, lib: str | None, program: Path, folder: Path) -> list[list[str]]:
    """Have it counted into ``out.1``, ``out.2``, …; its own lines, cut at tabs."""
    # An environment as small and as equal as possible: it lies on the program's stack.
    environment = {"PATH": os.defpath} | ({"VALGRIND_LIB": lib} if lib else {})
    command = (valgrind, "--tool=callgrind", f"--toggle-collect={_FUNCTION}")
    out = (f"--dump-after={_FUNCTION}", f"--callgrind-out-file={folder}/out")
    done = subprocess.run(  # noqa: S603
        [*command, *out, str(program)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\ncounting failed")
    return [line.split("\t") for line in done.stdout.splitlines()]


def _sum(dump: Path) -> int:
    lines = dump.read_text().splitlines()
    return int(next(line for line in lines if line.startswith("summary:")).split()[1])


def _setting(features: str) -> str:
    """The compilers, the C library, and what the processor lets libraries choose."""
    rustc = _run("rustc", "--version").strip()
    cc = _run(os.environ.get("CC", "cc"), "--version").splitlines()[0]
    libc = " ".join(platform.libc_ver())
    return f"{rustc}; {cc}; {libc}; {features}"


def elsewhere(setting: str, known: list[str]) -> Counts:
    """What the commit that last accepted counts has here."""
    _say(f"no accepted counts for this machine:\n  {setting}\nbut for:")
    for one in known or ["none"]:
        _say(f"  {one}")
    found = subprocess.run(  # noqa: S603
        ["git", "log", "-1", "--format=%H", "--", str(BASELINE)],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    commit = found.stdout.strip()
    if found.returncode or not commit:
        _absent("no history that has the accepted commit")
    return _counted_at(commit, setting)


def _counted_at(commit: str, setting: str) -> Counts:
    """Counts of a commit, taken once and kept."""
    kept = ROOT / f".cache/instructions/{commit}.json"
    if kept.exists() and (counts := json.loads(kept.read_text()).get(setting)):
        return dict(counts)
    _say(f"counting the commit that accepted them, {commit[:10]}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "accepted"
        _run("git", "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            counts = count(tree).counts
        finally:
            _run("git", "worktree", "remove", "--force", str(tree))
    kept.write_text(json.dumps({setting: counts}))
    return counts


def _valgrind() -> tuple[str, str | None]:
    """The program, and where its tools lie if that is not where it was built for."""
    if found := shutil.which("valgrind"):
        return found, None
    # The package's `valgrind` is a script that knows where it would be installed.
    fetched = _FETCHED / "usr/bin/valgrind.bin"
    script = (str(ROOT / "tools/from-debian.sh"), str(_FETCHED), "usr/bin/valgrind.bin", "valgrind")
    try:
        done = subprocess.run(script, check=False)  # noqa: S603
    except OSError as error:
        _absent(f"no valgrind, and {error}")
    if done.returncode:
        _absent("valgrind is not installed, and Debian's could not be fetched")
    return str(fetched), str(_FETCHED / "usr/libexec/valgrind")


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(command)} failed")
    return done.stdout


def _absent(what: str) -> NoReturn:
    raise AbsentError(what)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
