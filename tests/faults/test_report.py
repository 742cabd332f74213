"""The table that `make faults` writes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from . import stand
from .report import BEGIN, END, ROWS, made, main, table, written

RUN = {
    "row": "a1_many_kills[3]",
    "cycles": 20,
    "sent": 900,
    "acknowledged": 800,
    "lost": 0,
    "around_kills": 7,
    "otherwise": 0,
    "restart": 0.3,
    "seed": "5",
    "commit": "0a1b2c3-dirty",
}


def test_runs_of_one_row_are_added_up() -> None:
    """Over batches and parameters; a run without cycles is one."""
    other = {**RUN, "row": "a10_slow_sync[100]", "cycles": 0, "around_kills": 0}
    assert table([RUN, RUN, other]).splitlines()[2:] == [
        "| A1 | kill -9 at random times under load | 40 | 1,600 | 0 | 14 | 0 | 5 |",
        "| A10 | a sync takes 0.1 to 5 s | 1 | 800 | 0 | 0 | 0 | 5 |",
    ]


def test_only_the_place_between_the_markers_changes() -> None:
    """And a page without them is left alone."""
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert written(page, "new") == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    with pytest.raises(ValueError, match="no place"):
        written("above\nbelow\n", "new")


def test_the_page_says_which_tree_was_tested(tmp_path: Path) -> None:
    """Above the table; where several were, all of them."""
    page, results = tmp_path / "page.md", tmp_path / "results"
    page.write_text(f"{BEGIN}\n{END}\n")
    results.write_text(json.dumps(RUN) + "\n")
    main(str(results), str(page))
    assert page.read_text().splitlines()[2:5] == [
        "Made at commit `0a1b2c3-dirty`.",
        "",
        table([]).splitlines()[0],
    ]
    later = {**RUN, "commit": "4d5e6f7"}
    assert made([RUN, RUN, later]).startswith("Made at commit `0a1b2c3-dirty`, `4d5e6f7`.\n")


def test_a_run_is_written_down_with_seed_and_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line, where results are collected; the commit is that of this tree."""
    results = tmp_path / "results"
    monkeypatch.setattr(stand, "RESULTS", str(results))
    for row in ("a1", "a2"):
        stand.write_down(row=row)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert lines == [
        {"row": row, "seed": stand.SEED, "commit": stand.commit()} for row in ("a1", "a2")
    ]
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always"]
    said = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    assert stand.commit().removesuffix("-dirty") == (said or "unknown")


def test_every_row_that_is_tested_has_its_line() -> None:
    """A test's name begins with its row."""
    names = {
        line.split("_")[1].upper()
        for file in Path(__file__).parent.glob("test_*.py")
        for line in file.read_text().splitlines()
        if line.startswith("def test_") and line.split("_")[1][1:].isdigit()
    }
    assert names == ROWS.keys()
