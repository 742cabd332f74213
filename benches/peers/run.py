"""Measure wxgate beside its peers, pair by pair, and write what was seen as JSON.

``--only NAME`` measures one pair and keeps what the file has of others. ``--check`` has each that
needs nothing from elsewhere do its work once, on few messages: CI does that.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1]))

from contender import AbsentError
from measure import CONNECTIONS, Plan, pair
from page import section
from rivals import ALL, OURS
from world import valkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contender import Contender
    from servers.server import Server


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", action="append", choices=[one.key for one in ALL])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a round at each load")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    plan = Plan(1, 0.02) if args.check else Plan(args.rounds, args.seconds)
    chosen = [one for one in ALL if one.key in (args.only or [one.key])]
    if args.check:
        chosen = [one for one in chosen if one.local]
    seen = _before(args.out) if args.only else _nothing()
    for _ in _one_by_one(chosen, seen, plan, strict=args.check):
        if args.out is not None:
            args.out.write_text(json.dumps(seen, indent=1))
    if not args.check:
        sys.stdout.write(section(seen))


def _one_by_one(
    chosen: list[Contender], seen: dict[str, Any], plan: Plan, *, strict: bool
) -> Iterator[None]:
    """Measure each, and give the caller a turn after it."""
    try:
        with valkey() as server:
            for one in chosen:
                try:
                    _measure(one, seen, server, plan)
                except AssertionError as error:
                    if strict:
                        raise
                    # One that does not do the work takes nothing from the others.
                    _leave_out(one, seen, f"failed: {error}")
                yield
    except AbsentError as error:
        for one in chosen:
            _leave_out(one, seen, f"absent: {error}")
        yield


def _measure(one: Contender, seen: dict[str, Any], server: Server, plan: Plan) -> None:
    seen |= {"valkey": server.flavour.version, "connections": CONNECTIONS}
    seen["pairs"].pop(one.key, None)
    seen["absent"].pop(one.key, None)
    try:
        found = pair(OURS, one, server, plan)
    except AbsentError as error:
        _leave_out(one, seen, f"absent: {error}")
        return
    seen["pairs"][one.key] = found
    _say(_told(found))


def _leave_out(one: Contender, seen: dict[str, Any], reason: str) -> None:
    seen["absent"][one.key] = {"name": one.name, "reason": reason}
    _say(f"{one.name}: {reason}")


def _told(found: dict[str, Any]) -> str:
    ours, other = found["wxgate"], found["other"]
    versions = ", ".join(f"{name} {version}" for name, version in other["versions"].items())
    return (
        f"{found['name']} ({versions}): {_middle(other['cpu']):.1f} µs of CPU a message, "
        f"wxgate {_middle(ours['cpu']):.1f}; at {found['load']:,}/s p99 "
        f"{_middle(other['p99']):.2f} ms, wxgate {_middle(ours['p99']):.2f}"
    )


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _before(file: Path | None) -> dict[str, Any]:
    if file is None or not file.is_file():
        return _nothing()
    seen: dict[str, Any] = json.loads(file.read_text())
    return seen


def _nothing() -> dict[str, Any]:
    return {"pairs": {}, "absent": {}, "valkey": "absent", "connections": CONNECTIONS}


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")


if __name__ == "__main__":
    main()
