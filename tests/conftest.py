"""What holds for every test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parents[1]

pytest_plugins = ["servers.fixtures"]

# Set by .ci/run: a test may be left out on a laptop, for want of a server, but not there.
NO_SKIP = os.environ.get("WXGATE_CI_NO_SKIP") == "1"


# An example may meet a machine that has other things to do; none of these tests is about time.
settings.register_profile("wxgate", deadline=None)
settings.load_profile("wxgate")


@pytest.fixture(scope="session")
def project_files() -> list[Path]:
    """The files of the project, relative to its root: committed, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [Path(name) for name in listing.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure that says why it was skipped."""
    report = yield
    # An expected failure reports itself as skipped too, with its reason in `wasxfail`.
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a whole file that skips itself."""
    report = yield
    if NO_SKIP and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    match report.longrepr:
        case (str(path), int(line), str(reason)):
            return f"{reason} ({path}:{line})"
        case other:
            return str(other)
