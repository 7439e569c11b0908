"""Coloured shapes on coloured grounds, with captions: the smallest honest source, for trials and tests.

Knows: geometry and a few words. Does not know: networks, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigc.training.source import Kind, Sample

COLOURS = {
    ("red", "红色"): (214, 48, 42),
    ("orange", "橙色"): (240, 140, 30),
    ("yellow", "黄色"): (245, 214, 60),
    ("green", "绿色"): (58, 160, 80),
    ("blue", "蓝色"): (44, 96, 200),
    ("purple", "紫色"): (128, 64, 170),
    ("white", "白色"): (244, 244, 240),
    ("black", "黑色"): (30, 30, 34),
}
SHAPES = (("circle", "圆形"), ("square", "正方形"), ("triangle", "三角形"))


@dataclass(frozen=True)
class Shapes:
    """One shape of one colour on a ground of another, lit from above; about 10,000 to 100,000 pixels each."""

    side: int = 256

    @property
    def identity(self) -> str:
        """Version and side."""
        return f"shapes 1, {self.side}"

    @property
    def kinds(self) -> Sequence[Kind]:
        """One: squares."""
        return (Kind("shape", self.side, self.side, 1.0),)

    def sample(self, kind: str, index: int, held_out: bool) -> Sample:
        """The picture of that number."""
        rng = np.random.default_rng((11, index, int(held_out)))
        one, two = rng.choice(len(COLOURS), 2, replace=False)
        names, values = list(COLOURS), list(COLOURS.values())
        form = int(rng.integers(len(SHAPES)))
        x, y, radius = rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.65), rng.uniform(0.15, 0.3)
        # Three points a side and pixel, averaged: edges without steps.
        axis = (np.arange(3 * self.side) + 0.5) / (3 * self.side)
        dx, dy = np.meshgrid(axis - x, axis - y)
        inside = (
            dx**2 + dy**2 < radius**2,
            np.maximum(abs(dx), abs(dy)) < radius * 0.9,
            (dy < radius * 0.7) & (dy > abs(dx) * 1.7 - radius),
        )[form]
        cover = inside.reshape(self.side, 3, self.side, 3).mean((1, 3))[..., None]
        light = np.linspace(1.06, 0.9, self.side)[:, None, None]
        ground, shape = np.array(values[two]) * light, np.array(values[one])
        pixels = (ground * (1 - cover) + shape * cover).clip(0, 255).round().astype(np.uint8)
        (colour, colour_zh), (ground_name, ground_zh) = names[one], names[two]
        english, chinese = SHAPES[form]
        return Sample(
            pixels,
            (f"a {colour} {english} on a {ground_name} ground", f"{colour} {english}, {ground_name} background"),
            (f"{ground_zh}背景上的{colour_zh}{chinese}", f"{colour_zh}{chinese}"),
        )
