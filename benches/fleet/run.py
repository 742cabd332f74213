"""Fleets at their size, on a Valkey, and what a message costs that: writes what was seen as JSON.

``--check`` runs everything once and small: CI does that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cost
import msgspec
from wxgate.bench.fleet import account
from wxgate.bench.fleet.play import SIZES, play

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9, with_jemalloc
from servers.server import Server


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0, help="of keys and messages")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.check:
        args.scale = 0.01
    with tempfile.TemporaryDirectory() as name:
        seen = _seen(Path(name), args.scale, small=args.check)
    if args.out is not None:
        args.out.write_text(json.dumps(seen, indent=1))


def _seen(folder: Path, scale: float, *, small: bool) -> dict[str, Any]:
    if VALKEY_9.program is None:
        return _played(scale, None) | {"absent": VALKEY_9.otherwise}
    with Server(VALKEY_9, folder / "valkey") as server:
        played = _played(scale, server.url)
    # Another one, with the allocator that a whole day has too.
    (folder / "gateway").mkdir()
    with Server(with_jemalloc(VALKEY_9), folder / "valkey") as server:
        return played | {"redis_us": cost.run(server, folder / "gateway", small=small)}


def _played(scale: float, redis: str | None) -> dict[str, Any]:
    played = play(SIZES, scale=scale, redis=redis, say=_say)
    wrong = account.faults(played)
    assert not wrong, wrong
    seen: dict[str, Any] = msgspec.to_builtins(played)
    return seen


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")


if __name__ == "__main__":
    main()
