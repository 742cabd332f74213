"""What the tree promises about itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A function belongs beside the noun or verb that it serves.
DRAWERS = {"common", "helper", "helpers", "misc", "util", "utils"}

# Where somebody's machine would show. Spelled so that this file does not find itself.
MACHINE = re.compile(
    r"(?<![\w.])/(?:root|home|Users|work)/[\w.]"
    r"|\b(?:index|static|files|registry|proxy|repo1?|deb)\.(?:pypi|pythonhosted|crates|npmjs|golang|maven|debian)\."
    r"|\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)\b"
)
UNSAFE = re.compile(r"^(?!\s*//).*\bunsafe\s*(?:\{|fn\b|impl\b|trait\b|extern\b)", re.MULTILINE)


def text_of(path: Path) -> str:
    """The text of a file, or nothing if it is not text."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def stages() -> list[str]:
    """The names in `Stage::name`, in order."""
    source = (ROOT / "crates/wxcore/src/stage.rs").read_text()
    return re.findall(r'Self::\w+ => "(\w+)"', source)


def test_no_file_is_a_drawer(project_files: list[Path]) -> None:
    """No file or folder collects what has no place."""
    drawers = [path for path in project_files if DRAWERS & {Path(part).stem for part in path.parts}]
    assert not drawers


def test_no_file_names_a_machine(project_files: list[Path]) -> None:
    """No path of somebody's machine, no package registry's host: only Cargo.lock has a source."""
    found = [
        f"{path}: {match[0]}"
        for path in project_files
        if path.name != "Cargo.lock"
        for match in MACHINE.finditer(text_of(ROOT / path))
    ]
    assert not found


def test_unsafe_code_is_confined_to_the_bindings(project_files: list[Path]) -> None:
    """The compiler forbids it in the core; benches and fuzz targets hold to it as well."""
    found = [
        f"{path}: {match[0].strip()}"
        for path in project_files
        if path.suffix == ".rs" and not path.is_relative_to("crates/wxcore-py")
        for match in UNSAFE.finditer(text_of(ROOT / path))
    ]
    assert not found


def test_the_chart_shows_every_stage_in_order() -> None:
    """The first drawing of ARCHITECTURE.md names the stages as the code does."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    chart = re.search(r"^```.*?\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert chart, "ARCHITECTURE.md has no drawing"
    names = re.findall(r"\w+", chart[1])
    assert len(stages()) > 1
    missing = [stage for stage in stages() if stage not in names]
    assert not missing
    places = [names.index(stage) for stage in stages()]
    assert places == sorted(places), "the chart's order is not the code's"


@pytest.mark.parametrize("name", ["utils.py", "common/mod.rs", "helpers.py"])
def test_a_drawer_would_be_found(name: str) -> None:
    """The rule bites."""
    with pytest.raises(AssertionError):
        test_no_file_is_a_drawer([Path("python/wxgate") / name])


@pytest.mark.parametrize("text", ["see /{}/.cargo".format("root"), "https://{}.org".format("pypi")])
def test_a_machine_would_be_found(text: str) -> None:
    """The rule bites here too."""
    assert MACHINE.search(text)
