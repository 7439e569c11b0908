"""The plots of the results page: lines over load, readable on a light and on a dark page.

Knows: matplotlib. Does not know: where figures come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Points = Sequence[tuple[float, float]]

_INK = "#808080"
"""Grey is readable on white and on black; the background stays transparent."""
_COLOURS = ("#1f8fd6", "#e07b1a", "#2ca25f", "#c2459b")


def lines(path: Path, title: str, x: str, y: str, curves: Mapping[str, Points]) -> None:
    """A plot with logarithmic axes; every point is marked.

    Args:
        path: the PNG to write.
        title: above the plot.
        x: label of the axis, with its unit.
        y: the same.
        curves: points by name.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=120)
    for (name, points), colour in zip(curves.items(), _COLOURS, strict=False):
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    axes.set_xscale("log", base=2 if x.startswith("streams") else 10)
    axes.set_yscale("log")
    axes.set_title(title, color=_INK)
    axes.set_xlabel(x, color=_INK)
    axes.set_ylabel(y, color=_INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.tick_params(colors=_INK, which="both")
    axes.grid(color=_INK, alpha=0.25)
    for spine in axes.spines.values():
        spine.set_color(_INK)
    axes.legend(frameon=False, labelcolor=_INK)
    figure.tight_layout()
    figure.savefig(path, transparent=True)
    pyplot.close(figure)
