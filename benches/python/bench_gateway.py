"""The one crossing that each message costs: from bytes to an event with its destinations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from wechat import ACCOUNT, SIZES, USER, push
from wxcore._wxcore import Gateway

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("size", SIZES)
def bench_receive(benchmark: BenchmarkFixture, size: str) -> None:
    """Query, signature, decryption, fields, identity, route, event."""
    gateway = Gateway(json.dumps({"accounts": [ACCOUNT], "routes": [{}]}).encode())
    sent = push(SIZES[size])
    request = ("shop", None, "POST", sent.query, [], sent.body, sent.now * 1000)
    received = gateway.receive(*request)
    assert (received.outcome, received.id) == ("event", "shop:m:24539081234567890")
    assert (received.status, received.body, received.key) == (200, b"success", USER)
    event = json.loads(received.event)
    assert event["data"]["Content"] in SIZES[size].decode()
    benchmark.group = f"Gateway.receive, {size}"
    assert benchmark(gateway.receive, *request).outcome == "event"
