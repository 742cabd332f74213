"""What is measured apart from ``make bench``, and kept: in ``results.json``, and in a page.

A whole day takes long, so that it is played when there is something new to say; the page
shows the last one, with its own date and commit, whatever else is measured again.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benches/results.json"
PAGE = ROOT / "benches/RESULTS.md"
APART = ("day", "profile")
"""Keys of ``results.json``."""


class BlockError(Exception):
    """A page has no place for a block."""


def read() -> dict[str, Any]:
    """All that was measured apart, by key."""
    seen: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {key: seen[key] for key in APART if key in seen}


def keep(key: str, seen: dict[str, Any]) -> None:
    """Write what was seen into ``results.json``, and leave the others."""
    kept = json.loads(RESULTS.read_text())
    kept[key] = seen
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def stamp() -> dict[str, str]:
    """When and of what something was measured."""
    command = ("git", "describe", "--always", "--dirty")
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "when": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": said.stdout.strip() or "unknown",
    }


def block(name: str, text: str) -> str:
    """Return the text as a block that can be found again."""
    return f"{_start(name)}{text}{_end(name)}"


def into(page: Path, name: str, text: str) -> None:
    """Replace the block of that name. Raises ``BlockError`` if the page has none."""
    head, start, rest = page.read_text().partition(_start(name))
    _, end, tail = rest.partition(_end(name))
    if not start or not end:
        reason = f"{page.name} has no block between {_start(name).strip()} and {_end(name).strip()}"
        raise BlockError(reason)
    page.write_text(head + start + text + end + tail)


def _start(name: str) -> str:
    return f"<!-- {name}:start -->\n"


def _end(name: str) -> str:
    return f"<!-- {name}:end -->\n"
