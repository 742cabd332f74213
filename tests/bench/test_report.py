"""The report's parts that are measured apart: a whole day, as it is kept and shown."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHES = Path(__file__).parents[2] / "benches"
MILLIONS = (1_000_000, 10_000_000)


@pytest.fixture(scope="module")
def parts() -> Iterator[dict[str, ModuleType]]:
    """Modules of `benches`, which is in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHES))
        yield {
            name: importlib.import_module(name) for name in ("kept", "day.page", "day.run", "plots")
        }


def books() -> dict[str, Any]:
    """A day as `wxgate bench day --json` tells it, and all is well."""
    worker = "gateway, worker 1"
    return {
        "mean": 12_000.0,
        "drained": 1.0,
        "ids": 20_000_000,
        "arrived": 20_000_000,
        "repeated": 400_050,
        "costs": [
            {"name": "gateway, parent", "cpu": 1.0, "rss": 40.0},
            {"name": worker, "cpu": 1500.0, "rss": 44.5},
        ],
        "sizes": [{"messages": at, "mb": {worker: 43.0, "journal": 70.0}} for at in MILLIONS],
        "seen": {
            "seconds": 1667.0,
            "counts": {
                "messages": 20_000_000,
                "acknowledged": 20_000_000,
                "repeats": 400_000,
                "tried_again": 100,
                "refused": 100,
                "forged": 200_000,
                "kept_out": 200_000,
                "let_in": 0,
            },
            "latency": {"p50": 3.0, "p99": 20.0, "p999": 40.0},
            "slip": {"share": 0.02},
        },
    }


def shown(parts: dict[str, ModuleType], day: dict[str, Any]) -> str:
    """The page's part of it."""
    about = {"when": "2026-01-01", "commit": "abc1234", "valkey": "9.1.2", "redis_peak_mb": 512.0}
    text: str = parts["day.page"].section(parts["day.run"].summary(day) | about)
    return text


def test_a_whole_day_is_told_with_its_date_and_commit(parts: dict[str, ModuleType]) -> None:
    """In, acknowledged, delivered; seconds, days, and what each process took."""
    text = shown(parts, books())
    assert "2026-01-01, commit abc1234" in text
    assert "**not met**" not in text
    for line in (
        "| messages in | 20,000,000 | 20,000,000 | met |",
        "| = acknowledged = delivered | 20,000,000 = 20,000,000 | equal, each once | met |",
        "| duplicates sent, recognised | 400,000, 400,050 | equal | met |",
        "| lost | 0 | 0 | met |",
        "| minutes | 27.8 | < 30 | met |",
        "| such days in a day | 52 | – | – |",
        "| MB of a worker after 1,000,000 | 43.0 | < 45 | met |",
        "| MB of a worker after 20,000,000 | 44.5 | < 45 | met |",
        "| gateway, worker 1 | 1,500 | 75.0 | 44.5 |",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        ({"ids": 19_999_999}, "| lost | 1 | 0 | **not met** |"),
        ({"arrived": 20_000_001}, "| equal, each once | **not met** |"),
        ({"repeated": 400_101}, "| 400,000, 400,101 | equal | **not met** |"),
        ({"drained": 200.0}, "| minutes | 31.1 | < 30 | **not met** |"),
    ],
)
def test_what_a_day_has_missed_is_marked(
    parts: dict[str, ModuleType], spoil: dict[str, Any], line: str
) -> None:
    """Whatever else went well."""
    assert line in shown(parts, books() | spoil)


def test_a_rehearsal_is_no_day(parts: dict[str, ModuleType]) -> None:
    """However fast it was."""
    day = books()
    day["seen"]["counts"] |= {"messages": 300_000, "acknowledged": 300_000}
    assert "| messages in | 300,000 | 20,000,000 | **not met** |" in shown(parts, day)


def test_the_page_shows_what_was_kept(parts: dict[str, ModuleType]) -> None:
    """Nobody edits it."""
    kept, page = parts["kept"], (BENCHES / "RESULTS.md").read_text()
    assert kept.block("day", parts["day.page"].section(kept.read().get("day"))) in page


def test_a_block_is_replaced_and_nothing_else(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    """A page without it is refused by name."""
    kept, page = parts["kept"], tmp_path / "PAGE.md"
    page.write_text("a\n" + kept.block("day", "old\n") + "b\n")
    kept.into(page, "day", "new\n")
    assert page.read_text() == "a\n<!-- day:start -->\nnew\n<!-- day:end -->\nb\n"
    with pytest.raises(kept.BlockError, match=r"PAGE.md has no block between .*profile:start"):
        kept.into(page, "profile", "new\n")


def test_what_is_measured_apart_stays_where_the_rest_is_written_again(
    parts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make bench` measures no day."""
    kept = parts["kept"]
    monkeypatch.setattr(kept, "RESULTS", tmp_path / "results.json")
    assert kept.read() == {}
    kept.RESULTS.write_text('{"when": "today"}')
    kept.keep("day", {"seconds": 1700.0})
    assert kept.read() == {"day": {"seconds": 1700.0}}
    assert json.loads(kept.RESULTS.read_text())["when"] == "today"


def test_a_distribution_is_drawn_to_its_last_call(parts: dict[str, ModuleType]) -> None:
    """One call in how many is at least so slow; one in a hundred is as slow as the slowest."""
    places, values = parts["plots"].distribution([(100, 90), (200, 9), (300, 1)])
    assert places == [1.0, 10.0, 100.0, 100.0]
    assert values == [0.1, 0.2, 0.3, 0.3]
    many = [(latency, 1) for latency in range(1, 100_001)]
    places, values = parts["plots"].distribution(many)
    assert len(places) < 250, "a picture is small, however many latencies there were"
    assert (places[-1], values[-1]) == (100_000.0, 100.0)
    assert parts["plots"].distribution([]) == ([], [])
