"""The public API: what it raises, what it shows, and what it keeps to itself."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import wxcore
from hypothesis import given, settings
from hypothesis import strategies as st
from wxcore import _wxcore

TOKEN, NONCE, TIMESTAMP, APPID = "SentinelToken", "n", "1714112445", "wx1"
KEY, OLD = "SentinelAesKeyabcdefghijklmnopqrstuvwxyz012", "A" * 43
XML = "<xml><MsgType>text</MsgType><Content><![CDATA[你好]]></Content></xml>"
REJECTIONS = Path(__file__).parents[2] / "docs/reference/rejections.md"


def opened(envelope: wxcore.Envelope, body: bytes, signature: str) -> wxcore.Opened:
    """Open at the one time that these tests know."""
    return envelope.open(body, msg_signature=signature, timestamp=TIMESTAMP, nonce=NONCE)


def sealed(content: str = XML, key: int = 0, receive_id: int = 0) -> tuple[bytes, str]:
    """A body and its signature."""
    return wxcore.Envelope(TOKEN, [KEY, OLD], [APPID, "wx2"]).seal(
        content.encode(), timestamp=TIMESTAMP, nonce=NONCE, key=key, receive_id=receive_id
    )


def test_old_and_new_stand_side_by_side() -> None:
    """Tokens, keys and receive ids; what opened says which."""
    envelope = wxcore.Envelope(["NewToken", TOKEN], [OLD, KEY], ["wx2", APPID])
    found = opened(envelope, *sealed())
    assert (found.key, found.receive_id) == (1, APPID)
    assert found.fields == {"MsgType": "text", "Content": "你好"}
    assert found.get("Content") == "你好"
    assert found.get("Nothing") is None


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (wxcore.Envelope("Other", KEY, APPID), "verify.bad_signature"),
        (wxcore.Envelope(TOKEN, OLD, APPID), "open.undecryptable"),
        (wxcore.Envelope(TOKEN, KEY, "wx9"), "open.wrong_receive_id"),
    ],
)
def test_a_rejection_has_a_stable_code(envelope: wxcore.Envelope, code: str) -> None:
    """And is a ValueError, whose text begins with it."""
    body, signature = sealed()
    with pytest.raises(wxcore.Rejected, match=f"^{re.escape(code)}: ") as raised:
        opened(envelope, body, signature)
    assert raised.value.code == code
    assert isinstance(raised.value, ValueError)


def test_json_keeps_numbers_and_lists() -> None:
    """Text of XML stays text."""
    content = '{"MsgType":"event","CreateTime":1,"Big":18446744073709551615,"L":[1,null,{"a":1.5}]}'
    body, signature = wxcore.Envelope(TOKEN, KEY, APPID).seal(
        content.encode(), timestamp=TIMESTAMP, nonce=NONCE, shape="json"
    )
    fields = opened(wxcore.Envelope(TOKEN, KEY, APPID), body, signature).fields
    assert fields == json.loads(content)


@pytest.mark.parametrize("key", [KEY[:-1], KEY + "A", KEY[:-1] + "!", ""])
def test_an_unusable_key_is_told_without_being_shown(key: str) -> None:
    """By its place and its length."""
    with pytest.raises(ValueError, match=r"aes_key\[1\]") as raised:
        wxcore.Envelope(TOKEN, [KEY, key], APPID)
    assert "Sentinel" not in str(raised.value)


@pytest.mark.parametrize("last", "ABCD")
def test_spare_bits_of_a_key_do_not_matter(last: str) -> None:
    """The console draws the last character freely: 43 characters are 258 bits."""
    body, signature = wxcore.Envelope(TOKEN, "A" * 43, APPID).seal(
        XML.encode(), timestamp=TIMESTAMP, nonce=NONCE
    )
    assert opened(wxcore.Envelope(TOKEN, "A" * 42 + last, APPID), body, signature).get("MsgType")


def test_nothing_shows_a_secret() -> None:
    """Neither reprs nor errors."""
    private, public = wxcore.generate_rsa_key()
    apiv3 = "SentinelApiv3Key0123456789abcdef"
    shown = [
        repr(wxcore.Envelope(TOKEN, KEY, APPID)),
        repr(wxcore.PrivateKey(private)),
        repr(wxcore.PaySender("S", private, apiv3)),
        repr(wxcore.PayVerifier({"PUB_KEY_ID_1": public}, apiv3)),
        repr(wxcore.PartnerSender("a", "SentinelSecret", private)),
        repr(wxcore.PayV2Verifier(apiv3)),
    ]
    for make in (
        lambda: wxcore.PayVerifier({"PUB_KEY_ID_1": public}, apiv3 + "x"),
        lambda: wxcore.PayV2Verifier(apiv3 + "x"),
        lambda: wxcore.PrivateKey(private.replace("PRIVATE", "SECRET")),
    ):
        with pytest.raises(ValueError, match=r".") as raised:
            make()
        shown.append(str(raised.value))
    for text in shown:
        assert "Sentinel" not in text
        assert private.splitlines()[1] not in text


@given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
@settings(max_examples=400, deadline=None)
def test_a_flipped_bit_of_the_ciphertext_is_refused(at: int, bit: int) -> None:
    """Wherever it is."""
    body, signature = sealed()
    start = body.index(b"CDATA[") + 6
    place = start + at % (body.index(b"]]") - start)
    flipped = bytearray(body)
    flipped[place] ^= 1 << bit
    with pytest.raises(wxcore.Rejected):
        opened(wxcore.Envelope(TOKEN, KEY, APPID), bytes(flipped), signature)


@given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_of_a_notice_is_refused(at: int, bit: int) -> None:
    """The signature covers the raw body."""
    headers, body = NOTICE
    flipped = bytearray(body)
    flipped[at % len(body)] ^= 1 << bit
    with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature"):
        VERIFIER.open(headers, bytes(flipped), now=int(TIMESTAMP))


PRIVATE, PUBLIC = wxcore.generate_rsa_key()
APIV3 = "0123456789abcdef0123456789ABCDEF"
VERIFIER = wxcore.PayVerifier({"PUB_KEY_ID_1": PUBLIC}, ["x" * 32, APIV3])
NOTICE = wxcore.PaySender("PUB_KEY_ID_1", PRIVATE, APIV3).seal(
    b'{"out_trade_no":"1"}',
    id="EV-1",
    event_type="TRANSACTION.SUCCESS",
    original_type="transaction",
    now=int(TIMESTAMP),
    nonce=NONCE,
    resource_nonce="abcdef012345",
)


def test_a_notice_is_opened_by_the_key_that_fits() -> None:
    """With all that its envelope says."""
    headers, body = NOTICE
    notice = VERIFIER.open(headers, body, now=int(TIMESTAMP))
    assert (notice.id, notice.event_type, notice.key) == ("EV-1", "TRANSACTION.SUCCESS", 1)
    assert notice.resource == b'{"out_trade_no":"1"}'
    assert VERIFIER.platform_keys() == [("PUB_KEY_ID_1", None)]


@pytest.mark.parametrize(
    ("change", "now", "code"),
    [
        ({}, 300, "request.stale"),
        ({}, -300, "request.future"),
        ({"Wechatpay-Timestamp": "soon"}, 0, "request.bad_timestamp"),
        ({"Wechatpay-Nonce": ""}, 0, "request.missing_parameter"),
        ({"wechatpay-nonce": "n"}, 0, "request.duplicate_parameter"),
        ({"Wechatpay-Serial": "PUB_KEY_ID_2"}, 0, "verify.unknown_serial"),
        ({"Wechatpay-Signature": "WECHATPAY/SIGNTEST/x"}, 0, "verify.signature_probe"),
        ({"Wechatpay-Signature": "AAAA"}, 0, "verify.bad_signature"),
        ({"Wechatpay-Signature-Type": "WECHATPAY2-X"}, 0, "verify.unknown_algorithm"),
    ],
)
def test_a_notice_is_refused_for_its_cause(change: dict[str, str], now: int, code: str) -> None:
    """In the order of the protocol."""
    headers, body = NOTICE
    with pytest.raises(wxcore.Rejected) as raised:
        VERIFIER.open({**headers, **change}, body, now=int(TIMESTAMP) + now)
    assert raised.value.code == code


def test_a_partners_callback_tells_its_nonce() -> None:
    """And until when to remember it."""
    sender = wxcore.PartnerSender("erp", "secret", PRIVATE)
    verifier = wxcore.PartnerVerifier("erp", ["old", "secret"], PUBLIC)
    body = sender.seal(b'{"a":1}', nonce="0123456789abcdef", now=1000)
    assert verifier.open(body, now=1299) == (b'{"a":1}', "0123456789abcdef", 1300)
    for at, code in ((1300, "request.stale"), (700, "request.future")):
        with pytest.raises(wxcore.Rejected) as raised:
            verifier.open(body, now=at)
        assert raised.value.code == code
    with pytest.raises(ValueError, match="nonce"):
        sender.seal(b"{}", nonce="short", now=1000)


def test_a_ring_moves_only_what_it_must() -> None:
    """Weights attract, and a node that goes takes only its own keys along."""
    ring = wxcore.HashRing(["a", "b", ("c", 2.0)])
    fewer = wxcore.HashRing(["a", ("c", 2.0)])
    keys = [f"user{number}" for number in range(2000)]
    for key in keys:
        ranked = ring.ranked(key)
        assert (ring.pick(key), len(ranked)) == (ranked[0], len(ring))
        assert fewer.pick(key) == next(name for name in ranked if name != "b")
    share = sum(ring.pick(key) == "c" for key in keys) / len(keys)
    assert 0.45 < share < 0.55
    for nodes in ([], ["a", "a"], [("a", 0.0)]):
        with pytest.raises(ValueError, match="nodes"):
            wxcore.HashRing(nodes)


def test_every_cause_is_documented() -> None:
    """The page and the code are one list."""
    page = REJECTIONS.read_text()
    codes = [code for code, *_ in _wxcore.reasons()]
    assert len(set(codes)) == len(codes)
    for code, blame, status, meaning in _wxcore.reasons():
        assert f"| `{code}` | {status} | {blame} | {meaning} |" in page


def test_check_names_every_problem_by_its_path() -> None:
    """What only the core can judge."""
    account: dict[str, object] = {"name": "shop", "kind": "official"}
    account |= {"receive_ids": ["wx1"], "tokens": ["t"]}
    account |= {"aes_keys": ["short"], "mode": "safe", "format": "xml", "max_age": 1}
    routes: list[dict[str, object]] = [{"when": {"content": "("}}, {"upstream": 7}]
    found = dict(_wxcore.check(json.dumps({"accounts": [account], "routes": routes}).encode()))
    assert set(found) == {
        "account.shop.aes_key[0]",
        "account.shop.max_age",
        "route[0].when.content",
        "route[1].to",
    }
    assert [path for path, _ in _wxcore.check(b'{"accounts": 1}')] == ["line 1 column 14"]


def test_one_envelope_serves_many_threads() -> None:
    """It is frozen: nothing to share wrongly."""
    envelope = wxcore.Envelope(TOKEN, [KEY, OLD], APPID)
    body, signature = sealed()
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda _: opened(envelope, body, signature).get("Content"), range(2000))
        assert set(found) == {"你好"}
