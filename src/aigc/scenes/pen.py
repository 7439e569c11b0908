"""Draws small things out of ellipses, polygons and lines, with normals, so that any light can fall on them later.

The canvas is ``aspect`` wide and 1 high; x is 0 in the middle, y is 0 on the ground and 1 at the top. Shapes are signed
distances: edges are smooth at every size, and a shape bulges towards the eye, from which its normals come.

Source: Quilez, Distance functions in 2D, 2020 (ellipse by gradient, polygon by winding).
Knows: shapes. Does not know: what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aigc.scenes.arrays import Floats

RGB = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Sprite:
    """A thing without light.

    Attributes:
        data: (7, rows, columns), each multiplied with the coverage: red, green, blue, coverage, normal to the right,
            normal up, own light.
    """

    data: Floats

    @property
    def coverage(self) -> Floats:
        """(rows, columns), 0 outside, 1 inside."""
        return self.data[3]

    @classmethod
    def of_pixels(cls, rgba: npt.NDArray[np.uint8]) -> Sprite:
        """A picture that was drawn elsewhere, (rows, columns, 4): it faces the eye and has no light of its own.

        Its colours are taken back from the screen, so that in plain daylight it looks as it did.
        """
        share = np.moveaxis(rgba.astype(np.float32) / 255, 2, 0)
        data = np.zeros((7, *share.shape[1:]), dtype=np.float32)
        data[:3] = -np.log(1 - np.minimum(share[:3], 0.995)) / 2.0 * share[3]
        data[3] = share[3]
        return cls(data.astype(np.float16))

    def mirrored(self) -> Sprite:
        """Looks the other way."""
        data = self.data[:, :, ::-1].copy()
        data[4] *= -1
        return Sprite(data)


def shade(rgb: RGB, factor: float) -> RGB:
    """The same colour, darker (below 1) or lighter (above 1)."""
    r, g, b = (c * factor if factor <= 1 else 1 - (1 - c) / factor for c in rgb)
    return r, g, b


def blend(a: RGB, b: RGB, share: float) -> RGB:
    """``a`` at 0, ``b`` at 1."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


class Pen:
    """One canvas and the way to draw on it.

    Args:
        rows: Height in pixels.
        aspect: Width divided by height.
    """

    def __init__(self, rows: int, aspect: float) -> None:
        self.rows = rows
        self.columns = max(2, round(rows * aspect))
        self._data = np.zeros((7, self.rows, self.columns), dtype=np.float32)
        self._x = ((np.arange(self.columns, dtype=np.float32) + 0.5) / rows - self.columns / rows / 2)[None, :]
        self._y = (1 - (np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]

    def sprite(self) -> Sprite:
        """What was drawn, in half precision: hundreds of sprites are kept."""
        return Sprite(self._data.astype(np.float16))

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        rgb: RGB,
        *,
        turn: float = 0,
        bulge: float = 0.8,
        glow: float = 0,
        tilt: Point = (0, 0),
    ) -> None:
        """An ellipse around (x, y), turned by degrees against the clock; ``tilt`` is the normal of its middle."""
        reach = max(rx, ry)
        area = self._area(x - reach, y - reach, x + reach, y + reach)
        if area is None:
            return
        dx, dy = self._x[:, area[1]] - x, self._y[area[0]] - y
        c, s = np.float32(np.cos(np.radians(turn))), np.float32(np.sin(np.radians(turn)))
        u, v = (dx * c + dy * s) / rx, (dy * c - dx * s) / ry
        length = np.sqrt(u * u + v * v) + 1e-6
        gradient = np.sqrt((u / rx) ** 2 + (v / ry) ** 2) / length + 1e-6
        distance = (length - 1) / gradient
        nu, nv = u * bulge, v * bulge
        self._lay(area, distance, rgb, tilt[0] + nu * c - nv * s, tilt[1] + nu * s + nv * c, glow)

    def polygon(
        self,
        points: Sequence[Point],
        rgb: RGB,
        *,
        rounded: float = 0,
        bulge: float = 0.0,
        glow: float = 0,
        tilt: Point = (0, 0),
    ) -> None:
        """A filled outline; ``tilt`` is the normal of its face, ``bulge`` how much its rim falls off."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        area = self._area(min(xs) - rounded, min(ys) - rounded, max(xs) + rounded, max(ys) + rounded)
        if area is None:
            return
        px, py = np.broadcast_arrays(self._x[:, area[1]], self._y[area[0]])
        distance, dx, dy = _polygon_distance(points, px, py)
        distance = distance - rounded
        fall = np.clip(1 + distance / 0.08, 0, 1) * bulge if bulge else np.float32(0)
        self._lay(area, distance, rgb, tilt[0] + dx * fall, tilt[1] + dy * fall, glow)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        rgb: RGB,
        *,
        rounded: float = 0,
        bulge: float = 0.0,
        glow: float = 0,
        tilt: Point = (0, 0),
    ) -> None:
        """An upright rectangle; its size includes the rounding."""
        r = min(rounded, (x1 - x0) / 2, (y1 - y0) / 2) * 0.999
        points = [(x0 + r, y0 + r), (x1 - r, y0 + r), (x1 - r, y1 - r), (x0 + r, y1 - r)]
        self.polygon(points, rgb, rounded=r, bulge=bulge, glow=glow, tilt=tilt)

    def line(
        self, points: Sequence[Point], width: float, rgb: RGB, *, end: float | None = None, glow: float = 0
    ) -> None:
        """A round stroke through the points, ``width`` thick at its start and ``end`` thick at its end."""
        last = width if end is None else end
        steps = len(points) - 1
        for index in range(steps):
            w0 = width + (last - width) * index / steps
            w1 = width + (last - width) * (index + 1) / steps
            self._segment(points[index], points[index + 1], w0 / 2, w1 / 2, rgb, glow)

    def _segment(self, a: Point, b: Point, r0: float, r1: float, rgb: RGB, glow: float) -> None:
        (ax, ay), (bx, by) = a, b
        reach = max(r0, r1)
        area = self._area(min(ax, bx) - reach, min(ay, by) - reach, max(ax, bx) + reach, max(ay, by) + reach)
        if area is None:
            return
        px, py = self._x[:, area[1]] - ax, self._y[area[0]] - ay
        ex, ey = bx - ax, by - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey + 1e-9), 0, 1)
        dx, dy = px - ex * along, py - ey * along
        radius = r0 + (r1 - r0) * along + 1e-6
        self._lay(area, np.sqrt(dx * dx + dy * dy) - radius, rgb, dx / radius * 0.8, dy / radius * 0.8, glow)

    def _area(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice] | None:
        """Rows and columns that a shape may touch; None: none."""
        half, n = self.columns / self.rows / 2, self.rows
        left, right = int((x0 + half) * n) - 1, int((x1 + half) * n) + 2
        top, bottom = int((1 - y1) * n) - 1, int((1 - y0) * n) + 2
        rows, columns = slice(max(0, top), min(n, bottom)), slice(max(0, left), min(self.columns, right))
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None

    def _lay(self, area: tuple[slice, slice], distance: Floats, rgb: RGB, nx: Floats, ny: Floats, glow: float) -> None:
        """Covers what is there; ``distance`` is negative inside."""
        cover = np.clip(0.5 - distance * self.rows, 0, 1)
        part = self._data[:, area[0], area[1]]
        part *= 1 - cover
        for channel, value in enumerate((*rgb, 1.0, nx, ny, glow)):
            if isinstance(value, np.ndarray) or value:
                part[channel] += value * cover


def _polygon_distance(corners: Sequence[Point], px: Floats, py: Floats) -> tuple[Floats, Floats, Floats]:
    """Signed distance to the outline, and the direction away from the inside."""
    best = np.full(px.shape, 1e9, dtype=np.float32)
    nx, ny = np.zeros_like(best), np.zeros_like(best)
    sign = np.ones_like(best)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = px - ax, py - ay
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey + 1e-12), 0, 1)
        dx, dy = wx - ex * along, wy - ey * along
        squared = dx * dx + dy * dy
        nearer = squared < best
        best, nx, ny = np.where(nearer, squared, best), np.where(nearer, dx, nx), np.where(nearer, dy, ny)
        crosses = (py >= ay) != (py >= by)
        if ey:
            sign = np.where(crosses & (wx < ex * wy / ey), -sign, sign)
    length = np.sqrt(best)
    return length * sign, nx * sign / (length + 1e-6), ny * sign / (length + 1e-6)
