"""The diary of a run: one JSON object a line, and curves as a picture.

Knows: numbers by name and step. Does not know: what they measure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aigc.training.checkpoint import replace

NOT_DRAWN = ("step", "samples", "seconds")


class Diary:
    """``metrics.jsonl`` in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.jsonl"
        self._picture = folder / "curves.png"

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row. Raises: OSError."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """All rows; a line that a kill cut off is left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text("utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def cut(self, step: int) -> None:
        """Forget what came after a step: the run repeats it from there."""
        if self.path.exists():
            kept = [row for row in self.rows() if row["step"] <= step]
            replace(self.path, "".join(json.dumps(row) + "\n" for row in kept).encode())

    def draw(self) -> None:
        """Write ``curves.png`` anew."""
        draw_curves(self.rows(), self._picture)


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One small plot for each number, over the steps.

    Args:
        rows: each with ``step``.
        path: of the PNG.
    """
    from matplotlib.figure import Figure

    names = [n for n in dict.fromkeys(k for row in rows for k in row) if n not in NOT_DRAWN]
    series = {n: [(r["step"], r[n]) for r in rows if isinstance(r.get(n), (int, float))] for n in names}
    series = {n: points for n, points in series.items() if points}
    if not series:
        return
    columns = min(3, len(series))
    lines = math.ceil(len(series) / columns)
    figure = Figure(figsize=(4.2 * columns, 2.7 * lines), layout="constrained")
    for index, (name, points) in enumerate(series.items()):
        axes = figure.add_subplot(lines, columns, index + 1)
        values = [v for _, v in points]
        axes.plot([s for s, _ in points], values, linewidth=1.2, marker="." if len(points) < 20 else "")
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        if min(values) > 0 and max(values) > 30 * min(values):
            axes.set_yscale("log")
    figure.savefig(path, dpi=90)
