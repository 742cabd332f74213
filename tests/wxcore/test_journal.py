"""The journal as the server uses it: a batch in, a file descriptor that wakes, messages out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import select
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import wxcore
from wxcore._wxcore import Gateway, Received

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1714112445
ENVELOPE = wxcore.Envelope("SentinelToken", "A" * 43, "wx1")
ACCOUNT: dict[str, Any] = {
    "name": "shop",
    "kind": "official",
    "receive_ids": ["wx1"],
    "tokens": ["SentinelToken"],
    "aes_keys": ["A" * 43],
    "mode": "safe",
    "format": "xml",
    "max_age": 600,
}
UPSTREAM = {"name": "u", "nodes": [{"url": "http://a"}]}
ROUTES = [
    {"when": {}, "upstream": 0, "also": True, "reply": "wait"},
    {"when": {}, "upstream": 0, "also": True},
    {"when": {}, "upstream": 0},
]
BLOB = json.dumps({"accounts": [ACCOUNT], "upstreams": [UPSTREAM], "routes": ROUTES}).encode()
GATEWAY = Gateway(BLOB, [0, 1, 0])
OPTIONS: dict[str, Any] = {
    "destinations": ["upstream:u", "log:"],
    "segment_bytes": 1 << 20,
    "durability": "data",
    "max_bytes": 1 << 30,
    "retain_ms": 0,
    "retain_bytes": 0,
}


def push(number: int, gateway: Gateway = GATEWAY) -> Received:
    """A text message as WeChat sends it."""
    xml = (
        f"<xml><ToUserName>gh_1</ToUserName><FromUserName>user{number}</FromUserName>"
        f"<CreateTime>{NOW}</CreateTime><MsgType>text</MsgType>"
        f"<Content>hello</Content><MsgId>{number}</MsgId></xml>"
    )
    body, signature = ENVELOPE.seal(xml.encode(), timestamp=str(NOW), nonce="n")
    query = {
        "signature": ENVELOPE.sign(str(NOW), "n"),
        "timestamp": str(NOW),
        "nonce": "n",
        "msg_signature": signature,
    }
    received = gateway.receive("shop", None, "POST", urlencode(query), [], body, NOW * 1000)
    assert received.outcome == "event"
    return received


def opened(folder: Path, key: bytes | None = None, **change: object) -> wxcore.Journal:
    """A journal in a folder."""
    options = json.dumps(OPTIONS | change).encode()
    return wxcore.Journal(str(folder / "00"), options, key, NOW * 1000)


def kept(journal: wxcore.Journal, *numbers: int, gateway: Gateway = GATEWAY) -> int:
    """Append and wait as an event loop does; the first number."""
    first = journal.append([push(number, gateway) for number in numbers], NOW * 1000)
    while True:
        select.select([journal], [], [])
        durable, failed, state = journal.progress()
        assert (failed, state) == ([], "open")
        if durable >= first + len(numbers) - 1:
            return first


def test_what_is_kept_is_read_and_settled(tmp_path: Path) -> None:
    """A batch is one crossing; a destination reached by two routes gets a message once."""
    journal = opened(tmp_path)
    assert kept(journal, 7, 8, 9) == 1
    stored: list[wxcore.Stored] = []
    for destination in (0, 1):
        stored, position = journal.read(destination, 0, 100, 1 << 20)
        assert [one.seq for one in stored] == [1, 2, 3]
        assert position == 3
    one = stored[0]
    event = json.loads(one.event)
    assert (one.id, one.type, one.key) == ("shop:m:7", event["type"], "user7")
    assert (one.account, one.subject, one.wait) == ("shop", "user7", True)
    assert (one.accepted, event["id"]) == (NOW * 1000, "shop:m:7")
    journal.settle(0, [1, 3])
    assert [one.seq for one in journal.read(0, 0, 100, 1 << 20)[0]] == [2]
    assert journal.stats()["unsettled"] == {"upstream:u": 1, "log:": 3}
    assert journal.stats()["oldest_unsettled"] == NOW * 1000
    journal.close()
    assert journal.progress()[2] == "closed"


def test_the_descriptor_is_readable_only_after_a_commit(tmp_path: Path) -> None:
    """And no longer once progress was asked for."""
    journal = opened(tmp_path)
    assert select.select([journal], [], [], 0)[0] == []
    kept(journal, 1)
    assert select.select([journal], [], [], 0)[0] == []


def test_a_restart_finds_messages_claims_and_answers(tmp_path: Path) -> None:
    """Settled ones stay settled; the answer to one is given to its retries."""
    journal = opened(tmp_path)
    kept(journal, 1, 2)
    journal.settle(0, [1])
    journal.settle(1, [1, 2])
    key = hashlib.sha256(b"shop:m:2").digest()[:16]
    journal.remember(key, NOW * 1000 + 5, b"<xml/>")
    journal.close()
    del journal
    journal = opened(tmp_path)
    found = journal.stats()
    assert found["unsettled"] == {"upstream:u": 1, "log:": 0}
    assert (found["torn_bytes"], found["lost_messages"], journal.orphans()) == (0, 0, [])
    digest = {
        number: hashlib.sha256(f"shop:m:{number}".encode()).digest()[:16] for number in (1, 2)
    }
    claims = {claim[0]: claim[1:] for claim in journal.claims()}
    assert claims[digest[1]] == (NOW * 1000 + 60_000, b"")
    assert claims[digest[2]][1] == b"<xml/>"
    assert journal.claims() == []
    assert kept(journal, 3) == 3


def test_errors_have_stable_codes(tmp_path: Path) -> None:
    """A second opener, a wrong key; and options that make no sense are no journal's failure."""
    key = bytes(32)
    journal = opened(tmp_path, key=key)
    kept(journal, 1)
    with pytest.raises(wxcore.JournalError) as caught:
        opened(tmp_path, key=key)
    assert caught.value.code == "locked"
    assert isinstance(caught.value, OSError)
    journal.close()
    del journal
    with pytest.raises(wxcore.JournalError, match=r"journal\.key") as caught:
        opened(tmp_path)
    assert caught.value.code == "key"
    for change in (
        {"key": b"short"},
        {"durability": "no"},
        {"segment_bytes": 1},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            opened(tmp_path / "other", **change)


def test_a_full_journal_refuses_the_whole_batch(tmp_path: Path) -> None:
    """And says so at once."""
    journal = opened(tmp_path, max_bytes=5000)
    with pytest.raises(wxcore.JournalError) as caught:
        journal.append([push(number) for number in range(1, 20)], NOW * 1000)
    assert caught.value.code == "full"
    assert journal.stats()["next"] == 1


def test_a_destination_that_is_gone_keeps_its_messages(tmp_path: Path) -> None:
    """Its name is told; it may come back under another index."""
    journal = opened(tmp_path)
    kept(journal, 1)
    journal.close()
    del journal
    journal = opened(tmp_path, destinations=["log:"])
    assert journal.orphans() == ["upstream:u"]
    assert len(journal.read(0, 0, 10, 1 << 20)[0]) == 1
    journal.close()
    del journal
    journal = opened(tmp_path, destinations=["other:", "upstream:u"])
    assert [one.seq for one in journal.read(1, 0, 10, 1 << 20)[0]] == [1]


def left_by_a_crash(folder: Path) -> Path:
    """A copy of the files as they are, while the journal prepares others or lets some go."""

    def copy(source: str, target: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(source, target)

    return shutil.copytree(folder / "00", folder / "left" / "00", copy_function=copy).parent


@pytest.mark.parametrize("crash", [False, True])
def test_destinations_come_while_it_is_open(tmp_path: Path, *, crash: bool) -> None:
    """Under names of their own, also for who reads the folder as a crash left it."""
    journal = opened(tmp_path)
    kept(journal, 1)
    assert journal.extend(["new:", "log:", "newer:"]) == [2, 1, 3]
    assert journal.extend(["new:"]) == [2]
    kept(journal, 2, gateway=Gateway(BLOB, [2, 1, 3]))
    kept(journal, 3)
    assert [one.seq for one in journal.read(2, 0, 10, 1 << 20)[0]] == [2]
    journal.settle(3, [2])
    kept(journal, 4)
    folder = left_by_a_crash(tmp_path) if crash else tmp_path
    journal.close()
    del journal
    journal = opened(folder, destinations=["newer:", "log:", "upstream:u"])
    found = [[one.seq for one in journal.read(at, 0, 10, 1 << 20)[0]] for at in range(3)]
    assert found == [[], [1, 2, 3, 4], [1, 3, 4]]
    assert journal.orphans() == ["new:"]
    assert journal.extend(["new:"]) == [3]
    assert journal.orphans() == []
    assert [one.seq for one in journal.read(3, 0, 10, 1 << 20)[0]] == [2]


def test_a_destination_that_was_never_named_takes_nothing(tmp_path: Path) -> None:
    """A route must lead somewhere."""
    journal = opened(tmp_path)
    with pytest.raises(wxcore.JournalError) as caught:
        kept(journal, 1, gateway=Gateway(BLOB, [2, 1, 2]))
    assert caught.value.code == "invalid"
    with pytest.raises(ValueError, match="route 0"):
        kept(journal, 1, gateway=Gateway(BLOB, []))
