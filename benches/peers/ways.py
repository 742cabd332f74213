"""A gateway with other threads and windows beside one as it is: ``python benches/peers/ways.py``.

Claims in Redis, to a stream, as peers are measured: at full speed, and at a load that both are
given. A ratio is taken within a round. ``--load 250`` tells of a quiet node, ``--only`` chooses.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1]))

import ours
from contender import HERE, Contender, Installed
from figures import Row
from measure import Plan, pair
from otherwise import WAYS
from rivals import OURS
from world import valkey

if TYPE_CHECKING:
    from contender import Place

_TOLD = {
    "cpu": "µs at full speed",
    "rate": "messages/s",
    "valkey": "Valkey's µs",
    "loaded": "µs at the load",
    "p50": "p50 ms",
    "p99": "p99 ms",
}


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=WAYS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round at each load")
    parser.add_argument("--load", type=int, help="messages a second; half of capacity otherwise")
    args = parser.parse_args()
    plan = Plan(args.rounds, args.seconds, args.load)
    with valkey() as server:
        for name in args.only or WAYS:
            _say(name, pair(OURS, _way(name), server, plan))


def _way(name: str) -> Contender:
    def install() -> Installed:
        shared = ours.shared()

        def command(place: Place) -> list[str]:
            shared.command(place)  # writes the configuration
            return [sys.executable, str(HERE / "otherwise.py"), name]

        return Installed(command, shared.versions)

    return Contender(name.replace(" ", "-").replace("/", "-"), name, install, role="wxgate")


def _say(name: str, seen: dict[str, Any]) -> None:
    sys.stdout.write(f"{name}, and of the one as it is; the load is {seen['load']:,}/s\n")
    for what, unit in _TOLD.items():
        its, ours = (Row(tuple(seen[side][what])) for side in ("other", "wxgate"))
        sys.stdout.write(f"  {unit}: {its.text()}, {its.over(ours).text()}×\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
