"""The results as pictures: SVG by matplotlib, the same bytes for the same figures."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from carry.page import waiting
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes
    from results import Results

_INK = "#3b6ea8"
_LIGHT = "#b9cbe2"
_COLOURS = (
    *("#3b6ea8", "#d98032", "#5a9e5d", "#b4514f", "#8466a8"),
    *("#8c6d5a", "#999999", "#c9b458", "#5fa8a8", "#333333"),
)
_PERCENTILES = {1: "0", 2: "50", 10: "90", 100: "99", 1000: "99.9", 10_000: "99.99"}
_FINE = 40
"""Points drawn between two powers of ten."""
_STYLE = {
    "svg.hashsalt": "wxgate",
    "svg.fonttype": "none",  # text stays text: small, and found by a search
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def draw(results: Results, folder: Path) -> None:
    """Write every picture into ``folder``."""
    folder.mkdir(exist_ok=True)
    pictures = {
        "latency": _latency(results.carry["days"]),
        "throughput": throughput(results.carry["curve"]),
        "stages": _stages(results),
        "growth": _growth(results),
        "peers": _peers(list(results.peers["pairs"].values())),
    }
    with mpl.rc_context(_STYLE):
        for name, picture in pictures.items():
            picture.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, [figure.add_subplot(1, columns, at + 1) for at in range(columns)]


def _figure_of_rows(width: float, heights: list[float]) -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, sum(heights) + 0.8 * len(heights)), layout="constrained")
        return figure, list(
            figure.subplots(len(heights), height_ratios=heights, squeeze=False)[:, 0]
        )


def _latency(days: dict[str, Any]) -> Figure:
    """All that the player's histograms have, one panel a destination."""
    played = {name: day for name, day in days.items() if isinstance(day, dict)}
    figure, panels = _figure(7.2, 3.4, len(played))
    for panel, (name, day) in zip(panels, played.items(), strict=True):
        for (label, recorded), colour in zip(_recorded(day), _COLOURS, strict=False):
            panel.plot(*distribution(recorded), color=colour, label=label, drawstyle="steps-post")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlim(left=1)
        panel.set_xticks(list(_PERCENTILES), list(_PERCENTILES.values()))
        panel.set_xticks([], minor=True)
        panel.set_title(f"to a {name}")
        panel.set_xlabel("percentile")
        panel.set_ylabel("ms until acknowledged")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=2, loc="outside lower center")
    return figure


def _recorded(day: dict[str, Any]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    for one in day["rates"]:
        yield f"{one['rate']:,.0f}/s, {one['name']} of a day", one["recorded"]
    yield f"{day['mean']:,.0f}/s, half of capacity", day["seen"]["recorded"]


def distribution(recorded: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    """Places on the axis, and ms: of each latency, one call in how many is at least so slow.

    Hundreds of thousands of calls have some hundred latencies to three digits; where many of them
    fall on one place only the last is drawn.
    """
    calls = sum(times for _, times in recorded)
    seen, drawn = 0, {}
    for latency, times in recorded:
        place = calls / (calls - seen)
        seen += times
        drawn[round(math.log10(place) * _FINE)] = (place, latency / 1000)
    points = [*drawn.values(), (float(calls), recorded[-1][0] / 1000)] if recorded else []
    return [place for place, _ in points], [latency for _, latency in points]


def throughput(curves: dict[str, Any]) -> Figure:
    """Latency by messages a second, one panel a destination."""
    figure, panels = _figure(7.2, 3.2, len(curves))
    for panel, (name, curve) in zip(panels, curves.items(), strict=True):
        # Where the player was late the latencies are its own too.
        _carried(panel, [one for one in curve["rates"] if one["latency"] and one["counts"]])
        panel.set_title(f"to a {name}")
        panel.set_ylabel("ms until acknowledged")
        panel.set_xlabel("messages/s")
    lows, highs = zip(*(panel.get_ylim() for panel in panels), strict=True)
    for panel in panels:
        panel.set_ylim(min(lows), max(highs))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=3, loc="outside lower center")
    return figure


def _carried(panel: Axes, curve: list[dict[str, Any]]) -> None:
    rates = [one["rate"] for one in curve]
    for which, colour in (("p50", _COLOURS[0]), ("p99", _COLOURS[1]), ("p999", _COLOURS[3])):
        values = [one["latency"][which] for one in curve]
        label = which.replace("999", "99.9")
        panel.plot(rates, values, marker="o", markersize=3, color=colour, label=label)
    for one in curve:
        if one["refused"]:
            share = 1 - one["acknowledged"] / one["sent"]
            panel.annotate(
                f"refused first: {one['refused']:,}" if not share else f"{share:.0%} refused",
                (one["rate"], one["latency"]["p50"]),
                textcoords="offset points",
                xytext=(-8, 8),
                ha="right",
            )
    panel.set_yscale("log")


def _stages(results: Results) -> Figure:
    """What a message costs by part: as measured part by part, and as a profile has it."""
    profile = results.apart.get("profile")
    figure, panels = _figure_of_rows(7.2, [1.4, 1.2] if profile else [1.4])
    _stacked(panels[0], stages(results))
    panels[0].set_xlabel("µs of CPU a message of 325 B, by benches of each part")
    if profile is not None:
        costs = {part: share * profile["cpu"] for part, share in profile["threads"].items()}
        _stacked(panels[1], {"wxgate, to a stream,\nclaims in Redis": costs})
        panels[1].set_xlabel("µs of CPU a message of the profile's mix, by perf")
    return figure


def _stacked(panel: Axes, columns: dict[str, dict[str, float]]) -> None:
    names = list(columns)
    left = [0.0] * len(names)
    for at, part in enumerate(next(iter(columns.values()))):
        widths = [columns[name][part] for name in names]
        panel.barh(names, widths, left=left, color=_COLOURS[at % len(_COLOURS)], label=part)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    panel.invert_yaxis()
    panel.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def stages(results: Results) -> dict[str, dict[str, float]]:
    """Of each destination, µs by part."""
    core, processes = results.core, results.processes
    http = processes.cpu["granian RSGI, empty"].median
    known = {
        "HTTP (granian, empty handler)": http,
        "verify": core["verify/325 B"].median,
        "open": core["open/325 B"].median,
        "parse": core["parse/325 B"].median,
        "rest of the core's call": results.python["Gateway.receive, 325 B", "wxcore"].median
        - sum(core[f"{stage}/325 B"].median for stage in ("verify", "open", "parse")),
        "admit": processes.state["cpu"]["8"]["embedded"][0] if "cpu" in processes.state else 0.0,
    }
    columns = {}
    for name in ("wxgate, to a Python handler", "wxgate, to an HTTP service"):
        rest = processes.cpu[name].median - sum(known.values())
        columns[name] = {**known, "record, reply, dispatch, the loop": max(0.0, rest)}
    return columns


def _growth(results: Results) -> Figure:
    axes = results.carry["growth"]["axes"]
    figure, panels = _figure(10.0, 2.6, len(axes) + 1)
    for panel, (axis, values) in zip(panels, axes.items(), strict=False):
        names = [f"{int(one):,}" if one.isdigit() else one for one in values]
        middles = [sorted(told["cpu"])[len(told["cpu"]) // 2] for told in values.values()]
        panel.bar(names, middles, color=[_LIGHT, *[_INK] * (len(names) - 1)])
        panel.set_title(axis)
    steps = waiting(results.processes.backlog)
    panels[-1].plot(*zip(*steps, strict=True), marker="o", markersize=3, color=_INK)
    panels[-1].set_title("backlog")
    panels[-1].set_ylim(bottom=0)
    panels[-1].ticklabel_format(style="plain")
    panels[-1].tick_params(axis="x", labelrotation=30)
    panels[0].set_ylabel("µs of CPU a message")
    return figure


def _peers(pairs: list[dict[str, Any]]) -> Figure:
    """At full speed: each of them, and wxgate in the same rounds."""
    pairs = sorted(pairs, key=lambda pair: median(pair["other"]["cpu"]))
    names = [pair["name"] for pair in pairs]
    figure, (panel,) = _figure(7.2, 0.4 * len(names) + 1.2)
    places = range(len(names))
    theirs = [median(pair["other"]["cpu"]) for pair in pairs]
    ours = [median(pair["wxgate"]["cpu"]) for pair in pairs]
    bars = panel.barh([at - 0.2 for at in places], theirs, 0.4, color=_LIGHT, label="the other")
    panel.barh(
        [at + 0.2 for at in places], ours, 0.4, color=_INK, label="wxgate, in the same rounds"
    )
    panel.bar_label(bars, fmt="%.0f", padding=3)
    panel.set_yticks(list(places), names)
    panel.invert_yaxis()
    panel.set_xlabel("µs of CPU a message, at full speed")
    figure.legend(frameon=False, ncols=2, loc="outside lower center")
    return figure
