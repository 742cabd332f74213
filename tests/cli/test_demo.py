"""`wxgate demo`: the real gateway, a player of WeChat's part, a service; and the books of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from wxgate.cli import main
from wxgate.sim.demo.tally import Tally


def test_the_demos_numbers_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Two seconds of everything: sent = accepted + answered + refused, accepted = arrived."""
    code = main(["demo", "--seconds", "2", "--json"])
    told: dict[str, Any] = msgspec.json.decode(capsys.readouterr().out)
    assert (code, told["ok"], told["faults"]) == (0, True, [])
    assert told["sent"] == told["accepted"] + told["answered"] + sum(told["refused"].values())
    assert told["accepted"] == told["delivered"] == told["arrived"] >= told["messages"] > 0
    assert told["replied"] > 0
    assert told["refused"]


def test_the_demo_shows_what_arrives_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, replies and refusals are told, then the summary."""
    assert main(["demo", "--seconds", "2"]) == 0
    out = capsys.readouterr().out
    assert "  → " in out
    assert "  ← " in out
    assert "it adds up" in out
    assert len(out.splitlines()) < 45


def books() -> Tally:
    """Books that are in order."""
    tally = Tally(calls=4, genuine=3, expected=Counter({"verify.bad_signature": 1}))
    tally.arrived.update(["a", "a"])
    tally.counters = {
        ("accepted", ""): 2,
        ("delivered", ""): 2,
        ("answered", ""): 1,
        ("refused", "verify.bad_signature"): 1,
    }
    return tally


def test_books_in_order_have_no_faults() -> None:
    """The retry is an arrival, not a message."""
    tally = books()
    assert tally.faults() == []
    assert "1 messages, 1 retries" in "\n".join(tally.lines(1.0))


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("calls", "sent = accepted + answered + refused"),
        ("genuine", "each genuine call is taken"),
        ("disappointed", "WeChat is satisfied"),
    ],
)
def test_one_too_many_is_a_fault(name: str, claim: str) -> None:
    """Nothing is rounded off."""
    tally = books()
    setattr(tally, name, getattr(tally, name) + 1)
    assert tally.faults() == [claim]


def test_a_lost_message_and_a_wrong_cause_are_faults() -> None:
    """The service's own count is held against the gateway's."""
    tally = books()
    tally.arrived["a"] -= 1
    tally.expected["request.stale"] += 1
    assert tally.faults() == [
        "accepted = delivered = arrived",
        "each forgery is refused for its own cause",
    ]
