"""Measure whole processes and write what was seen as JSON.

``--check`` runs everything once, with few messages: CI does that. Rivals are in ``../peers``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import backlog
import load
import overload
import startup
import state


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--backlog", type=int, default=200_000)
    parser.add_argument("--flood", type=float, default=6.0, help="seconds of each; 0: none")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.check:
        args.rounds, args.messages, args.starts, args.backlog = 1, 64, 1, 64
        args.flood = 0.02
    seen = {
        "startup": startup.run(args.starts),
        "load": load.run(args.rounds, args.messages),
        "backlog": backlog.run(args.backlog),
        "state": state.run(args.rounds, args.messages),
        "overload": overload.run(args.flood) if args.flood else {},
    }
    if args.out is not None:
        args.out.write_text(json.dumps(seen, indent=1))


if __name__ == "__main__":
    main()
