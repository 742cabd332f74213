"""Both stores of claims keep the same promises: new, leased, done, with the first try's answer."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import wxcore
from wxcore._wxcore import Claims, Gateway, Received
from wxgate.errors import StoreError
from wxgate.stores.claims import Ground, SharedClaims

from .sites import ground

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
    memory = ground()
    return lambda: SharedClaims(memory, tmp_path)


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
    memory = ground()
    SharedClaims(memory, tmp_path).claim(message(), NOW)
    there = SharedClaims(memory, tmp_path)
    assert there.claim(message(), NOW + 3_999) is False
    assert there.claim(message(), NOW + 4_000) is True


def test_only_a_claim_fails_where_the_lock_cannot_be_had(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest is noted in the log: its lease ends by itself."""
    store = SharedClaims(ground(), tmp_path)
    with (tmp_path / "claims.lock").open() as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another worker"):
            store.claim(message(), NOW)
        store.complete([message()], NOW)
        assert "cannot be noted" in caplog.text
    assert store.claim(message(), NOW) is True


def test_what_has_another_size_is_refused(tmp_path: Path) -> None:
    """Workers that took the memory for different tables would ruin each other's."""
    memory = ground(1000, 0)
    with pytest.raises(ValueError, match="memory: "):
        SharedClaims(Ground(memory.memory, 1001, 0), tmp_path)


FORK = multiprocessing.get_context("fork")


def test_of_workers_that_ask_at_once_one_has_each_message(tmp_path: Path) -> None:
    """Real processes, each as fast as it can."""
    memory, messages = ground(), [message(number) for number in range(2000)]
    taken = FORK.SimpleQueue()

    def work() -> None:
        store = SharedClaims(memory, tmp_path)
        taken.put([number for number, one in enumerate(messages) if store.claim(one, NOW) is True])

    workers = [FORK.Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    everything = [number for _ in workers for number in taken.get()]
    for worker in workers:
        worker.join()
    assert sorted(everything) == list(range(2000))


@pytest.mark.slow
def test_workers_that_are_killed_at_work_harm_nobody(tmp_path: Path) -> None:
    """Nobody waits for the dead, what was done is known, and no room is lost."""
    memory = ground(2000, 100_000)
    own, others = SharedClaims(memory, tmp_path), [message(1000 + number) for number in range(50)]

    def work() -> None:
        store = SharedClaims(memory, tmp_path)
        while True:
            for one in others:
                if store.claim(one, NOW) is True:
                    store.answer(one, b"abc" * 100, NOW)
                    store.lease(one.id, NOW + 1)
                    store.abandon(one)

    kept = [message(number) for number in range(50)]
    for one in kept:
        own.answer(one, b"kept" * 100, NOW)
    for turn in range(100):
        _die_at_work(work, 0.01 + turn % 7 * 0.003)
        assert all(own.claim(one, NOW) == b"kept" * 100 for one in kept)
    # Nobody waits for the dead, whatever they had in hand.
    assert all(own.claim(one, NOW + 5_000) is not False for one in others)
    assert (len(own), own.dropped) == (100, 0)


def _die_at_work(work: Callable[[], None], after: float) -> None:
    workers = [FORK.Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    time.sleep(after)  # when it strikes: the input
    for worker in workers:
        worker.kill()
        worker.join()
