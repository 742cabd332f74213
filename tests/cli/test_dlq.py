"""`wxgate dlq` and `wxgate replay`: what an operator does about what was not delivered."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from wxgate.cli import main
from wxgate.cli.replay import replay
from wxgate.dispatch.letters import Letters, Query
from wxgate.dispatch.message import Letter
from wxgate.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFIG = """
[journal]
dir = "journal"
key = "env:JOURNAL_KEY"
[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"
[[route]]
to = "python:team_repair:take"
"""
REPAIR = """
got = []
def take(event):
    if event.text == "bad":
        raise ValueError(event.text)
    got.append(event.id)
async def other(event):
    got.append("other:" + event.id)
"""
KEY = "00112233445566778899aabbccddeeff" * 2


def event(name: str, text: str) -> bytes:
    """A CloudEvent."""
    return msgspec.json.encode(
        {
            "id": name,
            "source": "/wxgate/shop",
            "type": "wechat.official.text",
            "time": "2026-01-01T00:00:00Z",
            "partitionkey": "o1",
            "traceparent": "00-1-1-00",
            "data": {"Content": text},
        }
    )


def letter(name: str, text: str = "你好", **changes: Any) -> Letter:
    """A dead letter."""
    made = Letter(
        id=name,
        destination="python:team_repair:take",
        account="shop",
        type="wechat.official.text",
        subject="o1",
        key=f"k-{name}",
        accepted=1_767_225_600_000,
        buried=1_767_225_601_000,
        reason="gave_up: ValueError",
        attempts=3,
        event=event(name, text),
    )
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a configuration and functions of the team's own."""
    (tmp_path / "wxgate.toml").write_text(CONFIG)
    (tmp_path / "team_repair.py").write_text(REPAIR)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "team_repair", raising=False)
    monkeypatch.setenv("TOKEN", "QDG6eK")
    monkeypatch.setenv("AES_KEY", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
    monkeypatch.setenv("JOURNAL_KEY", KEY)
    return tmp_path


@pytest.fixture
def letters(desk: Path) -> Letters:
    """The file as the gateway writes it: sealed."""
    return Letters(desk / "journal" / "dead.sqlite3", bytes.fromhex(KEY))


def got() -> list[str]:
    """What the team's functions got."""
    names: list[str] = sys.modules["team_repair"].got
    return names


def test_without_dead_letters_there_is_nothing_to_do(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file is made by looking."""
    (desk / "journal").mkdir()
    assert main(["dlq", "ls"]) == 0
    assert "there are no dead letters" in capsys.readouterr().err
    assert main(["dlq", "ls", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert main(["dlq", "show", "--id", "x"]) == 1
    assert main(["dlq", "replay"]) == 0
    assert not list((desk / "journal").iterdir())


@pytest.mark.parametrize("words", [["dlq", "ls"], ["dlq", "replay"], ["replay", "--to", "log:"]])
def test_without_a_journal_nothing_is_said_of_dead_letters(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Somebody stands in another folder than the gateway's: exit 2, and the path that was meant."""
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"journal.dir: there is no journal in {desk / 'journal'}; "
        "call it in the folder where wxgate is started\n"
    )


def test_ls_lists_all_but_the_text(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each; says when there are more."""
    letters.bury([letter(f"m{at}") for at in range(3)])
    assert main(["dlq", "ls", "--limit", "2"]) == 0
    shown = capsys.readouterr()
    assert [line.split("  ")[4] for line in shown.out.splitlines()] == ["m0", "m1"]
    assert "2026-01-01T00:00:01.000Z" in shown.out
    assert "after 3  gave_up: ValueError" in shown.out
    assert shown.err == "2 of 3; more with --limit\n"
    assert main(["dlq", "ls", "--json", "--id", "m1"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["id"], one["subject"], one["state"]) == ("m1", "o1", "buried")
    assert "event" not in one


def test_show_opens_the_seal(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is shown to whoever asks for it, and has the key."""
    letters.bury([letter("m1")])
    assert main(["dlq", "show", "--id", "m1"]) == 0
    assert '"Content": "你好"' in capsys.readouterr().out
    assert main(["dlq", "show", "--id", "m1", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["event"]["data"] == {"Content": "你好"}
    assert main(["dlq", "show", "--id", "m2"]) == 1


def test_without_the_key_nothing_is_shown(
    letters: Letters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the message names the setting."""
    letters.bury([letter("m1")])
    monkeypatch.setenv("JOURNAL_KEY", "ff" * 32)
    assert main(["dlq", "show"]) == 1
    assert "journal.key" in capsys.readouterr().err


def test_replay_delivers_and_marks_what_was_taken(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not taken stays, and makes the exit code 1."""
    letters.bury([letter("m1"), letter("m2", "bad"), letter("m3")])
    assert main(["dlq", "replay", "--dry-run"]) == 0
    assert capsys.readouterr().err == "3 dead letters\n"
    assert main(["dlq", "replay", "--json"]) == 1
    done = json.loads(capsys.readouterr().out)
    assert (done["taken"], done["failed"]) == (2, 1)
    assert done["problems"][0] == {
        "id": "m2",
        "destination": "python:team_repair:take",
        "reason": "ValueError",
    }
    assert got() == ["m1", "m3"]
    assert [one.letter.id for one in letters.find(Query())] == ["m2"]
    assert letters.count(Query(state="replayed")) == 2


def test_replay_goes_where_it_is_told(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as to a function that repairs what the first one could not take."""
    letters.bury([letter("m1", "bad"), letter("m2", "bad", account="mini")])
    words = ["--to", "python:team_repair:other", "--account", "shop", "--rate", "100"]
    assert main(["dlq", "replay", *words]) == 0
    assert got() == ["other:m1"]
    assert capsys.readouterr().out == "1 taken, 0 not\n"


def test_a_destination_that_is_no_more_needs_another(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2: the command has to be called otherwise."""
    letters.bury([letter("m1", destination="upstream:gone")])
    assert main(["dlq", "replay"]) == 2
    assert "upstream:gone: there is no [upstream.gone]; say where" in capsys.readouterr().err
    assert letters.count(Query()) == 1


def test_drop_wants_a_condition(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    """All letters are dropped only by whoever says so."""
    letters.bury([letter("m1"), letter("m2"), letter("m3")])
    assert main(["dlq", "drop"]) == 2
    assert letters.count(Query()) == 3
    assert main(["dlq", "drop", "--id", "m1"]) == 0
    assert main(["dlq", "drop", "--all", "--json"]) == 0
    assert capsys.readouterr().out == '1 dead letters dropped\n{"dropped":2}\n'
    assert main(["dlq", "ls", "--state", "dropped", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


@pytest.mark.parametrize(
    "words",
    [
        ["dlq"],
        ["dlq", "bury"],
        ["dlq", "ls", "--limit", "0"],
        ["dlq", "ls", "--since", "yesterday"],
        ["dlq", "replay", "--rate", "0"],
        ["dlq", "replay", "--rate", "fast"],
        ["replay"],
        ["replay", "--to", "log:", "--rate", "inf"],
    ],
)
def test_wrong_usage(words: list[str]) -> None:
    """As of every command."""
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2


class Kept:
    """A journal that still has two messages."""

    def __init__(self, *messages: Letter) -> None:
        """Keep these."""
        self.messages = messages

    def find(self, **search: Any) -> Sequence[Letter]:
        """Find what is of that account."""
        assert search["until"] is not None
        return [one for one in self.messages if search["account"] in (None, one.account)]


def arguments(**changes: Any) -> argparse.Namespace:
    """The arguments of `wxgate replay`."""
    usual: dict[str, Any] = dict.fromkeys(("account", "type", "openid", "since", "until"))
    usual |= {"to": "python:team_repair:take", "rate": 0.0, "dry_run": False, "json": False}
    return argparse.Namespace(**usual | changes)


@pytest.mark.usefixtures("desk")
def test_replay_of_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    """Counts first; delivers with the ids that the messages had."""
    settings = load("wxgate.toml")
    journal = Kept(letter("m1"), letter("m2", account="mini"), letter("m3"))
    assert replay(arguments(account="shop", dry_run=True), settings, journal) == 0
    assert capsys.readouterr().err == "2 messages\n"
    assert "team_repair" not in sys.modules
    assert replay(arguments(account="shop"), settings, journal) == 0
    assert got() == ["m1", "m3"]
    assert capsys.readouterr().out == "2 taken, 0 not\n"
    assert replay(arguments(), settings, Kept(letter("m4", "bad"))) == 1
    assert replay(arguments(to="upstream:x"), settings, journal) == 2
    assert "--to: upstream:x: there is no [upstream.x]" in capsys.readouterr().err


def test_replay_opens_the_journal_of_the_configuration(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its key, at its absolute path."""
    opened = []

    def reader(folder: str, key: bytes | None) -> Kept:
        opened.append((folder, key))
        return Kept()

    (desk / "journal").mkdir()
    monkeypatch.setattr("wxgate.cli.replay.JournalReader", reader)
    assert main(["replay", "--to", "log:"]) == 0
    assert opened == [(str(desk / "journal"), bytes.fromhex(KEY))]
