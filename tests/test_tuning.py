"""What processes of wxgate ask of kernel and interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SAY = """
import gc, os, threading
from wxgate import tuning
tuning.settle_in()
tuning.has_started()
seen = []
thread = threading.Thread(target=lambda: seen.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(os.sched_getscheduler(0), *seen, gc.get_threshold()[0], gc.get_freeze_count() > 1000)
"""

linux = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="scheduling policies are Linux's")


def said(policy: int | None = None) -> list[str]:
    """Tune a process, which was started under a policy, and have it say how it stands."""
    words = (sys.executable, "-c", _SAY)
    if policy is not None:
        set_it = f"import os; os.sched_setscheduler(0, {policy}, os.sched_param(0))"
        then = f"os.execv({sys.executable!r}, {words!r})"
        words = (sys.executable, "-c", f"{set_it}; {then}")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


@linux
def test_all_threads_let_others_finish_and_cycles_are_sought_rarely() -> None:
    """A thread that comes later inherits it."""
    batch = str(os.SCHED_BATCH)
    assert said() == [batch, batch, "10000", "True"]


@linux
def test_an_operator_s_policy_stays() -> None:
    """Whatever it is."""
    idle = str(os.SCHED_IDLE)
    assert said(os.SCHED_IDLE)[:2] == [idle, idle]
