"""The micro-benchmarks' part of the results: stages in Rust, and the boundary in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from table import table

if TYPE_CHECKING:
    from figures import Row
    from results import Results

_STAGES = (
    *("sha1", "base64", "aes", "xml", "json", "ring"),
    *("request", "verify", "open", "parse", "route", "limit", "admit", "record", "reply"),
    *("pay", "gateway"),
)


def stages(core: dict[str, Row]) -> str:
    """Write what each stage takes in Rust."""
    names = sorted(core, key=lambda name: (_STAGES.index(name.partition("/")[0]), name))
    return table(("µs", "median"), ((name, core[name].text()) for name in names))


def boundary(python: dict[tuple[str, str], Row]) -> str:
    """Write what a call from Python takes, beside rivals."""
    rows = []
    for (group, by), row in python.items():
        if by != "wxcore":
            continue
        name, comma, rest = group.partition(",")
        what = f"`{name}`{comma}{rest}"
        rivals = [other for measured, other in python if measured == group and other != by]
        for other in rivals:
            rival = python[group, other]
            rows.append((what, row.text(), other, rival.text(), rival.over(row).text()))
        if not rivals:
            rows.append((what, row.text(), "–", "–", "–"))
    return table(("µs", "wxgate", "rival", "its µs", "ratio"), rows)


def exact(results: Results) -> str:
    """How far ring and limiter are from what is possible; their benches have asserted it."""
    rings, limits = [], []
    for (group, by), told in results.told.items():
        if "nodes" in told:
            picks = f"{1e6 / results.python[group, by].median:,.0f}"
            moved, least = told["moved"], 1 / told["nodes"]
            shares = (f"{moved:.2%}", f"{least:.2%}", f"{moved / least:.2f}×")
            rings.append((f"{told['nodes']:,}", by, picks, *shares, str(told["beyond"])))
        elif "admitted" in told:
            admitted, allowed = told["admitted"], told["allowed"]
            limits.append(
                (told["limit"], f"{admitted:,}", f"{allowed:,.1f}", f"{admitted / allowed:.4f}")
            )
    least = "1/n"
    heads = ("nodes", "by", "picks/s", "moved", least, "moved / " + least, "moved of other nodes")
    return (
        "Of 100,000 keys those that move when the node goes that has most of them. What it had "
        "must move; what other nodes had need not.\n\n"
        + table(heads, sorted(rings, key=lambda row: int(row[0].replace(",", ""))))
        + "\nAdmitted when three times the rate and more is asked for: never above burst + rate × "
        "time. An hour is one of a clock that is an argument; two nodes ask one Valkey at once.\n\n"
        + table(("limit", "admitted", "burst + rate × time", "of it"), limits)
    )
