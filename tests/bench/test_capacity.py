"""The capacity page: it says what the results say, and reckons rightly."""

from __future__ import annotations

import copy
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]
_PARTS = ("capacity", "fleets", "reckoning")


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, ModuleType]]:
    """Modules that write the page; they are in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        yield {name: importlib.import_module(name) for name in _PARTS}


@pytest.fixture
def seen() -> dict[str, Any]:
    """What `make bench` wrote last."""
    results: dict[str, Any] = json.loads((ROOT / "benches/results.json").read_text())
    return results


def day(**cpu: float) -> dict[str, Any]:
    """A day of a million messages; seconds of CPU are µs a message."""
    return {
        "counts": {"messages": 1_000_000},
        "costs": [{"name": name.replace("_", " "), "cpu": spent} for name, spent in cpu.items()],
    }


def test_the_page_is_what_the_results_say(tools: dict[str, ModuleType]) -> None:
    """Nobody edits it, and nobody measures without writing it again."""
    assert (ROOT / "docs/capacity.md").read_text() == tools["capacity"].page()


def test_cores_are_those_of_the_busiest_hour_or_of_a_holiday(tools: dict[str, ModuleType]) -> None:
    """Whichever takes more."""
    model = tools["reckoning"].Model({"full_speed_us": {"service": 80.0}})
    assert model.cost == 80.0
    # 1,000/s: 3,000 in the busiest hour are 0.24 cores, half busy; a holiday's 10,000 are 0.8.
    assert model.cores(1000.0, model.cost) == pytest.approx(max(0.24 / 0.5, 0.8 / 0.8))
    assert model.redis is None


def test_costs_are_those_of_a_whole_day_where_one_was_played(tools: dict[str, ModuleType]) -> None:
    """Of all workers and their parent; a text at full speed is cheaper than the mix of a day."""
    fast = {"service": 50.0, "stream": 52.0, "redis": 14.0}
    seen = {"full_speed_us": fast, "growth": {"workers": {"1": 50.0, "2": 60.0}}}
    model = tools["reckoning"].Model(seen)
    assert (model.cost, model.redis, model.shared) == (52.0, 14.0, pytest.approx(62.4))
    played = day(redis=30.0) | {"counts": {"messages": 1_000_000}}
    played["costs"] += [
        {"name": "gateway, parent", "cpu": 1.0},
        {"name": "gateway, worker 1", "cpu": 70.0},
    ]
    model = tools["reckoning"].Model(seen | {"day": played})
    assert (model.cost, model.redis, model.shared) == (71.0, 30.0, pytest.approx(71.0 * 1.2))
    # One worker where one is enough; from there on the dearer ones.
    assert model.node(10.0) == pytest.approx(model.cores(10.0, 71.0))
    assert model.node(2000.0) == pytest.approx(model.cores(2000.0, 71.0 * 1.2))


def test_a_message_costs_a_redis_more_where_workers_have_few(tools: dict[str, ModuleType]) -> None:
    """As measured at that rate, between two of them in between; never less than in the day."""
    by_rate = {"100": 400.0, "1000": 40.0, "5000": 20.0}
    model = tools["reckoning"].Model({"day": day(redis=30.0, gateway=70.0), "redis_us": by_rate})
    assert [model.redis_at(rate) for rate in (1.0, 100.0, 1000.0)] == [400.0, 400.0, 40.0]
    # Half way, as rates and costs are apart.
    assert model.redis_at(100.0 * 10**0.5) == pytest.approx(400.0 / 10**0.5)
    assert [model.redis_at(rate) for rate in (5000.0, 50_000.0)] == [30.0, 30.0]


def test_a_fleet_has_as_many_primaries_as_its_hours_need(tools: dict[str, ModuleType]) -> None:
    """In the busiest hour and on a holiday; one primary has one core."""
    model = tools["reckoning"].Model({"day": day(redis=20.0, gateway=70.0)})
    assert model.primaries(10.0, 2) == (1, 1)
    # 100,000/s: 300,000 in the busiest hour are 6 cores' worth, at three fifths each; a holiday's
    # million are 20, at four fifths.
    assert model.primaries(100_000.0, 10) == (10, 25)
    dear = model.seen | {"redis_us": {"1000": 80.0}}
    # Of a thousand workers each has 300 then, and a thousand on a holiday.
    assert tools["reckoning"].Model(dear).primaries(100_000.0, 1000) == (40, 100)


def test_a_holiday_fits_in_the_primaries_that_the_page_counts(
    tools: dict[str, ModuleType], seen: dict[str, Any]
) -> None:
    """None is busier than it may be, at the rate of any size of a fleet."""
    reckoning, mean = tools["reckoning"], tools["fleets"].FLEET_DAY / 86_400
    model = reckoning.Model(seen)
    for nodes in (10, 100, 1000):
        hour, holiday = model.primaries(mean, nodes)
        for times, count, load in ((3, hour, 0.6), (10, holiday, 0.8)):
            cost = model.redis_at(mean * times / nodes)
            assert mean * times * cost / 1e6 / count <= load
            assert cost >= model.redis


def test_one_parameter_says_what_a_primary_carries(
    tools: dict[str, ModuleType], seen: dict[str, Any]
) -> None:
    """The page has it; the decision on claims sends its readers there and names no other."""
    most = 0.6e6 / tools["reckoning"].Model(seen).redis
    assert f"{most:,.0f} messages a second" in tools["capacity"].page()
    decision = (ROOT / "docs/decisions/0019-shared-claims.md").read_text()
    assert "(../capacity.md#redis)" in decision
    assert "33,000" not in decision


def test_what_more_than_two_workers_cost_is_said_to_be_extrapolated(
    tools: dict[str, ModuleType],
) -> None:
    """Where it is first counted with, and at the fleets."""
    assert tools["capacity"].page().count("are extrapolated from two.") == 1
    assert "extrapolated from two workers" in tools["fleets"].SECTION


def test_what_the_page_counts_on_was_found_in_fleets_of_that_size(seen: dict[str, Any]) -> None:
    """Only a lost node's keys move, and nodes that share a Redis know every repetition."""
    assert [fleet["nodes"] for fleet in seen["fleets"]] == [10, 100, 1000]
    for fleet in seen["fleets"]:
        known, passed = fleet["known"], fleet["passed"]
        assert fleet["ring"]["moved"] == fleet["ring"]["least"]
        assert (known["shared"], known["lost"]) == (known["repeats"], 0)
        assert (fleet["late"], fleet["apart"]) == (0, 0)
        assert passed["shared_under"] == 1
        assert 0.9 < passed["shared_over"] <= 1


def test_fleets_without_a_redis_are_not_said_to_have_one(
    tools: dict[str, ModuleType], seen: dict[str, Any]
) -> None:
    """What was not played is a dash."""
    without = copy.deepcopy(seen)
    for fleet in without["fleets"]:
        fleet |= {"late": None, "apart": None}
    told = tools["fleets"].section(tools["reckoning"].Model(without))
    rows = [line for line in told.splitlines() if line.startswith(("| 10 |", "| 1,000 |"))]
    assert rows[0].count("–") == 4
