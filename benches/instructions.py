"""Instructions of each stage, counted by callgrind, beside those that were last accepted.

A count does not depend on what else the machine does, so one run says whether a stage has become
dearer, to the percent. It does depend on the compiler, the C library and what the processor can do:
``baseline.json`` holds the accepted counts for each such setting. Where this machine's is not among
them, the commit that accepted them is built and counted here as well: so it is with Python's
boundary and the layer around it, which ``inprocess.py`` plays, and with another interpreter.

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
import sysconfig
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import callgrind
from callgrind import AbsentError

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[[Path], "Counted"]
    """Counts the checkout at a path."""

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
    off = 0
    try:
        core = count(ROOT)
        count_around = partial(count_python, core.setting)
        python = count_around(ROOT)
        accepted = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        if args.accept:
            accept((core, python), accepted)
            return
        for now, how in ((core, count), (python, count_around)):
            before = accepted.get(now.setting) or elsewhere(now.setting, list(accepted), how)
            off |= compare(before, now.counts)
    except AbsentError as error:
        _say(f"INSTRUCTIONS WERE NOT COMPARED: {error}")
        # Where nothing may be skipped, that is a failure.
        sys.exit(1 if os.environ.get("WXGATE_CI_NO_SKIP") else off)
    sys.exit(off)


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
    target = _target()
    build = ("cargo", "build", "--quiet", "--release", "--bin", "count")
    _run(*build, "--manifest-path", str(manifest), CARGO_TARGET_DIR=str(target))
    when = (f"--toggle-collect={_FUNCTION}", f"--dump-after={_FUNCTION}")
    (features, *benches), dumps = callgrind.sums((str(target / "release/count"),), *when)
    counts = {
        name: round(dump / int(times)) for (name, times), dump in zip(benches, dumps, strict=True)
    }
    return Counted(_setting(features[1]), counts)


def count_python(core: str, root: Path) -> Counted:
    """Run ``inprocess.py`` of the checkout at ``root``, whose core has the setting ``core``."""
    environment = {"PYTHONHASHSEED": "0"}
    if root != ROOT:
        _build_extension(root)
        # Before the one that is installed.
        environment["PYTHONPATH"] = str(root / "python")
    program = (sys.executable, str(root / "benches/inprocess.py"))
    benches, dumps = callgrind.sums(program, f"--dump-before={_MARK}", **environment)
    # A dump for each mark: every second one ends a bench, the others what leads up to it.
    counts = {
        name: round(dump / int(times))
        for (name, times), dump in zip(benches, dumps[1::2], strict=True)
    }
    return Counted(f"{_interpreter()}; {core}", counts)


def _build_extension(root: Path) -> None:
    """Build the one that ``maturin develop`` would, beside the sources of the checkout."""
    build = ("cargo", "build", "--quiet", "--release", "--package", "wxcore-py", "--features", "sm")
    python = {"PYO3_PYTHON": sys.executable, "PYO3_BUILD_EXTENSION_MODULE": "1"}
    manifest = ("--manifest-path", str(root / "Cargo.toml"))
    _run(*build, *manifest, CARGO_TARGET_DIR=str(_target()), **python)
    name = f"_wxcore{sysconfig.get_config_var('EXT_SUFFIX')}"
    shutil.copy(_target() / "release/lib_wxcore.so", root / "python/wxcore" / name)


def _target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


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


def elsewhere(setting: str, known: list[str], how: Count) -> Counts:
    """What the commit that last accepted counts has here, counted as ``how`` does."""
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
    return _counted_at(commit, setting, how)


def _counted_at(commit: str, setting: str, how: Count) -> Counts:
    """Counts of a commit, taken once and kept."""
    kept = ROOT / f".cache/instructions/{commit}.json"
    known: dict[str, Counts] = json.loads(kept.read_text()) if kept.exists() else {}
    if setting in known:
        return known[setting]
    _say(f"counting the commit that accepted them, {commit[:10]}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "accepted"
        _run("git", "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            counts = how(tree).counts
        finally:
            _run("git", "worktree", "remove", "--force", str(tree))
    kept.write_text(json.dumps(known | {setting: counts}))
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
