"""A6: power cuts, on a simulated machine: what the kernel holds outlives a real `kill -9`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import number
from .stand import SEED, write_down

CUTS = number("FAULT_POWER_CUTS", 2000)
_ROOT = Path(__file__).parents[2]
_TEST = "crashes::power_cuts_anywhere_lose_nothing_and_repeat_nothing"
_LINE = re.compile(r"power cuts (\d+), kills (\d+), acknowledged (\d+)")


@pytest.mark.slow_faults
@pytest.mark.timeout(1800)
def test_a6_power_cuts(row: str) -> None:
    """The journal against a plain list: nothing lost, nothing settled comes again."""
    if (cargo := shutil.which("cargo")) is None:
        pytest.skip("no cargo here: the journal's own tests need it")
    command = [cargo, "test", "--locked", "--release", "--quiet", "-p", "wxcore", "--test"]
    done = subprocess.run(
        [*command, "journal", "--", "--exact", _TEST, "--nocapture"],
        cwd=_ROOT,
        env={**os.environ, "FAULT_POWER_CUTS": str(CUTS), "WXGATE_FAULT_SEED": SEED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = _LINE.search(done.stdout)
    assert found, done.stdout
    cuts, _, acknowledged = map(int, found.groups())
    assert cuts >= CUTS
    write_down(
        row=row,
        cycles=cuts,
        acknowledged=acknowledged,
        lost=0,
        around_kills=0,
        otherwise=0,
        restart=0.0,
    )
