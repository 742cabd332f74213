"""`wxgate demo`: the real gateway, a player of WeChat's part, a service; and the books of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
from wxgate.cli import main
from wxgate.sim.demo.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demos_numbers_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Two seconds of everything: each call is counted once, each message arrives once."""
    code = main(["demo", "--seconds", "2", "--json"])
    told: dict[str, Any] = msgspec.json.decode(capsys.readouterr().out)
    assert (code, told["ok"], told["faults"]) == (0, True, [])
    taken = told["accepted"] + told["repeated"] + told["answered"]
    assert told["sent"] == taken + sum(told["refused"].values())
    assert told["accepted"] == told["delivered"] == told["arrived"] == told["messages"] > 0
    assert told["repeated"] > 0
    assert told["replied"] > 0
    assert told["refused"]


def test_the_demo_shows_what_arrives_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, replies and refusals are told, then the summary."""
    assert main(["demo", "--seconds", "2"]) == 0
    out = capsys.readouterr().out
    assert "WeChat posts " in out
    assert "the service reads wechat.official.text: text 「你好」" in out
    assert "  → " in out
    assert "it adds up" in out
    assert "\x1b" not in out
    # Some 40; of an errand that has begun each line is told.
    assert len(out.splitlines()) <= 60


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing_behind(tmp_path: Path, stop: signal.Signals) -> None:
    """Neither a gateway, nor a worker of it, nor a folder with keys."""
    command = [sys.executable, "-m", "wxgate.cli", "demo", "--seconds", "60"]
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        assert demo.stdout.readline().startswith("wxgate serves ")
        family = psutil.Process(demo.pid).children(recursive=True)
        assert family
        demo.send_signal(stop)
        out, _ = demo.communicate(timeout=20)
    assert (demo.returncode, out.splitlines()[-1]) == (1, "stopped")
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert not list(tmp_path.iterdir())


def test_a_demo_that_nobody_reads_stops(tmp_path: Path) -> None:
    """As in `wxgate demo | head`: no traceback, nothing left behind."""
    command = [sys.executable, "-m", "wxgate.cli", "demo", "--seconds", "60"]
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True) as demo:
        assert demo.stdout
        assert demo.stderr
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.wait(timeout=20) == 1
        assert demo.stderr.read() == ""
    assert not list(tmp_path.iterdir())


def test_a_gateway_that_does_not_start_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what it logged, and exit code 1."""
    monkeypatch.setattr("wxgate.sim.demo.show.free_port", lambda: 1)
    assert main(["demo", "--seconds", "1"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("the gateway did not start:\n")
    assert "is the same address as listen" in shown


def books() -> Tally:
    """Books that are in order."""
    tally = Tally(calls=4, genuine=3, expected=Counter({"verify.bad_signature": 1}))
    tally.arrived.update(["a"])
    tally.counters = {
        ("accepted", ""): 1,
        ("repeated", ""): 1,
        ("delivered", ""): 1,
        ("answered", ""): 1,
        ("refused", "verify.bad_signature"): 1,
    }
    return tally


def test_books_in_order_have_no_faults() -> None:
    """The retry is a call, not an arrival."""
    tally = books()
    assert tally.faults() == []
    assert "4 sent = 1 + 1 + 1 + 1: it adds up" in "\n".join(tally.lines(1.0))


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("calls", "sent = accepted + repeated + answered + refused"),
        ("genuine", "each genuine call is taken"),
        ("disappointed", "WeChat is satisfied"),
    ],
)
def test_one_too_many_is_a_fault(name: str, claim: str) -> None:
    """Nothing is rounded off."""
    tally = books()
    setattr(tally, name, getattr(tally, name) + 1)
    assert tally.faults() == [claim]


def test_a_message_that_arrives_twice_is_a_fault() -> None:
    """Even if it was also counted twice."""
    tally = books()
    tally.arrived["a"] += 1
    tally.counters = {**tally.counters, ("delivered", ""): 2}
    assert tally.faults() == ["accepted = delivered = arrived", "each message arrives once"]


def test_a_lost_message_and_a_wrong_cause_are_faults() -> None:
    """The service's own count is held against the gateway's."""
    tally = books()
    del tally.arrived["a"]
    tally.expected["request.stale"] += 1
    assert tally.faults() == [
        "accepted = delivered = arrived",
        "each forgery is refused for its own cause",
    ]
