"""The interpreter: one that was not compiled by a profile takes a tenth more CPU for a message."""

from __future__ import annotations

import platform
import sys
import sysconfig

from wxgate.doctor.finding import Finding

_EXPECTED = "one compiled by a profile (PGO): a message takes a tenth less CPU with it"


def interpreter() -> Finding:
    """Say which one this is, and whether it was compiled by a profile."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if by_profile():
        return Finding("ok", "interpreter", f"{found}, compiled by a profile")
    return Finding("warn", "interpreter", f"{found}, compiled without a profile", _EXPECTED)


def by_profile() -> bool:
    """Whether this interpreter says so; Debian's does not, but all of distributions are."""
    told = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in told or sys.base_prefix == "/usr"
