"""A gateway run in other ways, beside one as it is: ``python benches/carry/ways.py``.

Other allocators, and cores that ``benches/variants.py`` has built. All take turns; a ratio is taken
within a round. Decision 31 has what came of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

import growth
from growth import Variant

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9, with_jemalloc

_BUILT = Path(__file__).parents[2] / ".cache/variants"
_AXIS = "run"
_AS_IT_IS = "as it is"
_AGAIN = "as it is, another one"
"""How far two alike are apart."""
_KEEPS = "glibc.malloc.trim_threshold=268435456:glibc.malloc.mmap_threshold=33554432"
_ONE_ARENA = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=2000"


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--messages", type=int, default=20_000)
    args = parser.parse_args()
    ways = {_AS_IT_IS: {}, _AGAIN: {}, **_allocators(), **_cores()}
    variants = tuple(
        Variant(((_AXIS, name),), environment=tuple(environment.items()))
        for name, environment in ways.items()
    )
    seen = growth.compare(variants, args.rounds, args.messages)["axes"][_AXIS]
    base = seen[_AS_IT_IS]
    for name, one in seen.items():
        ratios = [a / b for a, b in zip(one["cpu"], base["cpu"], strict=True)]
        sys.stdout.write(
            f"{name}: {median(one['cpu']):.1f} us a message, "
            f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), "
            f"{one['memory']:.1f} MB\n"
        )


def _allocators() -> dict[str, dict[str, str]]:
    ways = {
        "the C library's, keeping what is freed": {"GLIBC_TUNABLES": _KEEPS},
        "the same, one arena, larger caches": {"GLIBC_TUNABLES": f"{_KEEPS}:{_ONE_ARENA}"},
    }
    jemalloc = with_jemalloc(VALKEY_9).preload
    if jemalloc is None:
        sys.stderr.write("absent: jemalloc: `tools/redis-from-debian.sh` fetches it\n")
        return ways
    return {"jemalloc": {"LD_PRELOAD": str(jemalloc)}, **ways}


def _cores() -> dict[str, dict[str, str]]:
    """Those that are built."""
    names = ("by-a-profile", "the-GIL-lent-out-meanwhile")
    for name in names:
        if not (_BUILT / name).exists():
            sys.stderr.write(f"absent: core {name}: `benches/variants.py` builds it\n")
    return {
        f"core {name}": {"PYTHONPATH": str(_BUILT / name / "python")}
        for name in names
        if (_BUILT / name).exists()
    }


if __name__ == "__main__":
    main()
