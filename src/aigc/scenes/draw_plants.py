"""Trees, bushes, grass, flowers, rocks, clouds: what fills land and sky around the things.

Each drawing exists once, so that its sprites can be kept.

Knows: how plants look in each season. Does not know: where they grow.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import Draw
from aigc.scenes.pen import RGB, Pen, blend, shade
from aigc.scenes.vocabulary import Season

_BARK: RGB = (0.24, 0.16, 0.10)
_SNOW: RGB = (0.92, 0.95, 0.99)
_LEAVES: dict[Season, tuple[RGB, ...]] = {
    "spring": ((0.20, 0.44, 0.08), (0.28, 0.50, 0.12), (0.16, 0.38, 0.08), (0.86, 0.55, 0.66)),
    "summer": ((0.10, 0.30, 0.05), (0.16, 0.36, 0.07), (0.08, 0.25, 0.06)),
    "autumn": ((0.72, 0.32, 0.04), (0.78, 0.52, 0.06), (0.62, 0.15, 0.05), (0.55, 0.36, 0.08)),
    "winter": ((0.30, 0.24, 0.20),),
}


def _crown(pen: Pen, dice: Dice, x: float, y: float, rx: float, ry: float, rgb: RGB, count: int) -> None:
    """A heap of leaf clusters, darker inside and below, lighter above."""
    pen.ellipse(x, y, rx * 0.86, ry * 0.86, shade(rgb, 0.55), bulge=0.9)
    numbers = dice.many(count, 4)
    order = sorted(range(count), key=lambda i: float(numbers[i, 1]) ** 0.5)
    for i in order:
        angle, radius = float(numbers[i, 0]) * 2 * math.pi, float(numbers[i, 1]) ** 0.5
        px, py = x + rx * 0.88 * radius * math.cos(angle), y + ry * 0.88 * radius * math.sin(angle)
        high = (py - y) / ry
        tone = shade(rgb, 0.80 + 0.30 * high + 0.35 * (float(numbers[i, 2]) - 0.5))
        size = (0.07 + 0.11 * float(numbers[i, 3])) * min(rx, ry)
        tilt = (0.6 * (px - x) / rx, 0.6 * high)
        pen.ellipse(px, py, size * 1.4, size, tone, turn=math.degrees(angle) + 90, bulge=0.35, tilt=tilt)


@lru_cache
def broadleaf(season: Season) -> Draw:
    """A round tree; bare in winter."""

    def draw(pen: Pen, rgb: RGB, dice: Dice) -> None:
        lean = dice.between(-0.04, 0.04)
        pen.line([(0, 0), (lean * 0.5, 0.25), (lean, 0.55)], 0.085, _BARK, end=0.05)
        if season == "winter":
            _branches(pen, dice, lean, 0.36, 90, 0.26, 0.05, 4)
            return
        leaf = dice.pick(_LEAVES[season], [1, 1, 1, 0.7][: len(_LEAVES[season])])
        for side in (-1, 1):
            pen.line([(lean * 0.5, 0.3), (side * 0.17, 0.52)], 0.045, _BARK, end=0.02)
        for x, y, rx, ry, n in (
            (-0.17, 0.58, 0.22, 0.18, 40),
            (0.17, 0.56, 0.22, 0.18, 40),
            (lean, 0.72, 0.27, 0.25, 75),
        ):
            _crown(pen, dice, x + dice.between(-0.03, 0.03), y, rx, ry, leaf, n)

    return draw


def _branches(pen: Pen, dice: Dice, x: float, y: float, angle: float, length: float, width: float, depth: int) -> None:
    if depth == 0:
        return
    for turn in (-28, 6, 30):
        a = math.radians(angle + turn + dice.between(-8, 8))
        tip = (x + length * math.cos(a), y + length * math.sin(a))
        pen.line([(x, y), tip], width, _BARK if depth < 4 else shade(_BARK, 1.1), end=width * 0.55)
        if depth > 1:
            pen.line([(x, y + width * 0.4), (tip[0], tip[1] + width * 0.3)], width * 0.4, _SNOW, end=width * 0.25)
        _branches(pen, dice, tip[0], tip[1], math.degrees(a), length * 0.68, width * 0.55, depth - 1)


@lru_cache
def pine(season: Season) -> Draw:
    """A conifer in tiers; snow lies on it in winter."""

    def draw(pen: Pen, rgb: RGB, dice: Dice) -> None:
        pen.line([(0, 0), (0, 0.3)], 0.06, _BARK)
        green = blend((0.04, 0.16, 0.07), (0.09, 0.24, 0.08), dice.between(0, 1))
        tiers = 9
        for i in range(tiers):
            y = 0.07 + 0.83 * i / tiers
            w = 0.27 * (1 - i / tiers) ** 0.85 + 0.03
            for s in range(7):
                a = s / 6 * 2 - 1
                drop = 0.045 * abs(a) + dice.between(0, 0.025)
                root = (a * w * 0.2, y + 0.16 * (1 - i / tiers * 0.4))
                tip = (a * w * dice.between(0.88, 1.1), y - drop + 0.01)
                pen.line(
                    [root, tip],
                    0.075 * (1.15 - i / tiers),
                    shade(green, 0.75 + 0.3 * i / tiers + dice.between(-0.1, 0.15)),
                    end=0.02,
                )
                if season == "winter":
                    lift = 0.022
                    pen.line(
                        [(root[0], root[1] + lift), (tip[0] * 0.94, tip[1] + lift)],
                        0.05 * (1.1 - i / tiers),
                        shade(_SNOW, dice.between(0.86, 1)),
                        end=0.018,
                    )
        pen.line([(0, 0.88), (0, 0.99)], 0.035, green if season != "winter" else _SNOW, end=0.008)

    return draw


@lru_cache
def birch(season: Season) -> Draw:
    """A slim white stem."""

    def draw(pen: Pen, rgb: RGB, dice: Dice) -> None:
        lean = dice.between(-0.03, 0.03)
        pen.line([(0, 0), (lean, 0.9)], 0.04, (0.82, 0.80, 0.76), end=0.012)
        for _ in range(9):
            y = dice.between(0.03, 0.7)
            pen.line([(lean * y - 0.012, y), (lean * y + 0.008, y)], 0.010, (0.12, 0.11, 0.10))
        if season == "winter":
            for i in range(9):
                y, side = 0.4 + 0.055 * i, -1 if i % 2 else 1
                pen.line([(lean * y, y), (side * 0.13 * (1.2 - y) * 2, y + 0.10)], 0.013, (0.35, 0.30, 0.28), end=0.005)
            return
        leaf = {"spring": (0.34, 0.52, 0.12), "summer": (0.20, 0.42, 0.09), "autumn": (0.86, 0.62, 0.08)}[season]
        for y, r in ((0.42, 0.11), (0.58, 0.15), (0.74, 0.14), (0.88, 0.09)):
            _crown(pen, dice, lean + dice.between(-0.04, 0.04), y, r, r * 0.9, leaf, 50)

    return draw


def palm(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A bent stem, fronds."""
    lean = dice.between(-0.22, 0.22)
    stem = [(lean * (t / 6) ** 1.7, 0.78 * t / 6) for t in range(7)]
    pen.line(stem, 0.055, (0.40, 0.30, 0.20), end=0.035)
    top = stem[-1]
    for i in range(11):
        a = math.radians(-35 + 250 * i / 10 + dice.between(-8, 8))
        reach = 0.30 * dice.between(0.85, 1.1)
        green = shade((0.12, 0.34, 0.08), dice.between(0.75, 1.25))
        last = top
        for t in (0.3, 0.6, 0.8, 1.0):
            x, y = top[0] + reach * t * math.cos(a), top[1] + reach * t * math.sin(a) - 0.20 * t * t
            for side in (-1, 1):
                pen.line(
                    [(x, y), (x + 0.05 * math.cos(a + side * 0.9), y + 0.05 * math.sin(a + side * 0.9) - 0.05)],
                    0.028,
                    green,
                    end=0.008,
                )
            pen.line([last, (x, y)], 0.035, green, end=0.02)
            last = (x, y)
    for dx in (-0.02, 0.03):
        pen.ellipse(top[0] + dx, top[1] - 0.02, 0.024, 0.026, (0.30, 0.20, 0.10))


def acacia(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """An umbrella thorn: flat crown."""
    for x in (-0.42, -0.1, 0.2, 0.45):
        pen.line([(0, 0.0), (0.02, 0.35), (x, 0.76)], 0.07, _BARK, end=0.03)
    for x, y, rx in ((-0.38, 0.78, 0.33), (0.38, 0.80, 0.33), (0.0, 0.86, 0.46)):
        _crown(pen, dice, x, y, rx, 0.10, (0.25, 0.33, 0.10), 40)


def cactus(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Two arms."""
    green: RGB = (0.15, 0.36, 0.14)
    for side, low, high in ((-1, 0.35, 0.72), (1, 0.45, 0.85)):
        pen.line([(0, low), (side * 0.22, low), (side * 0.24, high)], 0.12, green, end=0.11)
    pen.line([(0, 0), (0, 0.92)], 0.19, green, end=0.16)
    for x in (-0.045, 0.045, 0):
        pen.line([(x, 0.02), (x * 0.8, 0.95)], 0.012, shade(green, 0.65))


@lru_cache
def bush(season: Season) -> Draw:
    """A low round heap of leaves."""

    def draw(pen: Pen, rgb: RGB, dice: Dice) -> None:
        leaf = blend(dice.pick(_LEAVES[season][:3]), (0.2, 0.3, 0.1), 0.3) if season != "winter" else _SNOW
        for x, y, r in ((-0.38, 0.35, 0.34), (0.36, 0.32, 0.34), (0, 0.48, 0.46)):
            _crown(pen, dice, x, y, r, r * 0.9, leaf, 90)

    return draw


@lru_cache
def grass(season: Season) -> Draw:
    """A tuft, wide and low."""
    tones: dict[Season, RGB] = {
        "spring": (0.26, 0.44, 0.10),
        "summer": (0.22, 0.36, 0.08),
        "autumn": (0.48, 0.38, 0.13),
        "winter": (0.58, 0.53, 0.42),
    }

    def draw(pen: Pen, rgb: RGB, dice: Dice) -> None:
        for _ in range(34):
            x = dice.between(-0.95, 0.95)
            high = dice.between(0.4, 0.98) * (1 - 0.5 * x * x)
            bend = dice.between(-0.22, 0.22)
            pen.line(
                [(x, 0), (x + bend * 0.3, high * 0.6), (x + bend, high)],
                0.05,
                shade(tones[season], dice.between(0.65, 1.3)),
                end=0.01,
            )

    return draw


def blossoms(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A clump of meadow flowers."""
    for _ in range(12):
        x, high = dice.between(-0.8, 0.8), dice.between(0.4, 0.92)
        pen.line([(x * 0.8, 0), (x, high)], 0.028, shade((0.2, 0.36, 0.09), dice.between(0.7, 1.2)), end=0.018)
        tone = shade(rgb, dice.between(0.85, 1.15))
        for i in range(5):
            a = i * 1.257
            pen.ellipse(x + 0.052 * math.cos(a), high + 0.05 * math.sin(a), 0.05, 0.042, tone, bulge=0.5)
        pen.ellipse(x, high, 0.032, 0.03, (0.95, 0.78, 0.15))


def rock(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A boulder of facets."""
    tone = shade((0.40, 0.38, 0.36), dice.between(0.75, 1.25))
    turn = dice.between(0, 1)
    n = 9
    rim = [
        (
            0.72 * math.cos(math.pi * i / (n - 1)) * dice.between(0.86, 1.05),
            0.86 * math.sin(math.pi * i / (n - 1)) ** 0.7 * dice.between(0.85, 1.05),
        )
        for i in range(n)
    ]
    pen.polygon(rim, shade(tone, 0.8), rounded=0.02, bulge=0.5)
    middle = (dice.between(-0.2, 0.2), 0.42 + 0.1 * turn)
    for a, b in pairwise(rim):
        cx, cy = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
        pen.polygon([a, b, middle], shade(tone, dice.between(0.85, 1.15)), tilt=(cx * 0.7, (cy - 0.25) * 0.9))


def snowy_rock(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """The same under snow."""
    rock(pen, rgb, dice)
    pen.ellipse(0, 0.80, 0.52, 0.16, _SNOW)
    pen.ellipse(-0.2, 0.70, 0.32, 0.14, _SNOW)


def cloud(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A cumulus: flat below, heaped above."""
    heaps = [(dice.between(-0.9, 0.9), dice.between(0.25, 0.7)) for _ in range(dice.whole(3, 5))]
    for x, r in ((-0.62, 0.3), (0.62, 0.3), (0, 0.4)):
        pen.ellipse(x, 0.24, r * 1.5, 0.17, shade(rgb, 0.88), bulge=0.6)
    for _ in range(80):
        x, high = dice.pick(heaps)
        spread = 1 - abs(x) * 0.45
        a, out = dice.between(0, math.pi), dice.between(0, 1) ** 0.5
        px = x + 0.5 * out * math.cos(a) * spread
        py = 0.17 + high * out * math.sin(a) * spread * 0.95
        r = (0.10 + 0.11 * (1 - out)) * spread
        pen.ellipse(px, max(py, r * 0.9 + 0.05), r * 1.35, r, shade(rgb, 0.86 + 0.14 * min(1, py * 1.6)), bulge=0.7)


def smoke(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A plume that widens and drifts."""
    for i in range(60):
        t = i / 59
        x = -0.32 + 0.52 * t**1.5 + dice.between(-0.10, 0.10) * (0.3 + t)
        r = 0.05 + 0.13 * t * dice.between(0.7, 1.2)
        pen.ellipse(
            x,
            r + t * (1 - 2.4 * r) + 0.02,
            r * 1.2,
            r,
            shade(rgb, dice.between(0.8, 1.1)),
            bulge=0.7,
            glow=0.5 * (t < 0.08),
        )


def gull(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A far bird: two arcs."""
    lift = dice.between(0.25, 0.75)
    for side in (-1, 1):
        pen.line([(0, 0.35), (side * 0.45, 0.35 + lift * 0.7), (side * 0.98, 0.3 + lift * 0.35)], 0.2, rgb, end=0.05)


def iceberg(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Facets of blue ice."""
    points = [(-0.9, 0), (-0.7, 0.45), (-0.35, 0.6), (-0.15, 0.97), (0.15, 0.72), (0.5, 0.8), (0.9, 0)]
    points = [(x, y * dice.between(0.85, 1)) for x, y in points]
    pen.polygon(points, (0.72, 0.86, 0.95), rounded=0.01)
    middle = (0.05, 0.25)
    for a, b in pairwise(points):
        pen.polygon(
            [a, b, middle],
            blend((0.90, 0.95, 1.0), (0.45, 0.70, 0.86), dice.between(0, 0.9)),
            tilt=((a[0] + b[0]) * 0.35, 0.3),
        )


DRAWINGS: dict[str, Draw] = {
    "pine tree": pine("summer"),
    "palm tree": palm,
    "oak tree": broadleaf("summer"),
    "cactus": cactus,
    "rock": rock,
}
