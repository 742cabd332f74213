"""[journal]: what it takes and what it refuses."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from wxgate.settings.journal import Journal

if TYPE_CHECKING:
    from .conftest import Find, Load

RAW = bytes(range(32))


def test_the_defaults_are_those_of_a_file_without_the_table(settings_of: Load, shop: str) -> None:
    """A journal is always there; nothing must be written for it."""
    journal = settings_of(shop).journal
    assert journal == settings_of(f"{shop}[journal]\n").journal
    assert journal == Journal()
    assert (journal.dir, journal.durability, journal.key) == ("data/journal", "data", None)
    assert (journal.segment, journal.max_bytes) == (16 << 20, 8 << 30)
    assert (journal.retain, journal.retain_bytes) == (24, 1 << 30)


@pytest.mark.parametrize("written", [RAW.hex(), RAW.hex().upper(), base64.b64encode(RAW).decode()])
def test_a_key_is_hex_or_base64(settings_of: Load, shop: str, written: str) -> None:
    """Both as openssl writes them; the value shows nowhere."""
    journal = settings_of(f'{shop}[journal]\nkey = "env:SEAL"\n', SEAL=written).journal
    assert journal.key is not None
    assert journal.key.raw == RAW
    assert written not in repr(journal)


@pytest.mark.parametrize(
    "value",
    ["", "x" * 64, "00" * 16, "00" * 31 + "0", base64.b64encode(RAW[1:]).decode(), "=" * 44],
)
def test_what_is_no_key(problems_of: Find, shop: str, value: str) -> None:
    """Half a key is not stretched into a whole one, and the value is not quoted."""
    (problem,) = problems_of(f'{shop}[journal]\nkey = "env:SEAL"\n', SEAL=value).values()
    assert problem.path == "journal.key"
    assert not value or value not in str(problem)


@pytest.mark.parametrize(
    "line",
    [
        'dir = ""',
        'durability = "fsync"',
        "segment = 1048575",
        "max_bytes = 0",
        "retain = -1",
        "retain_bytes = -1",
    ],
)
def test_limits(problems_of: Find, shop: str, line: str) -> None:
    """Each limit is bounded."""
    found = problems_of(f"{shop}[journal]\n{line}\n")
    assert list(found) == [f"journal.{line.split(maxsplit=1)[0]}"]


def test_what_is_kept_leaves_room_for_what_waits(
    problems_of: Find, settings_of: Load, shop: str
) -> None:
    """Delivered messages must never be why a new one is refused. Defaults count."""
    assert list(problems_of(f"{shop}[journal]\nmax_bytes = 1073741824\n")) == ["journal.max_bytes"]
    least = (1 << 30) + 2 * (64 << 20)
    journal = settings_of(f"{shop}[journal]\nmax_bytes = {least}\n").journal
    assert journal.max_bytes == least
