"""Times on the command line."""

from __future__ import annotations

import argparse

import pytest
from wxgate.cli.moment import moment, written

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - 30_000),
        ("30m", NOW - 1_800_000),
        ("2h", NOW - 7_200_000),
        ("7d", NOW - 604_800_000),
        ("2026-11-24T10:00:00Z", 1_795_514_400_000),
        ("2026-11-24T18:00:00.250+08:00", 1_795_514_400_250),
    ],
)
def test_what_is_a_moment(text: str, expected: int) -> None:
    """How long ago, or RFC 3339."""
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2w", "²h", "2026-11-24", "yesterday"])
def test_what_is_none(text: str) -> None:
    """A time without its offset could be meant in two ways."""
    with pytest.raises(argparse.ArgumentTypeError, match="offset"):
        moment(text, NOW)


def test_it_is_written_as_it_is_read() -> None:
    """Milliseconds survive, also before 1970."""
    for at in (0, 1_795_514_400_250, -1):
        assert moment(written(at), NOW) == at
