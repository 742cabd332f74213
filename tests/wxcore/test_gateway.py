"""The compiled gateway, called as the server calls it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import wxcore
from hypothesis import given, settings
from hypothesis import strategies as st
from wxcore._wxcore import Gateway, Received, check, reasons

KEY, NOW = "SentinelAesKeyabcdefghijklmnopqrstuvwxyz012", 1714112445
ENVELOPE = wxcore.Envelope("SentinelToken", KEY, "wx1")
ACCOUNT: dict[str, Any] = {
    "name": "shop",
    "kind": "official",
    "receive_ids": ["wx1"],
    "tokens": ["SentinelToken"],
    "aes_keys": [KEY],
    "mode": "safe",
    "format": "xml",
    "max_age": 600,
}
UPSTREAM = {"name": "u", "nodes": [{"url": "http://a"}, {"url": "http://b", "weight": 2.0}]}
XML = (
    b"<xml><ToUserName>gh_1</ToUserName><FromUserName>user</FromUserName>"
    b"<CreateTime>1714112445</CreateTime><MsgType>text</MsgType>"
    b"<Content>hello</Content><MsgId>7</MsgId></xml>"
)
CODES = {code: status for code, _, status, _ in reasons()}


def compiled(*routes: dict[str, Any]) -> Gateway:
    """A gateway of one account."""
    blob = {"accounts": [ACCOUNT], "upstreams": [UPSTREAM], "routes": routes}
    return Gateway(json.dumps(blob).encode())


GATEWAY = compiled({"when": {"content": "^hello"}, "upstream": 0, "reply": "wait"})


def push(
    gateway: Gateway = GATEWAY,
    xml: bytes = XML,
    now: int = NOW,
    change: dict[str, str] | None = None,
) -> Received:
    """A push as WeChat sends it, but for what is changed."""
    body, signature = ENVELOPE.seal(xml, timestamp=str(NOW), nonce="n")
    plain = ENVELOPE.sign(str(NOW), "n")
    query = {"signature": plain, "timestamp": str(NOW), "nonce": "n", "msg_signature": signature}
    return gateway.receive(
        "shop", None, "POST", urlencode(query | (change or {})), [], body, now * 1000
    )


def test_a_push_becomes_an_event() -> None:
    """With its identity and the nodes in their order."""
    received = push()
    assert (received.outcome, received.code, received.id) == ("event", None, "shop:m:7")
    assert received.key == "user"
    ((route, nodes, wait),) = received.destinations
    assert (route, sorted(nodes), wait) == (0, [0, 1], True)
    assert json.loads(received.event)["data"]["Content"] == "hello"
    assert received.nonce is None
    ranked = wxcore.HashRing(["http://a", ("http://b", 2.0)]).ranked("user")
    assert [UPSTREAM["nodes"][at]["url"] for at in nodes] == ranked  # type: ignore[index]


def test_a_get_is_answered() -> None:
    """The URL verification."""
    query = {"signature": ENVELOPE.sign(str(NOW), "n"), "timestamp": str(NOW), "nonce": "n"}
    answer = GATEWAY.receive(
        "shop", None, "GET", urlencode(query | {"echostr": "echo"}), [], b"", NOW * 1000
    )
    assert (answer.outcome, answer.status, answer.body) == ("answer", 200, b"echo")
    assert not hasattr(answer, "event")


@pytest.mark.parametrize(
    ("change", "later", "code"),
    [
        ({"msg_signature": "0" * 40}, 0, "verify.bad_signature"),
        ({"msg_signature": ""}, 0, "request.missing_parameter"),
        ({"timestamp": "soon"}, 0, "request.bad_timestamp"),
        ({"nonce": "other"}, 0, "verify.bad_signature"),
        ({}, 601, "request.stale"),
        ({}, -301, "request.future"),
    ],
)
def test_a_push_is_refused_for_its_cause(change: dict[str, str], later: int, code: str) -> None:
    """The status is that of the table, the body says nothing."""
    received = push(now=NOW + later, change=change)
    assert (received.outcome, received.code) == ("refused", code)
    assert received.status == CODES[code]
    assert b"Sentinel" not in received.body
    assert not hasattr(received, "event")


def test_what_no_route_takes_is_sent_again() -> None:
    """Rather than lost."""
    received = push(xml=XML.replace(b"hello", b"other"))
    assert (received.outcome, received.code, received.status) == ("refused", "route.no_route", 503)


def test_also_goes_on_to_the_next_route() -> None:
    """The first that matches without it is the last."""
    gateway = compiled({"also": True}, {"when": {"kind": "pay"}}, {"upstream": 0}, {})
    assert [route for route, _, _ in push(gateway).destinations] == [0, 2]


@given(st.text(), st.text(), st.sampled_from(["GET", "POST", "PUT", ""]), st.text(), st.binary())
@settings(deadline=None)
def test_a_stranger_is_refused_in_order(
    account: str, authorizer: str, method: str, query: str, body: bytes
) -> None:
    """Whatever is sent: a code of the table, never an exception."""
    for name in (account, "shop"):
        received = GATEWAY.receive(name, authorizer or None, method, query, [], body, NOW * 1000)
        assert received.outcome == "refused"
        assert received.code in CODES


def test_what_the_gateway_says_of_itself() -> None:
    """Its accounts; and a configuration that cannot be compiled is told as `check` tells it."""
    assert GATEWAY.accounts() == [("shop", "official")]
    assert not GATEWAY.needs_headers("shop")
    blob = json.dumps({"accounts": [ACCOUNT | {"aes_keys": ["Sentinel"]}]}).encode()
    problems = check(blob)
    assert [path for path, _ in problems] == ["account.shop.aes_key[0]"]
    with pytest.raises(ValueError, match=r"account\.shop\.aes_key\[0\]: ") as raised:
        Gateway(blob)
    assert "Sentinel" not in str(raised.value)
    assert check(json.dumps({"accounts": [ACCOUNT]}).encode()) == []


@pytest.mark.parametrize("blob", [b"", b"{}", b"[", b'{"accounts": [], "more": "Sentinel"}'])
def test_a_blob_of_another_shape_is_not_shown(blob: bytes) -> None:
    """Only its place is told."""
    ((path, reason),) = check(blob)
    assert path.startswith("line ")
    assert "Sentinel" not in reason


def test_refusals_have_the_status_of_their_code() -> None:
    """For all codes."""
    for code, status in CODES.items():
        assert Gateway.refusal(code)[0] == status


def test_a_message_read_back_goes_to_the_node_it_was_for() -> None:
    """The journal keeps keys, not nodes: the configuration may have changed since."""
    message = push()
    ((route, nodes, _),) = message.destinations
    assert GATEWAY.nodes(route, message.key, message.account, message.id, 7, message.event) == nodes
    assert GATEWAY.nodes(99, message.key, message.account, message.id, 7, message.event) == []


def test_limits_are_told_in_two_ways() -> None:
    """Row by row, and as keys and terms; those of concurrency alone are in neither."""
    limits = [
        {"name": "user", "per": "openid", "rate": "2/s", "burst": 3},
        {"name": "open", "per": "account", "concurrency": 5},
        {"name": "all", "per": "account", "rate": "100/min", "burst": 20},
    ]
    blob = {"accounts": [ACCOUNT], "upstreams": [UPSTREAM], "routes": [{}], "limits": limits}
    message = push(Gateway(json.dumps(blob).encode()))
    rows = message.limits
    assert [rule for *_, rule in rows] == [0, 2]
    assert message.rules == [0, 1, 2]
    assert message.limit_keys == tuple(key for key, *_ in rows)
    assert message.limit_terms == b"".join(b"%d %d %d " % row[1:] for row in rows)
