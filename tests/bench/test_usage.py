"""What processes have used, as it is read of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from wxgate.bench import usage

_BUSY = """\
import threading, time
def work():
    while time.thread_time() < 0.05: pass
thread = threading.Thread(target=work); thread.start(); thread.join()
print(time.process_time(), flush=True)
input()
"""


def test_a_process_is_read_by_its_own_clock() -> None:
    """To the nanosecond, and by the kernel's own count."""
    before = time.process_time()
    seen = usage.own_cpu_seconds(os.getpid())

    assert before <= seen <= time.process_time()


def test_a_child_counts_with_its_threads_that_ended() -> None:
    """Most of what a worker does it does in threads."""
    with subprocess.Popen(
        [sys.executable, "-c", _BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = float(child.stdout.readline())
        own, family = usage.own_cpu_seconds(child.pid), usage.cpu_seconds(os.getpid())
        child.communicate("\n")

    assert told >= 0.05
    assert own >= told
    assert family >= own


def test_a_process_that_ended_is_an_error() -> None:
    """Whoever asks for it learns that it is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass

    with pytest.raises(OSError, match="Invalid argument"):
        usage.own_cpu_seconds(child.pid)
