"""The packages that leave the house hold exactly what they should, and work where they arrive."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from sysconfig import get_path

import pytest

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
DIST_INFO = f"wxgate-{VERSION}.dist-info"

# It compiles, should the sources have changed since `make setup`.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that a release would publish; cargo's target folder is shared, so this is quick."""
    return build(tmp_path_factory.mktemp("wheel"), "build", "--release", "-i", sys.executable)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive that a release would publish."""
    return build(tmp_path_factory.mktemp("sdist"), "sdist")


def build(out: Path, *command: str) -> Path:
    """Run maturin and return the one file it made."""
    # The Makefile's variables: with others pyo3 would compile again.
    env = {"VIRTUAL_ENV": sys.prefix, "PYO3_PYTHON": sys.executable}
    run(sys.executable, "-m", "maturin", *command, "--out", out, **env)
    (made,) = out.iterdir()
    return made


def run(*command: str | Path, **env: str) -> str:
    """Run a command outside of the source tree's Python folders and return what it printed."""
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def python_sources(project_files: list[Path]) -> set[str]:
    """The files under python/, as they are named in a wheel."""
    return {
        path.relative_to("python").as_posix()
        for path in project_files
        if path.is_relative_to("python")
    }


def installed(package: Path, folder: Path) -> Path:
    """Install a package alone into a new environment; return that environment's programs.

    What it depends on comes from the environment that runs the tests. A .pth line adds the folder
    without reading the .pth files in it, so the source tree, installed editable there, stays out.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    run(*pip, "install", "--quiet", "--no-deps", package)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(site, "dependencies.pth").write_text(get_path("purelib") + "\n")
    return python.parent


def check_installed(programs: Path) -> None:
    """Both packages import from where they were installed, and the program answers."""
    names = "import wxcore._wxcore, wxgate; print(wxcore.__file__, wxgate.__file__)"
    for place in run(programs / "python", "-I", "-c", names).split():
        assert Path(place).is_relative_to(programs.parent), place
    assert run(programs / "wxgate", "--help")


def test_the_wheel_holds_exactly_the_two_packages(wheel: Path, project_files: list[Path]) -> None:
    """Every source file, the extension, the metadata: nothing is missing, nothing came along."""
    metadata = {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "sboms/wxcore-py.cyclonedx.json",
    }
    expected = python_sources(project_files)
    expected |= {f"wxcore/_wxcore{EXTENSION_SUFFIXES[0]}"}
    expected |= {f"{DIST_INFO}/{name}" for name in metadata}
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == expected


def test_both_packages_are_in_the_sources(project_files: list[Path]) -> None:
    """What the wheel is compared with is not empty."""
    sources = python_sources(project_files)
    assert {"wxcore/__init__.py", "wxcore/_wxcore.pyi", "wxcore/py.typed"} <= sources
    assert {"wxgate/__init__.py", "wxgate/py.typed"} <= sources


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Version, licence, interpreter and program come from their one home each."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(f"{DIST_INFO}/METADATA").decode().splitlines()
        program = archive.read(f"{DIST_INFO}/entry_points.txt").decode()
    assert "Name: wxgate" in lines
    assert f"Version: {VERSION}" in lines
    assert "License-Expression: Apache-2.0" in lines
    assert "Requires-Python: >=3.11" in lines
    assert "wxgate=wxgate.cli:main" in program.replace(" ", "")


def test_the_wheel_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    """Installed into a new environment it runs from there, not from the source tree."""
    check_installed(installed(wheel, tmp_path / "env"))


def test_the_source_archive_holds_what_builds(sdist: Path, project_files: list[Path]) -> None:
    """All that compiles and all that is packaged; no test, tool or deployment."""
    with tarfile.open(sdist) as archive:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    wanted = {"Cargo.lock", "Cargo.toml", "LICENSE", "pyproject.toml"}
    wanted |= {
        path.as_posix()
        for path in project_files
        if path.is_relative_to("python")
        or path.match("crates/*/Cargo.toml")
        or (path.is_relative_to("crates") and "src" in path.parts)
    }
    assert wanted <= names
    others = {name for name in names - wanted if not name.startswith("crates/")}
    assert others <= {"PKG-INFO", "README.md"}


@pytest.mark.slow
def test_the_source_archive_installs(sdist: Path, tmp_path: Path) -> None:
    """`pip install` of the archive alone: build backend fetched, core compiled, program runs."""
    check_installed(installed(sdist, tmp_path / "env"))
