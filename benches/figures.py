"""Raw results into rows: for each thing measured, one value a round, so that ratios pair up.

A ratio is always taken within a round, then the median over the rounds: what slows the machine
down for a while slows both sides down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured, in one unit, once or more."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.values)

    def over(self, other: Row) -> Row:
        """How many times ``other``, round by round."""
        return Row(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def less(self, other: Row) -> Row:
        """What it is more than ``other``, round by round."""
        return Row(tuple(a - b for a, b in zip(self.values, other.values, strict=True)))

    def text(self) -> str:
        """The median, and in brackets the lowest and the highest round."""
        low, high = short(min(self.values)), short(max(self.values))
        spread = f" ({low}–{high})" if len(self.values) > 1 else ""
        return short(self.median) + spread


def short(value: float) -> str:
    """Three digits, as people read them."""
    if value == 0:
        return "0"
    places = _DIGITS - 1
    while abs(value) >= 10 ** (_DIGITS - places) and places > 0:
        places -= 1
    return f"{value:,.{places}f}"


def core(folder: Path) -> dict[str, Row]:
    """Microseconds of each Rust bench, by ``group/name``, from a folder for each round."""
    rounds = [dict(_criterion(one)) for one in sorted(folder.iterdir())]
    return {name: Row(tuple(one[name] for one in rounds)) for name in rounds[0]}


def _criterion(folder: Path) -> Iterator[tuple[str, float]]:
    for about in folder.glob("**/new/benchmark.json"):
        estimates = json.loads(about.with_name("estimates.json").read_text())
        name = json.loads(about.read_text())["full_id"]
        yield name, estimates["median"]["point_estimate"] / 1e3


def python(folder: Path) -> dict[tuple[str, str], Row]:
    """Microseconds of each bench in Python, by group and by whom, from a file for each round."""
    rounds = [dict(_pytest(one)) for one in sorted(folder.iterdir())]
    return {name: Row(tuple(one[name] for one in rounds)) for name in rounds[0]}


def _pytest(file: Path) -> Iterator[tuple[tuple[str, str], float]]:
    for bench in json.loads(file.read_text())["benchmarks"]:
        # How long it takes to play an hour says nothing.
        if "admitted" not in bench["extra_info"]:
            yield _who(bench), bench["stats"]["median"] * 1e6


def _who(bench: dict[str, Any]) -> tuple[str, str]:
    by = (bench["params"] or {}).get("by", "wxcore")
    return bench["group"] or bench["name"], by


def told(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What benches in Python counted beside the time, in the last round."""
    *_, last = sorted(folder.iterdir())
    benches = json.loads(last.read_text())["benchmarks"]
    return {_who(bench): bench["extra_info"] for bench in benches}


@dataclass(frozen=True, slots=True)
class Processes:
    """What was seen of whole processes."""

    raw: dict[str, Any]

    @property
    def starts(self) -> dict[str, Row]:
        """Milliseconds from exec to the first acknowledged message."""
        return {name: Row(tuple(each)) for name, each in self.raw["startup"]["starts"].items()}

    @property
    def bare(self) -> Row:
        """Milliseconds of an interpreter that does nothing."""
        return Row(tuple(self.raw["startup"]["bare interpreter"]))

    @property
    def imports(self) -> dict[str, float]:
        """Milliseconds of the largest imports, and of all."""
        imports: dict[str, float] = self.raw["startup"]["imports"]
        return imports

    @property
    def cpu(self) -> dict[str, Row]:
        """Microseconds of CPU time a message."""
        servers = self.raw["load"]["servers"].items()
        return {name: Row(tuple(seen["cpu"])) for name, seen in servers}

    @property
    def again(self) -> dict[str, Row]:
        """The same of retries, which are neither recorded nor delivered."""
        servers = self.raw["load"]["servers"].items()
        return {name: Row(tuple(seen["again"])) for name, seen in servers if seen.get("again")}

    def memory(self, server: str) -> dict[str, dict[str, float]]:
        """MB of the worker: at the start, after the first messages, at the end."""
        memory: dict[str, dict[str, float]] = self.raw["load"]["servers"][server]["memory"]
        return memory

    @property
    def backlog(self) -> dict[str, Any]:
        """A destination that was dead, then back."""
        backlog: dict[str, Any] = self.raw["backlog"]
        return backlog

    @property
    def state(self) -> dict[str, Any]:
        """Claims that machines share."""
        state: dict[str, Any] = self.raw["state"]
        return state

    @property
    def overload(self) -> dict[str, Any]:
        """Floods of more than can be taken, by target."""
        overload: dict[str, Any] = self.raw["overload"]
        return overload

    @property
    def messages(self) -> int:
        """How many a round."""
        messages: int = self.raw["load"]["messages"]
        return messages
