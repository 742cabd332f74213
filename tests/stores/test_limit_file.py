"""The file of limits that workers share, over restarts of workers and of their machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.stores import limits
from wxgate.stores.limits import SharedLimits
from wxgate.testing.messages import Rule, limited

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RULE = Rule("one", "1/h", burst=2)
HOUR = 3_600_000_000


def ask(path: Path, numbers: range, now: int) -> list[bool]:
    """Whether messages pass a worker that has just been started."""
    worker = SharedLimits(path, 1_000, 2, 1)
    passed = [worker.admit(limited(number, RULE), now) is None for number in numbers]
    worker.close()
    return passed


def test_a_worker_that_is_started_anew_counts_on(tmp_path: Path) -> None:
    """The others have gone on, and so does the machine's clock."""
    path = tmp_path / "limits.sqlite3"
    assert ask(path, range(3), 1000 * HOUR) == [True, True, False]
    assert ask(path, range(3, 5), 1000 * HOUR) == [False, False]
    assert ask(path, range(5, 7), 1001 * HOUR) == [True, False]


def test_a_machine_that_is_started_anew_shuts_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock begins at nothing; what was counted before would lie ahead for a thousand hours."""
    path, boot = tmp_path / "limits.sqlite3", tmp_path / "boot_id"
    monkeypatch.setattr(limits, "_BOOT_ID", boot)
    boot.write_text("f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n")
    assert ask(path, range(3), 1000 * HOUR) == [True, True, False]
    boot.write_text("6ba7b810-9dad-11d1-80b4-00c04fd430c8\n")
    assert ask(path, range(3, 6), HOUR) == [True, True, False]
    assert ask(path, range(6, 8), 2 * HOUR) == [True, False]


def test_a_system_that_numbers_no_starts_goes_by_when_its_clock_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is known to the hour."""
    path = tmp_path / "limits.sqlite3"
    monkeypatch.setattr(limits, "_BOOT_ID", tmp_path / "none")
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    monkeypatch.setattr("time.monotonic", lambda: 3_600_000.0)
    assert ask(path, range(3), 1000 * HOUR) == [True, True, False]
    assert ask(path, range(3, 5), 1000 * HOUR) == [False, False]
    monkeypatch.setattr("time.monotonic", lambda: 3_600.0)
    assert ask(path, range(5, 8), HOUR) == [True, True, False]


def test_places_are_taken_alone_where_rates_are_counted_elsewhere(tmp_path: Path) -> None:
    """By nodes that share a store: then the file is not asked, and nothing of it used up."""
    worker = SharedLimits(tmp_path / "limits.sqlite3", 1_000, 2, 1)
    few = Rule("few", "1/h", concurrency=1)
    first, second = limited(1, few), limited(2, few)
    assert worker.hold(first) is None
    worker.note(first, HOUR)
    assert worker.hold(second) == worker.admit(second, HOUR) == (0, 1_000_000)
    worker.leave(first)
    assert worker.admit(second, HOUR) is None
    worker.close()
