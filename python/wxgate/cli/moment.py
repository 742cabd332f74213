"""Moments as an operator writes them: RFC 3339, or how long ago."""

from __future__ import annotations

import argparse
import datetime as dt
import re

_AGO = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EXAMPLES = "expected 2h, 30m, 7d, or a time with its offset like 2026-11-24T10:00:00+08:00"


def moment(text: str, now: int) -> int:
    """Return the Unix time in milliseconds that `text` means at `now`, which is one too.

    Raise ``argparse.ArgumentTypeError`` for anything else.
    """
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        reason = f'{_EXAMPLES}, not "{text}"'
        raise argparse.ArgumentTypeError(reason)
    return round(when.timestamp() * 1000)


def written(moment: int) -> str:
    """Write Unix milliseconds as RFC 3339 in UTC."""
    seconds, millis = divmod(moment, 1000)
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}.{millis:03}Z"
