"""`wxgate journal`: what it shows, what it keeps to itself, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wxgate.cli import main
from wxgate.cli.moment import written
from wxgate.dispatch.letters import Letters, Query
from wxgate.dispatch.message import Letter

from .segments import Message, Segment, crc32c

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Run: TypeAlias = Callable[..., tuple[int, str, str]]

START = 1_795_514_400_000
HOUR = 3_600_000
CONFIG = """
[journal]
dir = "{dir}"
{more}
[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"
"""
EVENT = '{"specversion":"1.0","data":{"Content":"退款 please"}}'


def letter(id_: str, destination: str) -> Letter:
    """One that was refused."""
    kind, what = "wechat.official.text", ("refused: HTTP 400", 1, b"{}")
    return Letter(id_, destination, "shop", kind, "oUser", "oUser", START, START, *what)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two workers: three messages, of which one is delivered, and one message."""
    first = Segment()
    first.checkpoint(("upstream:orders", "log:"))
    for seq in (1, 2, 3):
        who = "oOther" if seq == 2 else "oUser"
        to = (0, 1) if seq == 3 else (0,)
        at = START + seq * HOUR
        first.message(Message(seq, at, EVENT.encode(), subject=who, destinations=to))
    first.settle(3, 0, 1)
    first.save(tmp_path / "journal" / "00")
    second = Segment()
    second.checkpoint(("upstream:orders", "log:"))
    second.message(
        Message(1, START, b"{}", account="mch", type="wechat.pay.transaction.success", subject="T1")
    )
    second.save(tmp_path / "journal" / "01")
    return tmp_path / "journal"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command on the journal: exit code, output, and what it says of errors."""
    monkeypatch.setenv("TOKEN", "QDG6eK")
    monkeypatch.setenv("AES_KEY", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
    path = tmp_path / "wxgate.toml"

    def runner(action: str, *words: str, more: str = "") -> tuple[int, str, str]:
        path.write_text(CONFIG.format(dir=tmp_path / "journal", more=more), encoding="utf-8")
        code = main(["journal", action, "--config", str(path), *words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return runner


def places(run: Run, *words: str) -> list[str]:
    """Where the listed messages are."""
    code, out, _ = run("ls", "--json", *words)
    assert code == 0
    return [message["place"] for message in json.loads(out)]


@pytest.mark.usefixtures("journal")
def test_ls_lists_the_newest_first_and_says_what_waits(run: Run) -> None:
    """A line each, over all workers."""
    code, out, _ = run("ls")
    assert code == 0
    assert out.splitlines() == [
        (
            f"{written(START + 3 * HOUR)}  00/3  shop  wechat.official.text  oUser  shop:m:3  "
            "waits for upstream:orders,log:"
        ),
        (
            f"{written(START + 2 * HOUR)}  00/2  shop  wechat.official.text  oOther  shop:m:2  "
            "waits for upstream:orders"
        ),
        f"{written(START + HOUR)}  00/1  shop  wechat.official.text  oUser  shop:m:1  delivered",
        (
            f"{written(START)}  01/1  mch  wechat.pay.transaction.success  T1  mch:m:1  "
            "waits for upstream:orders"
        ),
    ]


def test_a_dead_letter_is_not_called_delivered(run: Run, journal: Path) -> None:
    """Nor one that was dropped; one that was taken after all is."""
    letters = Letters(journal / "dead.sqlite3")
    for id_, place in (("shop:m:1", "upstream:orders"), ("shop:m:3", "log:")):
        letters.bury([letter(id_, place)])

    def states() -> list[str]:
        return [line.rpartition("  ")[2] for line in run("ls")[1].splitlines()[::2]]

    assert states() == [
        "waits for upstream:orders,log:, dead letter at log:",
        "dead letter at upstream:orders",
    ]
    assert json.loads(run("ls", "--json")[1])[2]["dead"] == ["upstream:orders"]
    letters.drop(Query(id="shop:m:1"))
    (replayed,) = letters.find(Query(id="shop:m:3"))
    letters.mark_replayed(replayed.number)
    letters.close()
    assert states() == ["waits for upstream:orders,log:", "dropped at upstream:orders"]
    assert "dead:        upstream:orders" in run("cat", "00/1")[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--openid", "oUser"], ["00/3", "00/1"]),
        (["--account", "mch"], ["01/1"]),
        (["--type", "wechat.official.text", "--limit", "2"], ["00/3", "00/2"]),
        (["--id", "shop:m:2"], ["00/2"]),
        (["--since", written(START + 2 * HOUR)], ["00/3", "00/2"]),
        (["--since", written(START), "--until", written(START + 2 * HOUR)], ["00/1", "01/1"]),
        (["--since", "2026-11-24T19:00:00+08:00", "--openid", "oUser"], ["00/3", "00/1"]),
        (["--openid", "oUser", "--account", "mch"], []),
    ],
)
@pytest.mark.usefixtures("journal")
def test_ls_lists_what_is_asked_for(run: Run, words: list[str], expected: list[str]) -> None:
    """All conditions must hold."""
    assert places(run, *words) == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--account", "nope"], '--account: there is no account "nope"; the configuration has: '),
        (["--type", "text"], "--type: expected a whole type such as wechat.official.text"),
    ],
)
@pytest.mark.usefixtures("journal")
def test_what_cannot_be_there_is_told(run: Run, words: list[str], told: str) -> None:
    """Exit 2: an empty list would say that there was nothing."""
    code, out, err = run("ls", *words)
    assert (code, out) == (2, "")
    assert err.startswith(told)


@pytest.mark.usefixtures("journal")
def test_an_empty_list_is_told(run: Run) -> None:
    """To people; a program reads it."""
    nobody = ("ls", "--openid", "oNobody")
    assert run(*nobody) == (0, "", "no such message is in the journal\n")
    assert run(*nobody, "--json") == (0, "[]\n", "")


def test_nobody_need_read_it_to_the_end(journal: Path, run: Run) -> None:
    """As in `wxgate journal ls | head`: no traceback."""
    segment = Segment()
    segment.checkpoint(("log:",))
    for seq in range(1, 2001):
        segment.message(Message(seq, START, b"{}", destinations=(0,)))
    segment.save(journal / "02")
    run("stats")
    config = str(journal.parent / "wxgate.toml")
    command = [sys.executable, "-m", "wxgate.cli", "journal", "ls", "--limit", "2000"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "--config", config], stdout=pipe, stderr=pipe) as ls:
        assert ls.stdout
        assert ls.stderr
        ls.stdout.readline()
        ls.stdout.close()
        assert ls.wait(timeout=20) == 1
        assert ls.stderr.read() == b""


@pytest.mark.usefixtures("journal")
def test_only_cat_shows_what_somebody_wrote(run: Run) -> None:
    """The text is the user's."""
    for action, words in (("ls", []), ("ls", ["--json"]), ("stats", []), ("verify", [])):
        code, out, err = run(action, *words)
        assert code == 0
        assert "退款" not in out + err
    code, out, _ = run("cat", "00/3")
    assert code == 0
    assert '"Content": "退款 please"' in out
    assert "undelivered: upstream:orders, log:" in out


@pytest.mark.parametrize("name", ["00/3", "shop:m:3"])
@pytest.mark.usefixtures("journal")
def test_cat_takes_a_place_or_an_id(run: Run, name: str) -> None:
    """As ls prints them."""
    code, out, _ = run("cat", "--json", name)
    assert code == 0
    shown = json.loads(out)
    assert shown["event"] == json.loads(EVENT)
    assert shown["id"] == "shop:m:3"
    assert shown["reply"] == "ack"


@pytest.mark.parametrize("name", ["00/9", "0/3", "77/1", "shop:m:9"])
@pytest.mark.usefixtures("journal")
def test_a_message_that_is_not_there_is_a_problem(run: Run, name: str) -> None:
    """Exit 1, and nothing on the output."""
    assert run("cat", name) == (1, "", f"{name}: no such message is in the journal\n")


@pytest.mark.usefixtures("journal")
def test_stats_count_what_is_kept_and_what_waits(run: Run) -> None:
    """For each destination, and since when."""
    code, out, _ = run("stats")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("4 messages in 2 segments, ")
    assert lines[1] == f"accepted from {written(START)} to {written(START + 3 * HOUR)}"
    assert lines[2] == f"log:: 1 undelivered, the oldest since {written(START + 3 * HOUR)}"
    assert lines[3] == f"upstream:orders: 3 undelivered, the oldest since {written(START)}"
    stats: dict[str, Any] = json.loads(run("stats", "--json")[1])
    assert stats["undelivered"]["log:"] == {"messages": 1, "oldest": START + 3 * HOUR}


def test_verify_finds_damage(run: Run, journal: Path) -> None:
    """Exit 0 for a sound journal, 1 for a damaged one, and where."""
    code, out, _ = run("verify")
    assert code == 0
    assert out.splitlines()[-1] == "sound"
    path = journal / "00" / f"{1:010}.seg"
    raw = bytearray(path.read_bytes())
    raw[4096 + 200] ^= 1
    path.write_bytes(raw)
    code, out, _ = run("verify")
    assert code == 1
    assert "00/0000000001.seg: bytes " in out
    assert out.splitlines()[-1] == "damaged"
    report = json.loads(run("verify", "--json")[1])
    assert report["sound"] is False
    assert report["folders"][1]["segments"][0]["problems"] == []


def test_verify_misses_a_segment(run: Run, journal: Path) -> None:
    """The checkpoint knows which there were."""
    later = Segment(number=3, first=4)
    later.checkpoint(("log:",), (1, 2, 3))
    later.save(journal / "00")
    code, out, _ = run("verify")
    assert code == 1
    assert "00: segment 2 is missing" in out


def test_an_unknown_version_is_told(run: Run, journal: Path) -> None:
    """A journal of a later wxgate is not misread."""
    segment = Segment(number=2, first=4)
    path = segment.save(journal / "00")
    raw = path.read_bytes()

    header = raw[:8] + (9).to_bytes(4, "little") + raw[12:76]
    path.write_bytes(header + crc32c(header).to_bytes(4, "little") + raw[80:])
    code, _, err = run("ls")
    assert code == 1
    assert "format version 9" in err


def test_no_journal_is_a_matter_of_configuration(run: Run) -> None:
    """Exit 2, naming the setting."""
    code, out, err = run("ls")
    assert (code, out) == (2, "")
    assert err.startswith("journal.dir: there is no journal in ")


@pytest.mark.parametrize(
    "words", [["--since", "yesterday"], ["--limit", "0"], ["--limit", "x"], ["--nonsense"]]
)
@pytest.mark.usefixtures("journal")
def test_wrong_usage(run: Run, words: list[str]) -> None:
    """Exit 2."""
    with pytest.raises(SystemExit) as left:
        run("ls", *words)
    assert left.value.code == 2


def test_a_sealed_journal_names_the_setting(run: Run, journal: Path) -> None:
    """Without the key, or with another, nothing is shown and the setting is named."""
    path = Segment(number=2, first=4).save(journal / "00")
    raw = path.read_bytes()
    header = raw[:40] + (1).to_bytes(4, "little") + raw[44:76]
    path.write_bytes(header + crc32c(header).to_bytes(4, "little") + raw[80:])
    code, out, err = run("ls")
    assert (code, out) == (2, "")
    assert "journal.key" in err
    Path(journal.parent / "key").write_text("ab" * 32)
    code, out, err = run("ls", more='key = "file:key"')
    assert (code, out) == (2, "")
    assert "another key than journal.key" in err
    assert "abab" not in err
