"""What the report says of how near the gateway is to what is possible, and of who is ahead."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHES = Path(__file__).parents[2] / "benches"


@pytest.fixture(scope="module")
def parts() -> Iterator[dict[str, ModuleType]]:
    """Modules of `benches`, which is in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHES))
        yield {name: importlib.import_module(name) for name in ("limit", "targets", "headline")}


def pair(
    name: str, role: str, ours: dict[str, Any], its: dict[str, Any], late: float = 0.0
) -> dict[str, Any]:
    """What was seen of wxgate and another; what nobody speaks of is alike."""
    alike = {"cpu": [80.0], "loaded": [100.0], "p50": [1.0], "p99": [5.0], "late": late}
    return {"name": name, "role": role, "wxgate": alike | ours, "other": alike | its}


def limit_of(parts: dict[str, ModuleType], pairs: dict[str, Any]) -> str:
    """The page's part of the limit."""
    rounds = [
        {"rate": 6500.0, "counts": counts, "latency": {"p50": p50, "p99": 12.0}}
        for counts, p50 in ((True, 1.8), (True, 1.9), (False, 9.0), (True, 2.3))
    ]
    curve = {"stream": {"rates": [], "half": rounds}}
    results = SimpleNamespace(peers={"pairs": pairs}, carry={"curve": curve}, apart={})
    text: str = parts["limit"].section(results)
    return text


def test_the_limit_is_told_target_by_target(parts: dict[str, ModuleType]) -> None:
    """The ratio of each round, and the latency of each destination; what is absent says so."""
    text = limit_of(
        parts,
        {
            "granian-rsgi": pair(
                "granian",
                "limit",
                {"cpu": [90.0, 88.0], "loaded": [110.0, 90.0]},
                {"cpu": [30.0, 44.0], "loaded": [100.0, 75.0]},
            ),
            "go-silenceper": pair("Go", "peer", {}, {"cpu": [160.0]}),
        },
    )
    for end in (
        "| ≤ 1.5× | 2.50 (2.00–3.00)× | **not met** |",
        "of what wxgate carries | ≤ 1.5× | 1.15 (1.10–1.20)× | met |",
        "| ≥ 10× | – | not measured |",
        "| ≥ 1.5× | 2.00× | met |",
        "6,500/s, to a stream | < 2 ms | 1.90 (1.80–2.30) ms | met |",
        "6,500/s, to a stream | < 10 ms | 12.0 (12.0–12.0) ms | **not met** |",
    ):
        assert end in text
    assert "to a service" not in text


def beside(late: float = 0.0) -> dict[str, Any]:
    """Two that are slower at full speed; one of them costs less at equal load, one answers sooner.

    And a limit, who does nothing and is no peer.
    """
    return {
        "go-silenceper": pair("Go", "peer", {}, {"cpu": [160.0], "loaded": [80.0]}, late),
        "fastapi": pair("FastAPI", "peer", {}, {"cpu": [800.0], "p99": [4.0]}),
        "nginx": pair("nginx", "limit", {}, {"cpu": [5.0], "loaded": [5.0], "p50": [0.1]}),
    }


def test_who_is_ahead_at_equal_load_is_named(parts: dict[str, ModuleType]) -> None:
    """By what each costs there and by how soon it answers; at full speed the nearest is."""
    text = limit_of(parts, beside())
    for row in (
        "at full speed, of each of the 2 peers | > 1× | 2.00× or more (Go) | met |",
        "| CPU a message at equal load, of each of the 2 peers | ≤ 1× | above 1: Go 1.25× | **not",
        "| p50 at equal load, of each of the 2 peers | ≤ 1× | above none | met |",
        "| p99 at equal load, of each of the 2 peers | ≤ 1× | above 1: FastAPI 1.25× | **not met",
    ):
        assert row in text
    assert "The player was late" not in text
    assert "in the pairs with Go: those latencies" in limit_of(parts, beside(late=0.02))


def test_the_readmes_name_who_is_ahead_at_equal_load(parts: dict[str, ModuleType]) -> None:
    """Whoever reads no other page learns it too."""
    told = parts["headline"].evenly(beside())
    assert "Of 2 peers" in told
    assert "by CPU Go 1.25×; by p50 none; by p99 FastAPI 1.25×" in told
    assert "CPU Go 1.25×；p50 无；p99 FastAPI 1.25×" in parts["headline"].evenly(
        beside(), chinese=True
    )


def test_all_peers_have_a_name_for_the_readmes(parts: dict[str, ModuleType]) -> None:
    """Each that may be ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHES / "peers"))
        rivals = importlib.import_module("rivals").ALL
    for one in rivals:
        if one.role == "peer":
            ahead = {one.key: pair(one.name, "peer", {}, {"loaded": [50.0]})}
            assert "2.00×" in parts["headline"].evenly(ahead)


def test_a_start_behind_a_backlog_has_the_target_of_a_start(parts: dict[str, ModuleType]) -> None:
    """It is a start too."""
    seen = SimpleNamespace(backlog={"messages": 1_000_000, "start": 1651.0})
    what, row = parts["targets"].start_behind(seen)
    assert what == "↳ with 1,000,000 undelivered before it"
    assert row.values == (1651.0,)
