"""Both stores of claims keep the same promises: new, leased, done, with the first try's answer."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import wxcore
from wxcore._wxcore import Claims, Gateway, Received
from wxgate.errors import StoreError
from wxgate.stores.claims import SharedClaims

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wxgate.stores import Claims as Store

KEY, NOW = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", 1_714_112_445_000
ENVELOPE = wxcore.Envelope("token", KEY, "wx1")
ACCOUNT: dict[str, Any] = {
    "name": "shop",
    "kind": "official",
    "receive_ids": ["wx1"],
    "tokens": ["token"],
    "aes_keys": [KEY],
    "mode": "safe",
    "format": "xml",
    "max_age": 600,
}
CORE = Gateway(
    json.dumps({"accounts": [ACCOUNT], "upstreams": [], "routes": [{"when": {}}]}).encode()
)
A_MINUTE = 60_000


def message(number: int = 1, event: str = "") -> Received:
    """A genuine push, sealed anew each time."""
    kind = f"<MsgType>event</MsgType><Event>{event}</Event>" if event else "<MsgType>text</MsgType>"
    xml = (
        f"<xml><FromUserName>user</FromUserName><CreateTime>1714112445</CreateTime>{kind}"
        f"<Content>hello</Content><MsgId>{number}</MsgId></xml>"
    )
    body, signature = ENVELOPE.seal(xml.encode(), timestamp="1714112445", nonce="n")
    plain = ENVELOPE.sign("1714112445", "n")
    query = {
        "signature": plain,
        "timestamp": "1714112445",
        "nonce": "n",
        "msg_signature": signature,
    }
    received = CORE.receive("shop", None, "POST", urlencode(query), [], body, NOW)
    assert received.outcome == "event", received
    return received


@pytest.fixture(params=["own", "shared"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Open a store; the second time, as another worker that shares it."""
    if request.param == "own":
        own = Claims(1000, 1 << 20, NOW)
        return lambda: own
    return lambda: SharedClaims(tmp_path / "claims.sqlite3")


def test_a_message_is_new_then_leased_then_done(stores: Callable[[], Store]) -> None:
    """For every worker."""
    here, there = stores(), stores()
    assert here.claim(message(), NOW) is True
    assert there.claim(message(), NOW + 10) is False
    here.complete([message()], NOW + 20)
    assert there.claim(message(), NOW + 30) == b""
    assert there.claim(message(2), NOW + 30) is True


def test_a_retry_gets_the_first_answer_until_it_is_forgotten(stores: Callable[[], Store]) -> None:
    """After a minute a push is new again."""
    here, there = stores(), stores()
    here.claim(message(), NOW)
    key, until = here.answer(message(), b"hello", NOW)
    assert (len(key), until) == (16, NOW + A_MINUTE)
    assert there.claim(message(), NOW + A_MINUTE - 1) == b"hello"
    assert there.claim(message(), NOW + A_MINUTE * 5 // 4) is True


def test_what_is_abandoned_is_new_what_is_done_stays(stores: Callable[[], Store]) -> None:
    """A message that could not be recorded is not lost."""
    here, there = stores(), stores()
    here.claim(message(), NOW)
    here.abandon(message())
    assert there.claim(message(), NOW) is True
    there.complete([message()], NOW)
    there.abandon(message())
    assert here.claim(message(), NOW) == b""


def test_what_is_on_disk_and_pending_is_nobodys_to_take(stores: Callable[[], Store]) -> None:
    """However long its answer takes, within the message's life."""
    here, there = stores(), stores()
    here.claim(message(), NOW)
    here.pending(message(), NOW)
    assert there.claim(message(), NOW + 10_000) is False
    here.answer(message(), b"late", NOW + 10_000)
    assert there.claim(message(), NOW + 10_001) == b"late"


def test_what_a_journal_remembers_is_known_again(stores: Callable[[], Store]) -> None:
    """Finished or not; keys are those that `answer` gave."""
    key, until = stores().answer(message(), b"hello", NOW)
    fresh: Store = Claims(1000, 1 << 20, NOW)
    fresh.restore(key, until, b"hello")
    assert fresh.claim(message(), NOW) == b"hello"
    assert fresh.lease("shop:m:1", NOW + A_MINUTE) == key
    assert fresh.claim(message(), NOW) is False


def test_payments_live_for_25_hours(stores: Callable[[], Store]) -> None:
    """Virtual payment repeats itself over 18 hours, with RetryTimes counting."""
    here = stores()
    paid = message(event="xpay_goods_deliver_notify")
    here.complete([paid], NOW)
    assert here.claim(paid, NOW + 24 * 3_600_000) == b""
    assert here.claim(paid, NOW + 25 * 3_600_000 * 5 // 4) is True


def test_a_lease_of_a_worker_that_died_ends_before_the_next_try(tmp_path: Path) -> None:
    """WeChat tries again after five seconds."""
    here, there = SharedClaims(tmp_path / "c"), SharedClaims(tmp_path / "c")
    here.claim(message(), NOW)
    here.close()
    assert there.claim(message(), NOW + 3_999) is False
    assert there.claim(message(), NOW + 4_000) is True


def test_only_a_claim_fails_where_the_file_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest is noted in the log: its lease ends by itself."""
    store = SharedClaims(tmp_path / "c")
    with sqlite3.connect(tmp_path / "c") as other:
        other.execute("DROP TABLE claim")
    other.close()
    with pytest.raises(StoreError):
        store.claim(message(), NOW)
    store.complete([message()], NOW)
    assert "the store of claims cannot be written" in caplog.text
    store.close()
