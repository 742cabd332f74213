"""A message in a few words."""

from __future__ import annotations

from typing import Any

import pytest
from wxgate.sim.gist import gist


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"MsgType": "text", "Content": "你好"}, "text 「你好」"),
        ({"msgtype": "text", "text": {"content": "在吗"}}, "text 「在吗」"),
        ({"MsgType": "event", "Event": "SCAN", "EventKey": "7"}, "SCAN 7"),
        ({"msgtype": "event", "event": {"eventtype": "enter_chat"}}, "enter_chat"),
        ({"SuiteId": "ww1", "InfoType": "suite_ticket", "SuiteTicket": "t"}, "suite_ticket"),
        ({"out_trade_no": "T1", "total_fee": "8800"}, "¥88.00 T1"),
        ({"req_info": {"out_trade_no": "T1", "refund_fee": "5", "total_fee": "9"}}, "¥0.05 T1"),
        (
            {"event_type": "REFUND.SUCCESS", "resource": {"amount": {"total": 9, "refund": 5}}},
            "REFUND.SUCCESS ¥0.05",
        ),
        ({"event_type": "COMPLAINT.CREATE", "resource": {}}, "COMPLAINT.CREATE"),
        ({"MsgType": "text", "Content": "a\nb " + "c" * 60}, "text 「a b " + "c" * 37 + "…"),
        ({}, ""),
    ],
)
def test_it_says_what_tells_most(fields: dict[str, Any], words: str) -> None:
    """What was said, or ordered, and on one short line."""
    assert gist(fields) == words
    assert len(words) <= 48
