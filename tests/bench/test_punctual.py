"""A player that goes first, and what it starts meanwhile."""

from __future__ import annotations

import os

import pytest
from wxgate.bench.punctual import NotFirstError, punctual, why_not

FIRST = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK


def test_it_goes_first_and_what_it_starts_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads sign payments for minutes: before a gateway they would starve it."""
    asked: list[tuple[int, int, int]] = []

    def note(pid: int, policy: int, param: os.sched_param) -> None:
        asked.append((pid, policy, param.sched_priority))

    # Noted, not done: a machine may not grant it.
    monkeypatch.setattr(os, "sched_setscheduler", note)
    before = (0, os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
    with punctual():
        assert asked == [(0, FIRST, 1)]
    assert asked == [(0, FIRST, 1), before]


def test_the_system_grants_it_or_says_what_it_takes() -> None:
    """Either way the thread is afterwards what it was."""
    before = os.sched_getscheduler(0)
    reason = why_not()
    if reason is None:
        with punctual():
            assert os.sched_getscheduler(0) == FIRST
    else:
        assert "takes root or CAP_SYS_NICE" in reason
    assert os.sched_getscheduler(0) == before


def test_without_the_right_it_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is played."""

    def refuse(_pid: int, _policy: int, _param: os.sched_param) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)

    with pytest.raises(NotFirstError, match="CAP_SYS_NICE: Operation not permitted"), punctual():
        pytest.fail("it went on")
