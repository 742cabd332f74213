"""The report's parts that are measured apart: a whole day, as it is kept and shown."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHES = Path(__file__).parents[2] / "benches"
_PARTS = (
    "kept",
    "day.page",
    "day.run",
    "plots",
    "flame.page",
    "flame.stacks",
    "flame.draw",
    "limit",
    "machine",
    "fleet.page",
)
MILLIONS = (1_000_000, 10_000_000)


@pytest.fixture(scope="module")
def parts() -> Iterator[dict[str, ModuleType]]:
    """Modules of `benches`, which is in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHES))
        yield {name: importlib.import_module(name) for name in _PARTS}


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
            "ahead": {"payments": 1_000_000, "seconds": 140.0},
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
            "slip": {"share": 0.005},
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


def test_a_player_that_was_late_is_marked(parts: dict[str, ModuleType]) -> None:
    """What the command refuses is not published as if it had not."""
    day = books()
    day["seen"]["slip"] = {"share": 0.013}
    assert "refuses the latencies | 1.3% | ≤ 1% | **not met** |" in shown(parts, day)


def test_a_rehearsal_is_no_day(parts: dict[str, ModuleType]) -> None:
    """However fast it was."""
    day = books()
    day["seen"]["counts"] |= {"messages": 300_000, "acknowledged": 300_000}
    assert "| messages in | 300,000 | 20,000,000 | **not met** |" in shown(parts, day)


def test_the_page_shows_what_was_kept(parts: dict[str, ModuleType]) -> None:
    """Nobody edits it."""
    kept, page = parts["kept"], (BENCHES / "RESULTS.md").read_text()
    for key, part in (("day", "day.page"), ("profile", "flame.page")):
        assert kept.block(key, parts[part].section(kept.read().get(key))) in page
    day, line = kept.read()["day"], parts["day.page"].line
    for name, chinese in (("README.md", False), ("README.zh-CN.md", True)):
        said = kept.block("day", line(day, chinese=chinese))
        assert said in (kept.ROOT / name).read_text()


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


FOLDED = """\
main (serve.py:1);uv_run (core.c:1);step (t.c:1);serve (wxgate/rsgi.py:24);open (wxcore:9) 6
main (serve.py:1);uv_run (core.c:1);get (wxgate/stores/a.py:3);get (wxgate/stores/a.py:4) 2
main (serve.py:1);MPServer._spawn_rsgi_worker (mp.py:9);get (wxgate/stores/a.py:3) 1
main (serve.py:1);uv_run (core.c:1);drop::h0123456789abcdef (x.so) 1
main (serve.py:1);uv_run (core.c:1);uv__io_poll (linux.c:1);epoll_pwait (libc.so.6) 70
main (serve.py:1);starting (serve.py:2) 50
"""
SAMPLES = """\
          python  10  ffffffff8 tcp_sendmsg ([kernel.kallsyms])
          python  10  7f66dc445 _PyEval_EvalFrameDefault (/usr/lib/libpython3.11.so.1.0)
          python  11  ffffffff8 tcp_sendmsg ([kernel.kallsyms])
          python  11  7f66dc445 [unknown] (/site-packages/granian/_granian.cpython-311.so)
    wx-committer  12  ffffffff8 ext4_sync_file ([kernel.kallsyms])
"""


def test_stacks_are_grouped_by_what_they_were_for(parts: dict[str, ModuleType]) -> None:
    """By the innermost frame that says it; how it was started, and waiting, are no part of it."""
    stacks = parts["flame.stacks"].folded(FOLDED)
    assert sum(stack.samples for stack in stacks) == 10
    assert [stack.frames for stack in stacks] == [
        ("serve (wxgate/rsgi.py)", "open (wxcore)"),
        ("get (wxgate/stores/a.py)",),
        ("drop (x.so)",),
    ]
    assert parts["flame.stacks"].by_part(stacks) == {
        "wxcore": 0.6,
        "claims and limits, in Redis": 0.3,
        "event loop: uvloop and asyncio": 0.1,
    }


def test_samples_are_grouped_by_thread_and_library(parts: dict[str, ModuleType]) -> None:
    """The loop's thread is the process's own."""
    threads = parts["flame.stacks"].by_thread(SAMPLES, 10)
    assert threads == {
        "loop: the kernel (Redis' socket, wake-ups)": 0.2,
        "loop: CPython": 0.2,
        "granian's threads: sockets, in the kernel": 0.2,
        "granian's threads: hyper": 0.2,
        "journal's threads: write and fsync": 0.2,
    }
    told = parts["limit"].why({"cpu": 90.0, "threads": threads})
    assert "takes 90 µs of CPU: 36 in granian's own threads" in told
    about = {"when": "2026-01-01", "commit": "abc1234", "connections": 32, "cpu": 90.0}
    shown = parts["flame.page"].section(about | {"threads": threads, "parts": {"wxcore": 0.5}})
    assert "| loop: CPython | 20.0% | 18.0 |" in shown
    assert "| wxcore | 50.0% | 18.0 |" in shown


def test_a_flame_graph_names_its_frames_and_stays_small(
    parts: dict[str, ModuleType], tmp_path: Path
) -> None:
    """However many stacks there were."""
    stack = parts["flame.stacks"].Stack
    many = [stack(("uv_run (c)", f"f{at}"), 1) for at in range(3000)]
    parts["flame.draw"].draw(
        [stack(("uv_run (c)", "answer (wxgate/a.py)"), 3000), *many], tmp_path / "f.svg"
    )
    text = (tmp_path / "f.svg").read_text()
    assert ">answer<" in text
    assert "f2999" not in text
    assert len(text) < 20_000


def test_latency_is_drawn_for_each_destination(parts: dict[str, ModuleType]) -> None:
    """The stream as well, on the same scale; not what the player was late for."""
    latency = {"p50": 1.0, "p99": 5.0, "p999": 9.0}
    shown = {"latency": latency, "refused": 0, "counts": True}
    service = [shown | {"rate": rate} for rate in (100, 200)]
    slow = latency | {"p999": 900.0}
    late = shown | {"rate": 300, "counts": False, "latency": latency | {"p999": 90_000.0}}
    stream = [*(one | {"latency": slow} for one in service), late]
    curves = {"service": {"rates": service}, "stream": {"rates": stream}}
    figure = parts["plots"].throughput(curves)
    assert [panel.get_title() for panel in figure.axes] == ["to a service", "to a stream"]
    first, second = (panel.get_ylim() for panel in figure.axes)
    assert first == second
    assert 900 < first[1] < 90_000


def test_the_head_tells_the_machine_and_each_commit(parts: dict[str, ModuleType]) -> None:
    """Of what is measured apart too, and by which commands; where journals are, without a path."""
    apart = {
        "day": {"when": "2026-01-02", "commit": "abc1234"},
        "profile": {"when": "2026-01-03", "commit": "def5678"},
    }
    about = {"when": "2026-01-04", "commit": "fed4321", "rust": "rustc 1", "load": 0.1}
    head = parts["machine"].machine(SimpleNamespace(apart=apart, **about))
    for told in (
        "commit fed4321 |",
        "the whole day: 2026-01-02, commit abc1234; the profile: 2026-01-03, commit def5678 |",
        "`make bench-day`",
        "`make bench-profile`",
        " GiB |",
    ):
        assert told in head
    (disk,) = (line for line in head.splitlines() if line.startswith("| disk |"))
    assert "/" not in disk
    assert "unknown" not in disk


def test_a_file_system_is_that_of_the_place(parts: dict[str, ModuleType]) -> None:
    """The nearest mount above it counts, not the root's."""
    assert parts["machine"].disk(Path("/proc/self")) == "proc"
    assert parts["machine"].disk(Path("/proc/self/nowhere")) == "proc"
    assert parts["machine"].disk(Path("/")) != "proc"


def fleets(**more: Any) -> dict[str, Any]:
    """One fleet of ten nodes, with a Redis unless told otherwise."""
    one = {
        "nodes": 10,
        "ring": {"busiest": 1.02, "moved": 0.1, "least": 0.1, "joined": 0.09, "pick": 0.1},
        "known": {"repeats": 200, "alone": 20, "shared": 200, "open": 15},
        "passed": dict.fromkeys(("parts_over", "parts_under", "shared_over", "shared_under"), 1.0),
        "late": 1,
        "apart": 2,
    }
    return {"fleets": [one], "claim_bytes": 36.0, "seconds": 30.0} | more


def test_fleets_are_told_with_what_their_redis_was_asked_for(parts: dict[str, ModuleType]) -> None:
    """What was known, what was decided without it, and what a message cost it."""
    text = parts["fleet.page"].section(fleets(redis_us={"231": 214.0}))
    assert "| 20 of 200 | 200 of 200 | 15 | 3 |" in text
    assert "| 231 | 214 |" in text


def test_of_fleets_without_a_redis_nothing_is_told(parts: dict[str, ModuleType]) -> None:
    """But why, and dashes where there would be a figure."""
    seen = fleets(absent="install it")
    (one,) = seen["fleets"]
    one["known"] |= {"shared": None, "open": None}
    one["passed"] |= {"shared_over": None, "shared_under": None}
    one |= {"late": None, "apart": None}
    text = parts["fleet.page"].section(seen)
    assert "| 20 of 200 | – | – | – | 100.00% | – | 100.00% | – |" in text
    assert "nor was its cost measured: install it" in text
