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
import threading
import timeit
from dataclasses import dataclass, field, replace
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
    guided: bool = False
    """Whether by a profile of the very calls that are measured: more than that it cannot give."""
    edit: tuple[str, str, str] | None = None
    """A file, what stands in it once, and what is to stand there instead."""


_RELEASE = "CARGO_PROFILE_RELEASE_"
_ALL = (
    Variant("shipped"),
    Variant("thin LTO", {_RELEASE + "LTO": "thin", _RELEASE + "CODEGEN_UNITS": "4"}),
    Variant("no LTO", {_RELEASE + "LTO": "off", _RELEASE + "CODEGEN_UNITS": "16"}),
    Variant("for this processor alone", {"RUSTFLAGS": "-Ctarget-cpu=native"}),
    Variant("without overflow checks", {_RELEASE + "OVERFLOW_CHECKS": "false"}),
    Variant("abi3", features="sm,abi3"),
    Variant("by a profile", guided=True),
    Variant(
        "the GIL lent out meanwhile",
        edit=(
            "crates/wxcore-py/src/gateway.rs",
            "slf.get().inner.receive(account, authorizer, &request)",
            "{ let me = slf.get(); py.detach(|| me.inner.receive(account, authorizer, &request)) }",
        ),
    ),
)


def main() -> None:
    """Build what is chosen, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", action="store_true", help="what each process is started for")
    parser.add_argument("--only", nargs="*", default=[one.name for one in _ALL[1:]])
    args = parser.parse_args()
    if args.measure:
        json.dump(_times(), sys.stdout)
        return
    chosen = [one for one in _ALL if one.name in ("shipped", *args.only)]
    built = {variant.name: _built(variant) for variant in chosen if _can_be_built(variant)}
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


def _can_be_built(variant: Variant) -> bool:
    if variant.guided and not _profdata().exists():
        sys.stderr.write(
            f"absent: {variant.name}: no {_profdata()}; `rustup component add llvm-tools`\n"
        )
        return False
    return True


def _profdata() -> Path:
    """The compiler's own: a profile is for the LLVM that wrote it."""
    where = subprocess.check_output(("rustc", "--print", "target-libdir"), text=True).strip()
    return Path(where).with_name("bin") / "llvm-profdata"


def _profile() -> Path:
    """Build the core that counts, play the calls, and return what it has counted."""
    raw, merged = _CACHE / "profile", _CACHE / "profile.profdata"
    shutil.rmtree(raw, ignore_errors=True)
    _measured(_built(Variant("counting", {"RUSTFLAGS": f"-Cprofile-generate={raw}"})))
    subprocess.run((_profdata(), "merge", "-o", merged, raw), check=True)
    return merged


def _built(variant: Variant) -> Path:
    """Return a folder to import ``wxcore`` from."""
    if variant.guided:
        flags = {"RUSTFLAGS": f"-Cprofile-use={_profile()}"}
        variant = replace(variant, environment=flags, guided=False)
    folder = _CACHE / variant.name.replace(" ", "-")
    command = ("cargo", "build", "--release", "--locked", "--quiet", "--package", "wxcore-py")
    python = {"PYO3_PYTHON": sys.executable, "PYO3_BUILD_EXTENSION_MODULE": "1"}
    subprocess.run(
        [*command, "--features", variant.features, "--target-dir", str(folder / "target")],
        cwd=_edited(folder / "source", variant.edit) if variant.edit else _ROOT,
        env=os.environ | python | variant.environment,
        check=True,
    )
    package = folder / "python/wxcore"
    shutil.rmtree(package, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(_ROOT / "python/wxcore", package, ignore=ignored)
    shutil.copy(folder / "target/release/lib_wxcore.so", package / "_wxcore.so")
    return package.parent


def _edited(source: Path, edit: tuple[str, str, str]) -> Path:
    """Return a copy of the crates with one place changed."""
    file, old, new = edit
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for name in ("Cargo.toml", "Cargo.lock", "README.md"):
        shutil.copy(_ROOT / name, source / name)
    shutil.copytree(_ROOT / "crates", source / "crates")
    text = (source / file).read_text()
    assert text.count(old) == 1, f"{file} has changed: {old}"
    (source / file).write_text(text.replace(old, new))
    return source


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
    found = {what: _time(call) for what, call in calls.items()}
    busy = threading.Thread(target=_spin, daemon=True)
    busy.start()
    what = f"Gateway.receive, {next(iter(SIZES))}"
    return found | {f"{what}, beside a busy thread": _time(calls[what], 200, 5)}


def _spin() -> None:
    while True:
        pass


def _time(call: Callable[[], object], calls: int = _CALLS, repeats: int = _REPEATS) -> float:
    return min(timeit.repeat(call, number=calls, repeat=repeats)) / calls * 1e6


if __name__ == "__main__":
    main()
