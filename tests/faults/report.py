"""Write the table of a fault run into docs/guarantees.md: ``report.py RESULTS [PAGE]``.

RESULTS is what the tests appended, a line of JSON for each run, under ``WXGATE_FAULT_RESULTS``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BEGIN = "<!-- Made by `make faults`. -->"
END = "<!-- End of the table that `make faults` makes. -->"

ROWS = {
    "A1": "kill -9 at random times under load",
    "A2": "kill -9 before and after each call that changes a file of the journal",
    "A3": "SIGTERM under load, and with 1,000 idle connections",
    "A4": "signals twice, and in storms",
    "A5": "one of two workers crashes",
    "A6": "power cuts, with failed syncs and short writes, in a simulated page cache",
    "A8": "short writes",
    "A9": "write or sync fails once, or for good",
    "A10": "a sync takes 0.1 to 5 s",
    "A11": "disk full",
    "A12": "disk read-only, folder removed",
    "A13": "no file descriptors left",
    "A14": "two gateways on one folder",
    "A15": "destination dead for long, journal at its quota",
    "B2": "the configuration changes ten times a second, half of them invalid",
    "B3": "tokens and keys turn under load",
    "C0": "two and three gateways on one Redis; gateways killed",
    "C1": "Redis killed, or down at the start",
    "C2": "Redis paused, or slow by half a second and by five",
    "C3": "Redis flushed, emptied, restarted without data, also with a stream in it",
    "C4": "a replica that lagged takes over, in a Cluster too; also with a stream in it",
    "C5": "Redis full, silent, a replica, unable to save, without the script; a Cluster with a gap",
    "C6": "Redis full",
    "C7": "connections to Redis end at any byte, also with a stream in it",
    "C8": "what comes from Redis is noise, huge, or nobody's answer",
    "D1": "destination answers 408, 410, 422, 425, 429, 5xx",
    "D2": "one destination slow, hanging, dripping, resetting",
    "D3": "one destination half-open",
    "D4": "one node of four refuses, resets, fails, fails its checks, has no name or no TLS",
    "D5": "destination up and down in turn",
    "D6": "a limit holds up the messages that would probe a service",
    "D7": "a node is removed, and added again",
    "D8": "half of the load, or all of it, is one node's or one user's",
    "D11": "workers of a stream killed, stopped, and killed by a message",
    "E1": "10,000 callers slow with heads or bodies, or deaf to answers",
    "E10": "50,000 silent connections; one address with more than it may",
    "E12": "clients leave in the middle of a request",
    "F1": "one, two, three and ten times as many messages as can be taken",
    "F2": "from nothing to a peak and back",
    "F5": "a thousand copies of a message at once, to two gateways",
    "F10": "the same seed again",
}


@dataclass(slots=True)
class Sum:
    """A row's runs, added up."""

    cycles: int = 0
    acknowledged: int = 0
    lost: int = 0
    around_kills: int = 0
    otherwise: int = 0
    restart: float = 0.0
    seed: str = ""

    def add(self, run: dict[str, Any]) -> None:
        """Add one run; a run without cycles of its own is one."""
        self.cycles += max(1, run["cycles"])
        self.acknowledged += run["acknowledged"]
        self.lost += run["lost"]
        self.around_kills += run["around_kills"]
        self.otherwise += run["otherwise"]
        self.restart = max(self.restart, run["restart"])
        self.seed = run["seed"]


def table(runs: list[dict[str, Any]]) -> str:
    """The table, a line for each row of the catalogue that was run."""
    sums: dict[str, Sum] = {}
    for run in runs:
        sums.setdefault(run["row"].split("_", 1)[0].upper(), Sum()).add(run)
    rows = [
        f"| {row} | {what} | {one.cycles:,} | {one.acknowledged:,} | {one.lost} "
        f"| {one.around_kills:,} | {one.otherwise} | {one.seed} |"
        for row, what in ROWS.items()
        if (one := sums.get(row))
    ]
    head = [
        "| row | fault | times | acknowledged | lost | twice: at a kill | else | seed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def made(runs: list[dict[str, Any]]) -> str:
    """What is written: of which tree it is said, as ``git describe`` names it, and the table."""
    commits = ", ".join(
        f"`{one}`" for one in dict.fromkeys(run.get("commit", "unknown") for run in runs)
    )
    return f"Made at commit {commits}.\n\n{table(runs)}"


def written(page: str, text: str) -> str:
    """The page with a text between its markers. Raises ``ValueError`` if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        reason = "the page has no place for the table"
        raise ValueError(reason)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main(results: str, page: str = str(ROOT / "docs/guarantees.md")) -> None:
    """Read the results, write the page."""
    runs = [json.loads(line) for line in Path(results).read_text().splitlines()]
    Path(page).write_text(written(Path(page).read_text(), made(runs)))


if __name__ == "__main__":
    main(*sys.argv[1:])
