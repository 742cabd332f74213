"""The capacity page: it says what the results say, and reckons rightly."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def capacity() -> ModuleType:
    """The tool that writes the page; it is in no package."""
    spec = importlib.util.spec_from_file_location("capacity", ROOT / "tools/capacity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["capacity"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What `make bench` wrote last."""
    results: dict[str, Any] = json.loads((ROOT / "benches/results.json").read_text())
    return results


def test_the_page_is_what_the_results_say(capacity: ModuleType) -> None:
    """Nobody edits it, and nobody measures without writing it again."""
    assert (ROOT / "docs/capacity.md").read_text() == capacity.page()


def test_cores_are_those_of_the_busiest_hour_or_of_a_holiday(capacity: ModuleType) -> None:
    """Whichever takes more."""
    model = capacity.Model({"full_speed_us": {"service": 80.0}})
    assert model.cost == 80.0
    # 1,000/s: 3,000 in the busiest hour are 0.24 cores, half busy; a holiday's 10,000 are 0.8.
    assert model.cores(1000.0, model.cost) == pytest.approx(max(0.24 / 0.5, 0.8 / 0.8))
    assert model.redis is None


def test_a_fleet_has_as_many_primaries_as_its_busiest_hour_needs(capacity: ModuleType) -> None:
    """The dearer destination counts; one primary has one core."""
    costs = {"service": 80.0, "stream": 120.0, "redis": 20.0}
    growth = {"workers": {"1": 80.0, "2": 150.0}}
    model = capacity.Model({"full_speed_us": costs, "growth": growth})
    assert model.shared == 150.0
    assert model.cost == 120.0
    assert model.primaries(10.0) == 1
    # 100,000/s, 300,000 in the busiest hour: 6 cores' worth, at three fifths each.
    assert model.primaries(100_000.0) == 10


def test_what_the_page_counts_on_was_found_in_fleets_of_that_size(seen: dict[str, Any]) -> None:
    """Only a lost node's keys move, and a shared store knows every repetition."""
    assert [fleet["nodes"] for fleet in seen["fleets"]] == [10, 100, 1000]
    for fleet in seen["fleets"]:
        assert fleet["ring"]["moved"] == fleet["ring"]["least"]
        assert fleet["recognition"]["shared"] == fleet["recognition"]["repeats"]
        assert fleet["limited"]["shared_under"] == 1
