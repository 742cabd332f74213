"""The core built in other ways, beside the one that is shipped: ``python benches/variants.py``.

Each way has a target folder of its own in ``.cache/variants``. All take turns, each time in a new
process; a ratio is taken within a round. Decision 31 has what came of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import timeit
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).parents[1]
_CACHE = _ROOT / ".cache/variants"
_CALLS, _REPEATS = 5_000, 15


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to build it."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    """For cargo, above that of ``Cargo.toml``'s profile."""
    features: str = "sm"


_RELEASE = "CARGO_PROFILE_RELEASE_"
_ALL = (
    Variant("shipped"),
    Variant("thin LTO", {_RELEASE + "LTO": "thin", _RELEASE + "CODEGEN_UNITS": "4"}),
    Variant("no LTO", {_RELEASE + "LTO": "off", _RELEASE + "CODEGEN_UNITS": "16"}),
    Variant("for this processor alone", {"RUSTFLAGS": "-Ctarget-cpu=native"}),
    Variant("without overflow checks", {_RELEASE + "OVERFLOW_CHECKS": "false"}),
    Variant("abi3", features="sm,abi3"),
)


def main() -> None:
    """Build what is chosen, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", action="store_true", help="what each process is started for")
    args = parser.parse_args()
    if args.measure:
        json.dump(_times(), sys.stdout)
        return
    built = {variant.name: _built(variant) for variant in _ALL}
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in built}
    for turn in range(args.rounds):
        order = [*built][turn % len(built) :] + [*built][: turn % len(built)]
        for name in order:
            seen[name].append(_measured(built[name]))
    for name, rounds in seen.items():
        ratios = {
            what: [
                one[what] / base[what] for one, base in zip(rounds, seen["shipped"], strict=True)
            ]
            for what in rounds[0]
        }
        size = next(built[name].glob("wxcore/_wxcore*.so")).stat().st_size / 1e6
        sys.stdout.write(f"{name}: {size:.1f} MB\n")
        for what, found in ratios.items():
            micros = median(one[what] for one in rounds)
            spread = f"{median(found):.3f} ({min(found):.3f} to {max(found):.3f})"
            sys.stdout.write(f"  {what}: {micros:.3f} us, {spread} of the shipped one's\n")


def _built(variant: Variant) -> Path:
    """Return a folder to import ``wxcore`` from."""
    folder = _CACHE / variant.name.replace(" ", "-")
    command = ("cargo", "build", "--release", "--locked", "--quiet", "--package", "wxcore-py")
    python = {"PYO3_PYTHON": sys.executable, "PYO3_BUILD_EXTENSION_MODULE": "1"}
    subprocess.run(
        [*command, "--features", variant.features, "--target-dir", str(folder / "target")],
        cwd=_ROOT,
        env=os.environ | python | variant.environment,
        check=True,
    )
    package = folder / "python/wxcore"
    shutil.rmtree(package, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(_ROOT / "python/wxcore", package, ignore=ignored)
    shutil.copy(folder / "target/release/lib_wxcore.so", package / "_wxcore.so")
    return package.parent


def _measured(folder: Path) -> dict[str, float]:
    done = subprocess.run(
        (sys.executable, __file__, "--measure"),
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _times() -> dict[str, float]:
    """Microseconds of one call."""
    import wxcore  # noqa: PLC0415 (whichever is meant)
    from wechat import ACCOUNT, SIZES, push  # noqa: PLC0415
    from wxcore._wxcore import Gateway  # noqa: PLC0415

    assert str(_CACHE) in str(wxcore.__file__), wxcore.__file__
    gateway = Gateway(json.dumps({"accounts": [ACCOUNT], "routes": [{}]}).encode())
    ring = wxcore.HashRing([f"node-{number}" for number in range(32)])
    calls: dict[str, Callable[[], object]] = {"HashRing.pick, 32 nodes": partial(ring.pick, "user")}
    for size, plain in SIZES.items():
        sent = push(plain)
        request = ("shop", None, "POST", sent.query, [], sent.body, sent.now * 1000)
        assert gateway.receive(*request).outcome == "event"
        calls[f"Gateway.receive, {size}"] = partial(gateway.receive, *request)
    return {what: _time(call) for what, call in calls.items()}


def _time(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=_CALLS, repeat=_REPEATS)) / _CALLS * 1e6


if __name__ == "__main__":
    main()
