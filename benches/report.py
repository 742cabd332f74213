"""Run every bench in rounds and write the page: ``make bench``.

``--quick`` takes two minutes and prints the page instead. ``--only PART`` measures that part again
and leaves the others as they were, also where a run was cut short; ``--page`` runs nothing. Raw
results lie in ``.cache/bench``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import figures
import kept
import parameters
import plots
from headline import headline
from page import page
from results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[1]
_RAW = ROOT / ".cache/bench"
_BUSY = 0.5
"""A load above which others take part in the result."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each part is measured."""

    core_rounds: int
    core: tuple[str, ...]
    python_rounds: int
    python: tuple[str, ...]
    process: tuple[str, ...]
    peers: tuple[str, ...]
    carry: tuple[str, ...]
    fleet: tuple[str, ...]


_FULL = Plan(
    core_rounds=3,
    core=("--warm-up-time", "0.2", "--measurement-time", "0.7"),
    python_rounds=3,
    python=("--benchmark-max-time=0.5", "--benchmark-min-time=0.0005"),
    process=(
        *("--rounds", "3", "--messages", "20000", "--starts", "9", "--backlog", "1000000"),
        *("--flood", "1.5"),
    ),
    peers=("--rounds", "3", "--seconds", "1.5"),
    carry=("--rounds", "3", "--seconds", "2", "--tail", "10000"),
    fleet=(),
)
_QUICK = Plan(
    core_rounds=3,
    core=("--warm-up-time", "0.05", "--measurement-time", "0.1", "--sample-size", "10"),
    python_rounds=3,
    python=("--benchmark-max-time=0.1", "--benchmark-min-time=0.0002"),
    process=(
        *("--rounds", "3", "--messages", "6000", "--starts", "3", "--backlog", "20000"),
        *("--flood", "0"),
    ),
    peers=("--rounds", "3", "--seconds", "0.5", "--only", "fastapi", "--only", "granian-rsgi"),
    carry=("--rounds", "1", "--seconds", "0.5", "--messages", "1000"),
    fleet=("--scale", "0.1"),
)
_CORE = ("--manifest-path", "benches/core/Cargo.toml")


def main() -> None:
    """Read the arguments, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--only", metavar="PART", choices=PARTS, action="append")
    args = parser.parse_args()
    raw = _RAW.with_name("bench-quick") if args.quick else _RAW
    if not args.page:
        _measure(_QUICK if args.quick else _FULL, raw, args.only)
    if missing := [part for part in PARTS if not any(raw.glob(f"{part}*"))]:
        sys.exit(f"not measured yet: {', '.join(missing)}")
    results = _read(raw)
    if args.quick:
        sys.stdout.write(page(results) + "\n" + headline(results))
        return
    _write(results)


def _write(results: Results) -> None:
    plots.draw(results, ROOT / "benches/plots")
    kept.PAGE.write_text(page(results))
    text = json.dumps(parameters.of(results) | results.apart, indent=1, ensure_ascii=False)
    kept.RESULTS.write_text(text + "\n")
    kept.into(ROOT / "README.md", "figures", headline(results))
    kept.into(ROOT / "README.zh-CN.md", "figures", headline(results, chinese=True))
    _say("benches/RESULTS.md, its plots, results.json and the figures of both READMEs written")
    _say("`make docs` takes them up into docs/capacity.md")


def _measure(plan: Plan, raw: Path, only: list[str] | None) -> None:
    raw.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    if load > _BUSY:
        _say(f"this machine is busy (load {load:.1f}): the figures will be rough")
    commit = _run("git", "describe", "--always", "--dirty").strip()
    parts = _measured_before(raw / "about.json")
    for part in only or PARTS:
        _again(plan, raw, part)
        parts[part] = commit
        about = {
            "when": dt.datetime.now(dt.UTC).date().isoformat(),
            "parts": parts,
            "rust": _run("rustc", "--version").strip(),
            "load": load,
        }
        (raw / "about.json").write_text(json.dumps(about))


def _again(plan: Plan, raw: Path, part: str) -> None:
    """Measure a part; what was measured before stays until that is done."""
    fresh = raw.with_name(f"{raw.name}-fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    PARTS[part](plan, fresh)
    for made in fresh.iterdir():
        before = raw / made.name
        if before.is_dir():
            shutil.rmtree(before)
        made.replace(before)


def _measured_before(about: Path) -> dict[str, str]:
    """The commit of each part that was measured before."""
    parts: dict[str, str] = json.loads(about.read_text())["parts"] if about.exists() else {}
    return parts


def _commits(parts: Mapping[str, str]) -> str:
    """Say which commit was measured, or which parts of which."""
    of: dict[str, list[str]] = {}
    for part, commit in parts.items():
        of.setdefault(commit, []).append(part)
    if len(of) == 1:
        return next(iter(of))
    return "; ".join(f"{commit} ({', '.join(names)})" for commit, names in of.items())


def _core(plan: Plan, raw: Path) -> None:
    cargo = ["cargo", "bench", "--quiet", *_CORE]
    _say("building")
    _run(*cargo, "--no-run")
    for at in range(plan.core_rounds):
        _say(f"core, round {at + 1} of {plan.core_rounds}")
        _run(*cargo, "--", "--quiet", *plan.core, CRITERION_HOME=str(raw / f"core/{at}"))


def _python(plan: Plan, raw: Path) -> None:
    (raw / "python").mkdir(exist_ok=True)
    pytest = [sys.executable, "-m", "pytest", "benches/python", "--quiet", "--no-header"]
    pytest += ["--override-ini=python_files=bench_*.py", "--override-ini=python_functions=bench_*"]
    pytest += ["--override-ini=timeout=600", "--benchmark-enable", "--benchmark-quiet"]
    for at in range(plan.python_rounds):
        _say(f"python, round {at + 1} of {plan.python_rounds}")
        _run(*pytest, *plan.python, f"--benchmark-json={raw}/python/{at}.json")


def _process(plan: Plan, raw: Path) -> None:
    _say("processes")
    _run(sys.executable, "benches/process/run.py", *plan.process, "--out", f"{raw}/process.json")


def _peers(plan: Plan, raw: Path) -> None:
    _say("peers")
    _run(sys.executable, "benches/peers/run.py", *plan.peers, "--out", f"{raw}/peers.json")


def _carry(plan: Plan, raw: Path) -> None:
    _say("what it carries")
    _run(sys.executable, "benches/carry/run.py", *plan.carry, "--out", f"{raw}/carry.json")


def _fleet(plan: Plan, raw: Path) -> None:
    _say("fleets")
    _run(sys.executable, "benches/fleet/run.py", *plan.fleet, "--out", f"{raw}/fleet.json")


def _journal(_: Plan, raw: Path) -> None:
    _say("journal")
    # On the disk that the repository is on: a memory file system would know no sync.
    told = _run("cargo", "run", "--quiet", "--release", *_CORE, "--bin", "journal", "--", str(raw))
    (raw / "journal.md").write_text(told[told.index("|") :])


PARTS: dict[str, Callable[[Plan, Path], None]] = {
    "core": _core,
    "python": _python,
    "process": _process,
    "peers": _peers,
    "carry": _carry,
    "fleet": _fleet,
    "journal": _journal,
}


def _read(raw: Path) -> Results:
    about = json.loads((raw / "about.json").read_text())
    return Results(
        core=figures.core(raw / "core"),
        python=figures.python(raw / "python"),
        told=figures.told(raw / "python"),
        processes=figures.Processes(json.loads((raw / "process.json").read_text())),
        peers=json.loads((raw / "peers.json").read_text()),
        carry=json.loads((raw / "carry.json").read_text()),
        fleet=json.loads((raw / "fleet.json").read_text()),
        journal=(raw / "journal.md").read_text(),
        apart=kept.read(),
        commit=_commits(about.pop("parts")),
        **about,
    )


def _run(*command: str, **environment: str) -> str:
    """What a command says; if it fails, that is shown."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(command)} failed")
    return done.stdout


def _say(text: str) -> None:
    sys.stderr.write(f"— {text}\n")


if __name__ == "__main__":
    main()
