"""What mypy knows of the public API; running it proves that the types are true, too."""

from __future__ import annotations

import json
from typing import Any, Literal, assert_type

import pytest
import wxcore
from wxcore import _wxcore


def envelope() -> None:
    """One string or several, in any place."""
    one = wxcore.Envelope("token", "A" * 43, "wx1")
    assert_type(wxcore.Envelope(["a", "b"], ("A" * 43,), ["wx1"]), wxcore.Envelope)
    body, signature = one.seal(b"<xml><A/></xml>", timestamp="1", nonce="n", shape="xml")
    assert_type(body, bytes)
    assert_type(signature, str)
    opened = one.open(body, msg_signature=signature, timestamp="1", nonce="n")
    assert_type(opened, wxcore.Opened)
    assert_type(opened.fields, dict[str, Any])
    assert_type(opened["A"], Any)
    assert_type(opened.get("MsgType"), str | None)
    assert_type(opened.content, bytes)
    assert_type(opened.key, int)
    assert_type(opened.receive_id, str)
    assert_type(one.decrypt(one.encrypt(b"")), tuple[bytes, str])
    assert_type(one.verify_url(one.sign("1", "n"), "1", "n", "echo"), str)


def pay() -> None:
    """Both versions of the protocol."""
    private, public = wxcore.generate_rsa_key()
    key = "0123456789abcdef0123456789ABCDEF"
    headers, body = wxcore.PaySender("PUB_KEY_ID_1", private, key).seal(
        b"{}",
        id="EV-1",
        event_type="TRANSACTION.SUCCESS",
        original_type="transaction",
        now=1,
        nonce="n",
        resource_nonce="0" * 12,
    )
    assert_type(headers, dict[str, str])
    verifier = wxcore.PayVerifier({"PUB_KEY_ID_1": public}, [key])
    notice = verifier.open(headers, body, now=1)
    assert_type(notice, wxcore.PayNotice)
    assert_type(notice.resource, bytes)
    assert_type(notice.summary, str | None)
    assert_type(notice.key, int)
    assert_type(verifier.platform_keys(), list[tuple[str, int | None]])
    fields = {"return_code": "SUCCESS", "transaction_id": "1"}
    sign = wxcore.pay_v2_sign(fields, key, "MD5")
    assert_type(sign, str)
    inside = "".join(
        f"<{name}>{value}</{name}>" for name, value in (fields | {"sign": sign}).items()
    )
    opened = wxcore.PayV2Verifier(key).open(f"<xml>{inside}</xml>".encode())
    assert_type(
        opened, tuple[Literal["signed", "refund", "resource"], dict[str, Any], bytes | None]
    )
    assert_type(wxcore.PrivateKey(private).sign(b""), bytes)
    assert_type(wxcore.PublicKey(public).verify(b"", b""), bool)


def partner() -> None:
    """Sealed with one secret, opened with several."""
    private, public = wxcore.generate_rsa_key()
    body = wxcore.PartnerSender("erp", "secret", private).seal(b"{}", nonce="n" * 16, now=1)
    assert_type(body, bytes)
    opened = wxcore.PartnerVerifier("erp", ["secret", "old"], public).open(body, now=1)
    assert_type(opened, tuple[bytes, str, int])


def gateway() -> None:
    """The core itself, whose outcomes are literals."""
    core = _wxcore.Gateway(b'{"accounts": []}')
    received = core.receive("shop", None, "GET", "", [], b"", 0)
    assert_type(received, _wxcore.Received)
    assert_type(received.outcome, Literal["answer", "event", "refused"])
    assert_type(received.code, str | None)
    with pytest.raises(AttributeError, match="only an event"):
        assert_type(received.event, bytes)
    assert_type(core.accounts(), list[tuple[str, str]])
    assert_type(core.refusal("admit.busy"), tuple[int, str, bytes])
    assert_type(_wxcore.check(b'{"accounts": []}'), list[tuple[str, str]])
    assert_type(_wxcore.reasons(), list[tuple[str, str, int, str]])


def event() -> None:
    """What only an event has."""
    received = _event()
    assert received.outcome == "event"
    assert_type(received.id, str)
    assert_type(received.event, bytes)
    assert_type(received.account, str)
    assert_type(received.subject, str | None)
    assert_type(received.type, str)
    assert_type(received.key, str)
    assert_type(received.destinations, list[tuple[int, list[int], bool]])
    assert_type(received.lifetime, int)
    assert_type(received.waits, bool)
    assert_type(received.prescribed, bool)
    assert_type(received.nonce, tuple[str, int] | None)


def claims() -> None:
    """Of one process."""
    one, received = _wxcore.Claims(1000, 1000), _event()
    assert_type(one.claim(received, 0), bytes | bool)
    key, until = one.answer(received, b"yes", 0)
    assert_type(one.lease(received.id, until), bytes)
    one.restore(key, until, b"yes")
    assert_type(one.dropped, int)
    assert_type(len(one), int)


def _event() -> _wxcore.Received:
    key = "A" * 43
    account: dict[str, Any] = {
        "name": "shop",
        "kind": "official",
        "receive_ids": ["wx1"],
        "tokens": ["token"],
    }
    account |= {"aes_keys": [key], "mode": "safe", "format": "xml", "max_age": 600}
    routes: list[dict[str, Any]] = [{"when": {}, "upstream": None, "reply": "ack", "also": False}]
    blob = {"accounts": [account], "upstreams": [], "routes": routes}
    xml = b"<xml><FromUserName>u</FromUserName><MsgType>text</MsgType><MsgId>1</MsgId></xml>"
    body, signature = wxcore.Envelope("token", key, "wx1").seal(xml, timestamp="1", nonce="n")
    query = f"timestamp=1&nonce=n&msg_signature={signature}"
    core = _wxcore.Gateway(json.dumps(blob).encode())
    return core.receive("shop", None, "POST", query, [], body, 1000)


def ring() -> None:
    """Names, and names with weights."""
    nodes = wxcore.HashRing(["a", ("b", 2.0)])
    assert_type(nodes.pick("key"), str)
    assert_type(nodes.ranked("key"), list[str])
    assert_type(len(nodes), int)


def rejected() -> None:
    """A ValueError that has a code."""
    try:
        wxcore.Envelope("token", "A" * 43, "wx1").decrypt("!")
    except wxcore.Rejected as error:
        assert_type(error.code, str)


def test_types_hold_at_run_time() -> None:
    """All of the above does what it says."""
    for part in (envelope, pay, partner, gateway, event, claims, ring, rejected):
        part()
