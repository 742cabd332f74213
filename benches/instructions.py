"""Instructions of each stage, counted by callgrind, beside those that were last accepted.

A count does not depend on what else the machine does, so one run says whether a stage has become
dearer, to the percent. It does depend on the compiler, the C library and what the processor can do:
``baseline.json`` holds the accepted counts for each such setting. Where this machine's is not among
them, the commit that accepted them is built and counted here as well.

So it is with Python's boundary and the layer around it, which ``inprocess.py`` plays; but nothing
is compared of another interpreter than the accepted one, and that is said.

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
from importlib.metadata import version
from pathlib import Path

import callgrind
from callgrind import AbsentError

ROOT = Path(__file__).parents[1]
BASELINE = ROOT / "benches/baseline.json"
TOLERANCE = 0.03
_FUNCTION = "wxcore_counted"
_MARK = "ctermid"
"""As in ``inprocess.py``."""

Counts = dict[str, int]


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
        core = count(ROOT)
        python = count_python(core.setting)
        accepted = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        if args.accept:
            accept((core, python), accepted)
            return
        before = accepted.get(core.setting) or elsewhere(core.setting, list(accepted))
    except AbsentError as error:
        _say(f"INSTRUCTIONS WERE NOT COMPARED: {error}")
        return
    off = compare(before, core.counts)
    if python.setting in accepted:
        off |= compare(accepted[python.setting], python.counts)
    else:
        _not_of_this_python(python, list(accepted))
    sys.exit(off)


def _not_of_this_python(python: Counted, known: list[str]) -> None:
    """Say so: code of another interpreter, or of another core, is nothing to compare with."""
    _say(f"INSTRUCTIONS OF PYTHON WERE NOT COMPARED: no accepted counts for\n  {python.setting}")
    for one in known:
        _say(f"but for\n  {one}")
    for name, found in python.counts.items():
        sys.stdout.write(f"{name:28} {'-':>9} {found:>9}\n")


def accept(counted: tuple[Counted, ...], accepted: dict[str, Counts]) -> None:
    """Write the counts of these settings. Others go: they are of code that is no more."""
    for one in counted:
        if one.setting in accepted:
            compare(accepted[one.setting], one.counts)
    BASELINE.write_text(json.dumps({one.setting: one.counts for one in counted}, indent=2) + "\n")
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
    manifest = root / "benches/core/Cargo.toml"
    lock = manifest.with_name("Cargo.lock")
    if not lock.exists():
        shutil.copy(root / "Cargo.lock", lock)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    build = ("cargo", "build", "--quiet", "--release", "--bin", "count")
    _run(*build, "--manifest-path", str(manifest), CARGO_TARGET_DIR=str(target))
    when = (f"--toggle-collect={_FUNCTION}", f"--dump-after={_FUNCTION}")
    (features, *benches), dumps = callgrind.sums((str(target / "release/count"),), *when)
    counts = {
        name: round(dump / int(times)) for (name, times), dump in zip(benches, dumps, strict=True)
    }
    return Counted(_setting(features[1]), counts)


def count_python(core: str) -> Counted:
    """Run ``inprocess.py`` under callgrind; ``core`` is the setting of what is compiled."""
    program = (sys.executable, str(ROOT / "benches/inprocess.py"))
    benches, dumps = callgrind.sums(program, f"--dump-before={_MARK}", PYTHONHASHSEED="0")
    # A dump for each mark: every second one ends a bench, the others what leads up to it.
    counts = {
        name: round(dump / int(times))
        for (name, times), dump in zip(benches, dumps[1::2], strict=True)
    }
    return Counted(f"{_interpreter()}; {core}", counts)


def _interpreter() -> str:
    compiled = f"{platform.python_implementation()} {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("granian", "msgspec", "uvloop"))
    return f"{compiled} ({platform.python_compiler()}) with {libraries}"


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
    found = subprocess.run(
        ["git", "log", "-1", "--format=%H", "--", str(BASELINE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    commit = found.stdout.strip()
    if found.returncode or not commit:
        reason = "no history that has the accepted commit"
        raise AbsentError(reason)
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


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
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


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
