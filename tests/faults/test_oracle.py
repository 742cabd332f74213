"""The oracle and the shim themselves: each check has to see what it is there for."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .books import Books, Said
from .oracle import Bounds, Outage, faults
from .shim import Action, Call, Rule, Shim
from .sink import Arrival, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST, SECOND = 10**15 + 1, 10**15 + 2


def books(*said: Said) -> Books:
    """Books with these messages."""
    return Books(said={one.number: one for one in said})


def said(number: int, *replies: str, user: str = "u", at: float = 0.0, asks: bool = False) -> Said:
    """A message sent at ``at``, and acknowledged at once if it has replies."""
    return Said(number, user, asks, False, at, at + 0.1 if replies else None, 1, list(replies))


def shelf(*numbers: int, key: str = "u", at: float = 0.0) -> Shelf:
    """A shelf on which these came one after the other."""
    filled = Shelf()
    for place, number in enumerate(numbers):
        filled.put(Arrival(number, f"id{number}", key, False, at + place))
    return filled


def test_a_run_without_faults_has_none() -> None:
    """Acknowledged and taken once; sent, unanswered, and taken or not."""
    sent = books(said(FIRST, "success"), said(SECOND))
    assert faults(sent, shelf(FIRST)) == []
    assert faults(sent, shelf(FIRST, SECOND)) == []


def test_a_loss_is_seen() -> None:
    """Unless it is a dead letter that is listed."""
    sent = books(said(FIRST, "success"))
    assert "lost: 1" in faults(sent, shelf())[0]
    assert faults(sent, shelf(), buried={FIRST}) == []
    assert "buried, and delivered" in faults(sent, shelf(FIRST), buried={FIRST})[0]


def test_a_duplicate_needs_an_outage() -> None:
    """One between the first time and the second, and not too many for one."""
    sent = books(said(FIRST, "success"), said(SECOND, "success"))
    twice = shelf(FIRST, SECOND, FIRST, SECOND)
    assert "2 duplicates, 0 allowed" in faults(sent, twice)[0]
    assert faults(sent, twice, Bounds(duplicates=2)) == []
    between = Outage(1.5, 1.8)
    assert faults(sent, twice, Bounds(outages=[between], in_flight=2)) == []
    assert "2 duplicates around one" in faults(sent, twice, Bounds(outages=[between]))[0]
    later = Bounds(outages=[Outage(7.0, 8.0)], in_flight=2)
    assert "2 duplicates, 0 allowed" in faults(sent, twice, later)[0]


def test_what_was_taken_long_before_a_kill_must_not_come_again() -> None:
    """The kill hit nothing that was on its way: it has forgotten what it had noted."""
    sent = books(said(FIRST, "success"))
    again = shelf(FIRST)
    again.put(Arrival(FIRST, f"id{FIRST}", "u", False, 10.0))
    kill = Bounds(outages=[Outage(9.0, 9.5)], in_flight=2)
    assert "1 duplicates, 0 allowed" in faults(sent, again, kill)[0]


def test_an_invention_is_seen() -> None:
    """A message that nobody sent, an id for two, two ids for one, somebody else's key."""
    sent = books(said(FIRST, "success"))
    assert "invented" in faults(sent, shelf(FIRST, SECOND))[0]
    both = books(said(FIRST, "success"), said(SECOND, "success"))
    one_id = Shelf()
    one_id.put(Arrival(FIRST, "id", "u", False))
    one_id.put(Arrival(SECOND, "id", "u", False))
    assert faults(both, one_id) == ["id id stands for two messages"]
    two_ids = Shelf()
    two_ids.put(Arrival(FIRST, "a", "u", False))
    two_ids.put(Arrival(FIRST, "b", "u", False))
    assert faults(sent, two_ids, Bounds(duplicates=1)) == [f"message {FIRST} has two ids"]
    assert "under the key v" in faults(sent, shelf(FIRST, key="v"))[0]


def test_a_second_reply_is_seen() -> None:
    """The documented acknowledgement beside one reply is none."""
    taken = shelf(FIRST)
    assert faults(books(said(FIRST, "7", "7", "success", asks=True)), taken) == []
    two = books(said(FIRST, "7", "8", asks=True))
    assert "several replies" in faults(two, taken)[0]
    assert faults(two, taken, Bounds(replies=1)) == []
    assert "nobody answered" in faults(books(said(FIRST, "7")), taken)[0]
    unreadable = books(said(FIRST, "success"))
    unreadable.unreadable.append((FIRST, "nonsense"))
    assert "are none" in faults(unreadable, taken)[0]


def test_an_order_that_was_accepted_is_kept() -> None:
    """Overlapping tries have none."""
    one, two = said(FIRST, "success", at=0.0), said(SECOND, "success", at=1.0)
    assert faults(books(one, two), shelf(FIRST, SECOND)) == []
    assert "arrived before" in faults(books(one, two), shelf(SECOND, FIRST))[0]
    assert faults(books(one, two), shelf(SECOND, FIRST), Bounds(ordered=False)) == []
    overlapping = said(SECOND, "success", at=0.05)
    assert faults(books(one, overlapping), shelf(SECOND, FIRST)) == []


def test_a_silence_is_seen() -> None:
    """WeChat's five seconds without any answer."""
    sent = books(said(FIRST, "success"))
    sent.silent.append(FIRST)
    assert "no answer in 5 s" in faults(sent, shelf(FIRST))[0]


@pytest.fixture
def shim(library: Path, tmp_path: Path) -> Iterator[Shim]:
    """A shim over a folder of its own."""
    (tmp_path / "journal").mkdir()
    with Shim(library, tmp_path / "control", tmp_path / "journal") as shim:
        yield shim


def in_folder(shim: Shim, folder: Path, code: str) -> tuple[int, str]:
    """Run Python in the folder; return its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nfd = os.open('a', os.O_CREAT | os.O_RDWR)\n{code}"],
        cwd=folder / "journal",
        env={**os.environ, **shim.environment},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stdout.strip()


def test_the_shim_fails_calls(shim: Shim, tmp_path: Path) -> None:
    """The n-th one, so many of them, on files with that name, with that error."""
    shim.set(Rule(Action.FAIL, [Call.SYNC], first=2, times=1, part="a", error=errno.EIO))
    code = """
for _ in range(3):
    try:
        print(os.fdatasync(fd))
    except OSError as error:
        print(error.errno)
"""
    assert in_folder(shim, tmp_path, code) == (0, f"None\n{errno.EIO}\nNone")
    assert (shim.count(Call.SYNC), shim.fired()) == (3, 1)
    shim.set(Rule(Action.FAIL, [Call.SYNC], part="b", error=errno.EIO))
    assert in_folder(shim, tmp_path, code) == (0, "None\nNone\nNone")


def test_the_shim_writes_short(shim: Shim, tmp_path: Path) -> None:
    """And leaves files elsewhere alone."""
    shim.set(Rule(Action.SHORT, [Call.WRITE], amount=40))
    beside = f"os.open({str(tmp_path / 'b')!r}, os.O_CREAT | os.O_RDWR)"
    code = f"print(os.pwrite(fd, bytes(100), 0), os.write({beside}, bytes(100)))"
    assert in_folder(shim, tmp_path, code) == (0, "40 100")


def test_the_shim_kills(shim: Shim, tmp_path: Path) -> None:
    """Before the call, or after it, and once."""
    code = "os.rename('a', 'b')\nprint('alive')"
    moved = tmp_path / "journal/b"
    shim.set(Rule(Action.KILL_BEFORE, [Call.RENAME]))
    assert in_folder(shim, tmp_path, code) == (-9, "")
    assert not moved.exists()
    assert in_folder(shim, tmp_path, code) == (0, "alive")
    moved.unlink()
    shim.set(Rule(Action.KILL_AFTER, [Call.RENAME], alone=True))
    assert in_folder(shim, tmp_path, code) == (-9, "")
    assert moved.exists()
