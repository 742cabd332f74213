"""The promise of conftest.py: where CI says so, a skip is a failure that names its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SKIPS = """
import pytest

def test_by_call():
    pytest.skip("no broker here")

@pytest.mark.skipif(True, reason="no kernel for it")
def test_by_mark():
    raise AssertionError

@pytest.mark.xfail(reason="known", strict=True)
def test_that_is_known_to_fail():
    raise AssertionError
"""
WHOLE_FILE = """
import pytest

pytest.importorskip("no_such_module_at_all")
"""


def run(folder: Path, text: str, no_skip: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over one file beside a copy of our conftest.py."""
    (folder / "test_it.py").write_text(text)
    (folder / "conftest.py").write_bytes((TESTS / "conftest.py").read_bytes())
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        env=os.environ | {"WXGATE_CI_NO_SKIP": no_skip, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_skip_is_a_failure_where_ci_says_so(tmp_path: Path) -> None:
    """Both kinds of skip fail with their reason; a strict expected failure stays one."""
    result = run(tmp_path, SKIPS, "1")
    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 xfailed, 1 error" in result.stdout  # a mark acts in the set-up
    assert "no broker here" in result.stdout
    assert "no kernel for it" in result.stdout


def test_a_file_that_skips_itself_is_an_error_there(tmp_path: Path) -> None:
    """A missing import must not take a whole file out of the run."""
    result = run(tmp_path, WHOLE_FILE, "1")
    assert result.returncode == pytest.ExitCode.INTERRUPTED
    assert "no_such_module_at_all" in result.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    """Without the variable nothing changes."""
    result = run(tmp_path, SKIPS, "")
    assert result.returncode == pytest.ExitCode.OK
    assert "2 skipped, 1 xfailed" in result.stdout
