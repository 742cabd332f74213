"""How a rival gets here: from its published packages, once, into ``.cache/peers``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contender import CACHE, HERE, ROOT, AbsentError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 1200.0
"""Seconds that a build may take."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"https?://\S+|(?<![\w.])/\S+/")
"""An address or a folder: those of this machine say nothing elsewhere."""
_SUMS = re.compile(r"https?://\S*/sumdb/\S+(?=:)")
"""Where Go asks whether a module is what its author published."""
_AT = re.compile(r"^…\S*\.go:\d+:\d+: | -> \[Help \d+\]$")
"""Where in a source it came up, and where Maven has more to say."""
_REQUIRED = re.compile(r"^\tgithub\.com/(\S+?)(?:/v\d+)? v([\w.]+)$", re.MULTILINE)
_ARTIFACT = re.compile(r"<artifactId>(\S+)</artifactId>\s*<version>(\d\S+)</version>")
_TELLING = re.compile("error|could not|not found", re.IGNORECASE)
_NEWS = re.compile(r"^(\w+: )?downloading ", re.IGNORECASE)
"""How it goes on, though what is fetched may be called `errors`."""
_PIN = re.compile(r"^([\w.-]+)==([\w.]+)$", re.MULTILINE)


def once(key: str, sources: list[Path], make: Callable[[Path], None], more: str = "") -> Path:
    """Return the folder that ``make`` fills; made again when a source changes, or ``more`` does.

    Raises ``AbsentError`` with the last thing that was said.
    """
    folder = CACHE / key
    stamp = folder / "made-from.txt"
    wanted = "".join(source.read_text() for source in sorted(sources)) + more
    if stamp.is_file() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        make(folder)
    except AbsentError:
        shutil.rmtree(folder)
        raise
    stamp.write_text(wanted)
    return folder


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a build; what it said. Raises ``AbsentError``."""
    program = shutil.which(command[0])
    if program is None:
        reason = f"{command[0]} is not installed"
        raise AbsentError(reason)
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_MOST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"{command[0]} had not ended after {_MOST:.0f} s"
        raise AbsentError(reason) from None
    if done.returncode:
        raise AbsentError(_why(command[0], done.stdout))
    return done.stdout


def environment(key: str) -> tuple[Path, dict[str, str]]:
    """Make a virtual environment from a rival's ``requirements.txt``; its pins too."""
    wanted = HERE / key / "requirements.txt"

    def make(folder: Path) -> None:
        run([sys.executable, "-m", "venv", str(folder)], folder)
        pip = [str(folder / "bin/pip"), "--disable-pip-version-check", "install", "--quiet"]
        run([*pip, "--requirement", str(wanted)], folder)

    # The interpreter that wxgate has, so that both have the same.
    return once(key, [wanted], make, sys.base_prefix), dict(_PIN.findall(wanted.read_text()))


def go(key: str) -> tuple[Path, dict[str, str]]:
    """Build a rival in Go; its program, and versions."""
    wanted = sorted(
        path for path in (HERE / key).iterdir() if path.name.startswith(("go.", "main"))
    )
    required = (HERE / key / "go.mod").read_text()

    def make(folder: Path) -> None:
        for source in wanted:
            shutil.copy(source, folder)
        # Where there is no go.sum yet, the checksum database answers for what is fetched.
        run(["go", "build", "-mod=mod", "-o", "server", "."], folder)

    program = once(key, wanted, make) / "server"
    go = run(["go", "env", "GOVERSION"], HERE).strip()
    return program, {"Go": go.removeprefix("go"), **dict(_REQUIRED.findall(required))}


def node(key: str) -> tuple[Path, dict[str, str]]:
    """Install a rival's packages for Node; the folder that has them, and versions."""
    wanted = HERE / key / "package.json"

    def make(folder: Path) -> None:
        shutil.copy(wanted, folder)
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"], folder)

    pins = json.loads(wanted.read_text())["dependencies"]
    modules = once(key, [wanted], make) / "node_modules"
    return modules, {"Node": run(["node", "--version"], HERE).strip()[1:], **pins}


def cargo(key: str) -> tuple[Path, dict[str, str]]:
    """Build a rival in Rust; its program, and versions."""
    manifest = HERE / key / "Cargo.toml"

    def make(folder: Path) -> None:
        build = ["cargo", "build", "--release", "--quiet", "--manifest-path", str(manifest)]
        # Ours would be the folder of the workspace, whose Rust flags are others.
        run([*build, "--target-dir", str(folder)], HERE)

    folder = once(key, [manifest, HERE / key / "src/main.rs"], make)
    pins = re.findall(r'^([\w-]+) = .*"=([\w.]+)"', manifest.read_text(), re.MULTILINE)
    rust = run(["rustc", "--version"], HERE).split()[1]
    return folder / f"release/wxgate-peers-{key}", {"Rust": rust, **dict(pins)}


def maven(key: str, profile: str | None = None) -> tuple[Path, dict[str, str]]:
    """Build a rival in Java, in one of its profiles; its jar, and versions."""
    manifest = HERE / key / "pom.xml"

    def make(folder: Path) -> None:
        # What could not be had once is asked for again: Maven remembers that for a day.
        build = ["mvn", "--update-snapshots", "--quiet", "--batch-mode"]
        build += ["--file", str(manifest), f"-Dbuilt={folder}"]
        run([*build, *([f"-P{profile}"] if profile else []), "package"], HERE)

    name = f"{key}-{profile}" if profile else key
    folder = once(name, [manifest, *sorted((HERE / key).rglob("*.java"))], make)
    pins = dict(_ARTIFACT.findall(manifest.read_text()))
    if profile is None:
        pins = {name: version for name, version in pins.items() if "weixin" not in name}
    java = run(["java", "--version"], HERE).split()[1]
    return folder / "server.jar", {"Java": java, **pins}


def debian(package: str, program: str) -> Path:
    """Find a program of a Debian package, or unpack it from there: nothing is installed."""
    if found := shutil.which(Path(program).name):
        return Path(found)
    folder = CACHE / package
    run([str(ROOT / "tools/from-debian.sh"), str(folder), program, package], HERE)
    return folder / program


def _why(program: str, said: str) -> str:
    """Return the line that tells most: an error rather than what follows it."""
    lines = [_SUMS.sub("the checksum database", _COLOUR.sub("", one)) for one in said.splitlines()]
    lines = [_PLACE.sub("…", line).strip().removeprefix("[ERROR] ") for line in lines]
    lines = [_AT.sub("", line) for line in lines]
    lines = [line for line in lines if not _NEWS.match(line)]
    telling = [line for line in lines if _TELLING.search(line)] or lines or ["no word"]
    return f"{program}: {telling[0][:200]}"
