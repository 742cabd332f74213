"""A flame graph as SVG: matplotlib draws it, text stays text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from flame.stacks import Stack
    from matplotlib.axes import Axes

_NARROWEST = 0.004
"""Of the whole: what is narrower is left out."""
_DEEPEST = 34
_LETTERS = 190
"""That fit into the whole width."""
_STYLE = {"svg.hashsalt": "wxgate", "svg.fonttype": "none", "font.family": "sans-serif"}
_OURS, _RUST, _OTHER = "#e2a15a", "#7fa8d6", "#e6cf8b"


class _Node:
    def __init__(self) -> None:
        self.samples = 0
        self.below: dict[str, _Node] = {}


def draw(stacks: list[Stack], file: Path) -> None:
    """Write the picture: as wide as it was often, the innermost frames on top."""
    root = _Node()
    for frames, samples in stacks:
        root.samples += samples
        node = root
        for frame in frames[:_DEEPEST]:
            node = node.below.setdefault(frame, _Node())
            node.samples += samples
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(12, 6.4), layout="constrained")
        panel = figure.add_subplot()
        deepest = _boxes(panel, root, 0.0, 0, root.samples or 1)
        panel.set_xlim(0, 1)
        panel.set_ylim(0, deepest)
        panel.set_axis_off()
        figure.savefig(file, metadata={"Date": None, "Creator": None})


def _boxes(panel: Axes, node: _Node, left: float, depth: int, whole: int) -> int:
    """Draw all above a frame; returns how high that is."""
    highest = depth
    for name in sorted(node.below):
        below = node.below[name]
        width = below.samples / whole
        if width >= _NARROWEST:
            panel.barh(
                depth + 0.5,
                width,
                0.96,
                left,
                color=_colour(name),
                edgecolor="white",
                linewidth=0.3,
            )
            letters = int(width * _LETTERS)
            if letters > len("wxcore"):
                short = name.partition(" (")[0][:letters]
                panel.text(left + 0.001, depth + 0.5, short, size=5, va="center", clip_on=True)
            highest = max(highest, _boxes(panel, below, left, depth + 1, whole))
        left += width
    return max(highest, depth)


def _colour(frame: str) -> str:
    if "wxgate" in frame:
        return to_hex(_OURS)
    return to_hex(_RUST if "wxcore" in frame or ".rs)" in frame else _OTHER)
