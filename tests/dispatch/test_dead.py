"""Dead letters: kept for good, found again, sealed, shared with the commands."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from wxgate.dispatch.dead import Dead
from wxgate.dispatch.letters import Entry, Letters, Query
from wxgate.dispatch.message import Letter, subject_of
from wxgate.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = '{"data":{"Content":"退款"}}'.encode()
LETTER = Letter(
    id="m1",
    destination="upstream:orders",
    account="shop",
    type="wechat.official.text",
    subject="oABC",
    key="oABC",
    accepted=1000,
    buried=2000,
    reason="refused: HTTP 422",
    attempts=1,
    event=TEXT,
)


def letter(**changes: Any) -> Letter:
    """A letter that differs from the usual one."""
    return msgspec.structs.replace(LETTER, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the letters are; the folder is not there yet."""
    return tmp_path / "journal" / "dead.sqlite3"


def found(letters: Letters, limit: int = -1, **query: Any) -> list[Entry]:
    """What a query finds."""
    return list(letters.find(Query(**query), limit))


def test_a_letter_is_found_again_whole(path: Path) -> None:
    """Also by another process; the file is its owner's alone."""
    Letters(path).bury([LETTER])
    assert [(one.state, one.letter) for one in found(Letters(path))] == [("buried", LETTER)]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["a", "b", "c"]),
        ({"id": "b"}, ["b"]),
        ({"account": "mini"}, ["b"]),
        ({"destination": "log:"}, ["c"]),
        ({"type": "x"}, ["a"]),
        ({"since": 20}, ["b", "c"]),
        ({"until": 30, "since": 20}, ["b"]),
        ({"account": "shop", "type": "y"}, ["c"]),
        ({"state": "dropped"}, []),
        ({"state": None}, ["a", "b", "c"]),
    ],
)
def test_letters_are_found_by_what_is_known_of_them(
    path: Path, query: dict[str, Any], ids: list[str]
) -> None:
    """In the order of their burial; counting agrees."""
    letters = Letters(path)
    letters.bury(
        [
            letter(id="a", type="x", buried=10),
            letter(id="b", account="mini", type="y", buried=20),
            letter(id="c", destination="log:", type="y", buried=30),
        ]
    )
    assert [one.letter.id for one in found(letters, **query)] == ids
    assert [one.letter.id for one in found(letters, 1, **query)] == ids[:1]
    assert letters.count(Query(**query)) == len(ids)


def test_burying_twice_keeps_one(path: Path) -> None:
    """A crash between the burial and the journal's knowledge of it repeats it."""
    letters = Letters(path)
    letters.bury([LETTER, letter(destination="log:")])
    letters.bury([letter(attempts=7)])
    assert sorted((one.letter.destination, one.letter.attempts) for one in found(letters)) == [
        ("log:", 1),
        ("upstream:orders", 7),
    ]


def test_what_is_replayed_or_dropped_is_not_buried_any_more(path: Path) -> None:
    """Of a dropped one the text is gone; that it was there is kept."""
    letters = Letters(path)
    letters.bury([letter(id="a"), letter(id="b"), letter(id="c")])
    first, *_ = found(letters)
    letters.mark_replayed(first.number)
    assert letters.drop(Query(id="b")) == 1
    assert [one.letter.id for one in found(letters)] == ["c"]
    (dropped,) = found(letters, state="dropped")
    assert (dropped.letter.id, dropped.letter.event) == ("b", b"")
    assert [one.letter.event for one in found(letters, state="replayed")] == [TEXT]


def test_under_a_key_the_text_is_on_no_disk(path: Path) -> None:
    """It opens under that key alone, and only in its own place."""
    letters = Letters(path, b"k" * 32)
    letters.bury([letter(id="a"), letter(id="b")])
    assert [one.letter.event for one in found(letters)] == [TEXT, TEXT]
    letters.close()
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"upstream:orders" in kept
    assert b"Content" not in kept
    for key in (None, b"x" * 32):
        with pytest.raises(StoreError, match=r"journal\.key"):
            found(Letters(path, key))
    database = sqlite3.connect(path)
    database.execute(
        "UPDATE letter SET event = (SELECT event FROM letter WHERE id = 'a') WHERE id = 'b'"
    )
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="sealed"):
        found(Letters(path, b"k" * 32))


def test_all_of_one_tick_is_one_transaction(path: Path) -> None:
    """A hundred burials are one sync; each is told when it is durable."""

    async def run() -> None:
        dead = Dead(path)
        burials = [dead.bury(letter(id=str(at))) for at in range(100)]
        assert not any(burial.done() for burial in burials)
        await asyncio.gather(*burials)
        dead.close()

    asyncio.run(run())
    assert Letters(path).count(Query()) == 100


def test_who_cannot_bury_says_so(path: Path) -> None:
    """A file that is none of ours; a later attempt may succeed."""
    path.parent.mkdir()
    path.write_text("no database, but long enough to be taken for one" * 100)

    async def run() -> None:
        dead = Dead(path)
        with pytest.raises(StoreError, match=r"dead\.sqlite3"):
            await dead.bury(LETTER)
        await asyncio.to_thread(path.unlink)
        await dead.bury(LETTER)
        dead.close()

    asyncio.run(run())


def test_who_is_called_off_while_burying_leaves_the_others_alone(path: Path) -> None:
    """The letter is kept all the same."""

    async def run() -> None:
        dead = Dead(path)
        first, second = dead.bury(letter(id="a")), dead.bury(letter(id="b"))
        first.cancel()
        await second
        dead.close()

    asyncio.run(run())
    assert Letters(path).count(Query()) == 2


def test_several_processes_bury_at_once(path: Path) -> None:
    """Gateways share the file; none loses a letter to another's lock."""
    script = (
        "import sys; from pathlib import Path; import msgspec\n"
        "from wxgate.dispatch.letters import Letters; from wxgate.dispatch.message import Letter\n"
        "one = msgspec.json.decode(sys.argv[2], type=Letter)\n"
        "letters = Letters(Path(sys.argv[1]), patience=30)\n"
        "for at in range(50):\n"
        "    letters.bury([msgspec.structs.replace(one, id=f'{sys.argv[3]}-{at}')])\n"
    )
    Letters(path).close()
    word = msgspec.json.encode(LETTER).decode()
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(path), word, str(at)])
        for at in range(3)
    ]
    assert [process.wait(50) for process in processes] == [0, 0, 0]
    assert Letters(path).count(Query()) == 150


def test_starting_does_not_load_sqlite() -> None:
    """It costs 10 ms, and a gateway that buries nothing needs none."""
    script = "import sys, wxgate.dispatch, wxgate.dispatch.dead; print('sqlite3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (b'{"subject":"o1","data":{}}', "o1"),
        (b'{"data":{}}', None),
        (b'{"subject":null}', None),
        (b'{"subject":5}', None),
        (b"nonsense", None),
    ],
)
def test_the_user_is_read_out_of_the_event(event: bytes, subject: str | None) -> None:
    """Whatever the event looks like."""
    assert subject_of(event) == subject


def test_a_letter_survives_a_kill(path: Path) -> None:
    """Done means durable: the process that buried it dies in the next instant."""
    script = (
        "import asyncio, os, signal, sys; from pathlib import Path; import msgspec\n"
        "from wxgate.dispatch.dead import Dead; from wxgate.dispatch.message import Letter\n"
        "async def run():\n"
        "    await Dead(Path(sys.argv[1])).bury(msgspec.json.decode(sys.argv[2], type=Letter))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(run())\n"
    )
    word = msgspec.json.encode(LETTER).decode()
    done = subprocess.run([sys.executable, "-c", script, str(path), word], check=False)
    assert done.returncode == -9
    assert Letters(path).count(Query()) == 1
