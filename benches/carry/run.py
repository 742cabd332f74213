"""What one machine carries, and how that grows: writes what was seen as JSON.

``--check`` runs everything once and small: CI does that.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import added
import curve
import days
import growth

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="at each rate")
    parser.add_argument("--messages", type=int, default=30_000, help="of each day")
    parser.add_argument("--rate", type=float, help="taken for what is carried; else the curve's")
    parser.add_argument("--tail", type=int, default=0, help="messages at each rate, at least")
    parser.add_argument("--only", metavar="PART", action="append", help="and leave others as is")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.check:
        args.rounds, args.seconds, args.messages, args.rate = 1, 0.1, 100, 200.0
    seen = json.loads(args.out.read_text()) if args.only and args.out and args.out.is_file() else {}
    course = curve.Course(args.seconds, args.rounds)
    if args.check:
        course = replace(course, rates=course.rates[:2])
    parts: dict[str, Callable[[], Any]] = {
        "growth": lambda: growth.run(args.rounds * 3, args.messages // 3, small=args.check),
        "curve": lambda: curve.run(course),
        "days": lambda: days.run(
            args.messages, _rates(args.rate, seen["curve"]), args.seconds, args.tail
        ),
        "added": lambda: added.run(args.rounds, args.seconds, small=args.check),
    }
    for part in args.only or parts:
        seen[part] = parts[part]()
        if args.out is not None:
            args.out.write_text(json.dumps(seen, indent=1))


def _rates(asked: float | None, seen: dict[str, dict[str, Any]]) -> dict[str, float]:
    """By destination, what was asked for; or the highest rate that it carried."""
    return {to: asked or curve.carried(of["rates"]) for to, of in seen.items()}


if __name__ == "__main__":
    main()
