"""Measure whole processes and write what was seen as JSON.

``--only PART`` measures one part and keeps what the file has of others. ``--check`` runs everything
once, with few messages: CI does that. Rivals are in ``../peers``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import backlog
import load
import overload
import startup
import state

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--backlog", type=int, default=200_000)
    parser.add_argument("--flood", type=float, default=1.5, help="seconds of each; 0: none")
    parser.add_argument("--only", metavar="PART", action="append")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.check:
        args.rounds, args.messages, args.starts, args.backlog = 1, 64, 1, 64
        args.flood = 0.02
    parts: dict[str, Callable[[], Any]] = {
        "startup": lambda: startup.run(args.starts),
        "load": lambda: load.run(args.rounds, args.messages),
        "backlog": lambda: backlog.run(args.backlog),
        "state": lambda: state.run(args.rounds, args.messages),
        "overload": lambda: overload.run(args.flood) if args.flood else {},
    }
    seen = json.loads(args.out.read_text()) if args.only and args.out and args.out.is_file() else {}
    for part in args.only or parts:
        seen[part] = parts[part]()
        if args.out is not None:
            args.out.write_text(json.dumps(seen, indent=1))


if __name__ == "__main__":
    main()
