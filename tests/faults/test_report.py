"""The table that `make faults` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .report import BEGIN, END, ROWS, table, written

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
}


def test_runs_of_one_row_are_added_up() -> None:
    """Over batches and parameters; a run without cycles is one."""
    other = {**RUN, "row": "a10_slow_sync[100]", "cycles": 0, "around_kills": 0}
    made = table([json.dumps(RUN), json.dumps(RUN), json.dumps(other)])
    assert made.splitlines()[2:] == [
        "| A1 | kill -9 at random times under load | 40 | 1,600 | 0 | 14 | 0 | 5 |",
        "| A10 | a sync takes 0.1 to 5 s | 1 | 800 | 0 | 0 | 0 | 5 |",
    ]


def test_only_the_place_between_the_markers_changes() -> None:
    """And a page without them is left alone."""
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert written(page, "new") == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    with pytest.raises(ValueError, match="no place"):
        written("above\nbelow\n", "new")


def test_every_row_that_is_tested_has_its_line() -> None:
    """A test's name begins with its row."""
    names = {
        line.split("_")[1].upper()
        for file in Path(__file__).parent.glob("test_*.py")
        for line in file.read_text().splitlines()
        if line.startswith("def test_") and line.split("_")[1][1:].isdigit()
    }
    assert names == ROWS.keys()
