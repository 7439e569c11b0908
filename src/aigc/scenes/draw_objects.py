"""Solids and other objects.

Knows: outlines. Does not know: where they stand.
"""

from __future__ import annotations

import math

from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import Draw
from aigc.scenes.pen import RGB, Pen, blend, shade

_DARK: RGB = (0.06, 0.06, 0.07)
_WOOD: RGB = (0.40, 0.25, 0.13)
_WHITE: RGB = (0.92, 0.91, 0.88)
_GLASS: RGB = (0.45, 0.62, 0.74)
_METAL: RGB = (0.55, 0.57, 0.60)
_GOLD: RGB = (0.90, 0.68, 0.18)
_LEAF: RGB = (0.14, 0.42, 0.10)


def ball(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A sphere."""
    pen.ellipse(0, 0.5, 0.495, 0.495, rgb, bulge=0.97)


def cube(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Seen from a corner."""
    pen.polygon([(-0.47, 0.16), (0.10, 0.0), (0.10, 0.66), (-0.47, 0.80)], rgb, rounded=0.008, tilt=(-0.45, 0))
    pen.polygon([(0.10, 0.0), (0.48, 0.20), (0.48, 0.84), (0.10, 0.66)], rgb, rounded=0.008, tilt=(0.8, 0))
    pen.polygon([(-0.47, 0.80), (0.10, 0.66), (0.48, 0.84), (-0.06, 0.98)], rgb, rounded=0.008, tilt=(0, 0.92))


def _turned(pen: Pen, outline: list[tuple[float, float]], rgb: RGB, glow: float = 0) -> None:
    """A body of revolution: half-widths at heights, upwards; drawn in upright slices with their normals."""
    slices = 14
    for s in range(slices):
        a, b = math.sin((s / slices - 0.5) * math.pi), math.sin(((s + 1) / slices - 0.5) * math.pi)
        right = [(b * w + 0.004, y) for w, y in outline]
        left = [(a * w, y) for w, y in outline]
        pen.polygon([*right, *reversed(left)], rgb, tilt=((a + b) * 0.48, 0.1), glow=glow)


def cone(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Point up."""
    pen.ellipse(0, 0.09, 0.44, 0.085, shade(rgb, 0.7), bulge=0)
    _turned(pen, [(0.44, 0.09), (0.0, 0.99)], rgb)


def cylinder(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Upright."""
    pen.ellipse(0, 0.09, 0.36, 0.085, rgb, bulge=0)
    _turned(pen, [(0.36, 0.09), (0.36, 0.90)], rgb)
    pen.ellipse(0, 0.90, 0.36, 0.09, shade(rgb, 1.12), bulge=0)


def pyramid(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Four sides."""
    pen.polygon([(-0.66, 0.08), (0.12, 0.0), (0, 0.99)], rgb, tilt=(-0.45, 0.4))
    pen.polygon([(0.12, 0.0), (0.66, 0.14), (0, 0.99)], rgb, tilt=(0.8, 0.3))


def snowman(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """The colour is that of the scarf."""
    snow: RGB = (0.93, 0.95, 0.98)
    for side in (-1, 1):
        pen.line([(side * 0.2, 0.52), (side * 0.42, 0.66), (side * 0.50, 0.64)], 0.03, _WOOD)
    pen.ellipse(0, 0.24, 0.29, 0.25, snow, bulge=0.95)
    pen.ellipse(0, 0.53, 0.21, 0.18, snow, bulge=0.95)
    pen.ellipse(0, 0.75, 0.155, 0.145, snow, bulge=0.95)
    pen.line([(-0.14, 0.65), (0, 0.62), (0.14, 0.65)], 0.07, rgb)
    pen.line([(0.08, 0.63), (0.12, 0.46)], 0.07, shade(rgb, 0.85))
    pen.box(-0.19, 0.845, 0.19, 0.875, _DARK, rounded=0.01)
    pen.box(-0.115, 0.86, 0.115, 0.995, _DARK, rounded=0.01)
    for x in (-0.05, 0.06):
        pen.ellipse(x, 0.79, 0.02, 0.022, _DARK)
    pen.polygon([(0.0, 0.76), (0.16, 0.735), (0.0, 0.72)], (0.95, 0.45, 0.08))
    for y in (0.48, 0.56):
        pen.ellipse(0.02, y, 0.018, 0.018, _DARK)


def umbrella(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A parasol in gores."""
    pen.line([(0, 0.0), (0, 0.85)], 0.03, _WOOD)
    edges = [-0.62, -0.36, -0.12, 0.12, 0.36, 0.62]
    for i in range(5):
        tone = rgb if i % 2 == 0 else blend(rgb, _WHITE, 0.8)
        a, b = edges[i], edges[i + 1]
        pen.polygon(
            [(a, 0.60 - abs(a) * 0.05), (b, 0.60 - abs(b) * 0.05), (b * 0.72, 0.82), (0, 0.97), (a * 0.72, 0.82)],
            tone,
            tilt=((a + b) * 0.6, 0.4),
        )


def lantern(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A paper lantern, lit."""
    pen.line([(0, 0.86), (0, 1.0)], 0.02, _DARK)
    for x in (-0.07, 0, 0.07):
        pen.line([(x, 0.16), (x, 0.0)], 0.018, _GOLD)
    pen.ellipse(0, 0.50, 0.36, 0.34, rgb, bulge=0.8, glow=0.8)
    for rx in (0.12, 0.26):
        for side in (-1, 1):
            points = [
                (side * rx * math.cos(a), 0.5 + 0.335 * math.sin(a)) for a in (-1.4, -0.9, -0.45, 0, 0.45, 0.9, 1.4)
            ]
            pen.line(points, 0.012, shade(rgb, 0.6), glow=0.3)
    for y in (0.17, 0.83):
        pen.box(-0.15, y - 0.035, 0.15, y + 0.035, _GOLD, rounded=0.01)


def campfire(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Logs and flames."""
    pen.line([(-0.42, 0.05), (0.34, 0.20)], 0.11, _WOOD)
    pen.line([(0.42, 0.05), (-0.34, 0.20)], 0.11, shade(_WOOD, 0.8))
    for x, w, h, tone in (
        (-0.12, 0.16, 0.62, (0.95, 0.28, 0.04)),
        (0.13, 0.15, 0.55, (0.95, 0.32, 0.05)),
        (0, 0.17, 0.85, (1.0, 0.48, 0.06)),
        (0.01, 0.09, 0.52, (1.0, 0.82, 0.25)),
    ):
        pen.polygon(
            [(x - w, 0.20), (x + w, 0.20), (x + w * 0.55, 0.2 + h * 0.5), (x, 0.16 + h), (x - w * 0.6, 0.2 + h * 0.42)],
            tone,
            rounded=0.03,
            glow=1,
        )


def mushroom(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """White dots on a coloured cap."""
    pen.polygon([(-0.13, 0.02), (0.13, 0.02), (0.10, 0.52), (-0.10, 0.52)], (0.90, 0.86, 0.76), rounded=0.03, bulge=0.7)
    pen.ellipse(0, 0.50, 0.47, 0.10, (0.82, 0.74, 0.62), bulge=0.1)
    points = [(0.5 * math.cos(a * math.pi / 12), 0.52 + 0.45 * math.sin(a * math.pi / 12)) for a in range(13)]
    pen.polygon(points, rgb, bulge=0.85, tilt=(0, 0.25))
    for x, y, r in (
        (-0.24, 0.66, 0.07),
        (0.05, 0.80, 0.085),
        (0.29, 0.64, 0.06),
        (0.02, 0.60, 0.05),
        (-0.10, 0.90, 0.04),
    ):
        if sum(rgb) < 2.2:
            pen.ellipse(x, y, r, r * 0.85, _WHITE, bulge=0.3)


def flower(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Petals around a middle, two leaves."""
    pen.line([(0.02, 0), (-0.02, 0.3), (0, 0.62)], 0.045, _LEAF)
    pen.ellipse(-0.14, 0.24, 0.15, 0.055, _LEAF, turn=-30)
    pen.ellipse(0.14, 0.32, 0.15, 0.055, shade(_LEAF, 1.15), turn=30)
    petals = 7
    for i in range(petals):
        a = i / petals * 2 * math.pi + 0.3
        pen.ellipse(
            0.18 * math.cos(a),
            0.72 + 0.18 * math.sin(a),
            0.15,
            0.09,
            shade(rgb, 0.85 + 0.2 * (i % 2)),
            turn=math.degrees(a),
        )
    pen.ellipse(0, 0.72, 0.10, 0.10, (0.95, 0.75, 0.12) if rgb[1] < 0.6 or rgb[2] > 0.5 else (0.45, 0.25, 0.1))


def pumpkin(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Ribbed."""
    pen.line([(0.0, 0.80), (0.05, 0.98)], 0.10, (0.30, 0.36, 0.12), end=0.07)
    for x in (-0.36, 0.36, -0.2, 0.2, 0):
        pen.ellipse(x, 0.44, 0.26, 0.42 - abs(x) * 0.12, shade(rgb, 1 - abs(x) * 0.3), bulge=0.75)


def bench(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Slats."""
    for x in (-0.8, 0.8):
        pen.line([(x, 0), (x, 0.5)], 0.08, _DARK)
        pen.line([(x, 0.4), (x - 0.02, 0.98)], 0.07, _DARK)
    for y in (0.62, 0.76, 0.90):
        pen.box(-1.0, y - 0.05, 1.0, y + 0.05, rgb, rounded=0.02, tilt=(0, 0.2))
    for y in (0.40, 0.47):
        pen.box(-1.02, y - 0.04, 1.02, y + 0.03, shade(rgb, 1.15), rounded=0.02, tilt=(0, 0.7))


def robot(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Friendly."""
    for side in (-1, 1):
        pen.line([(side * 0.10, 0.3), (side * 0.12, 0.06)], 0.09, _METAL)
        pen.box(side * 0.13 - 0.09, 0, side * 0.13 + 0.09, 0.07, shade(rgb, 0.7), rounded=0.03)
        pen.line([(side * 0.24, 0.52), (side * 0.36, 0.40), (side * 0.36, 0.28)], 0.07, _METAL)
        pen.ellipse(side * 0.36, 0.26, 0.055, 0.055, shade(rgb, 0.7))
    pen.box(-0.24, 0.26, 0.24, 0.60, rgb, rounded=0.07, bulge=0.6)
    pen.box(-0.13, 0.36, 0.13, 0.52, shade(rgb, 0.6), rounded=0.03)
    for x, tone in ((-0.06, (0.9, 0.2, 0.15)), (0.02, (0.95, 0.8, 0.2)), (0.09, (0.2, 0.75, 0.3))):
        pen.ellipse(x, 0.45, 0.025, 0.025, tone, glow=0.8)
    pen.line([(0, 0.88), (0, 0.96)], 0.025, _METAL)
    pen.ellipse(0, 0.965, 0.034, 0.034, (0.95, 0.3, 0.2), glow=0.8)
    pen.box(-0.22, 0.63, 0.22, 0.90, rgb, rounded=0.08, bulge=0.6)
    pen.box(-0.16, 0.68, 0.16, 0.85, (0.06, 0.08, 0.10), rounded=0.05)
    for x in (-0.075, 0.075):
        pen.ellipse(x, 0.78, 0.035, 0.04, (0.35, 0.9, 0.95), glow=1, bulge=0)
    pen.line([(-0.06, 0.72), (0, 0.705), (0.06, 0.72)], 0.018, (0.35, 0.9, 0.95), glow=1)


def star(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Five points."""
    points = []
    for i in range(10):
        r = 0.47 if i % 2 == 0 else 0.21
        points.append((r * math.sin(i * math.pi / 5), 0.5 + r * math.cos(i * math.pi / 5)))
    pen.polygon(points, rgb, rounded=0.03, bulge=0.8)


def heart(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """The symbol."""
    points = []
    for i in range(28):
        a = i / 28 * 2 * math.pi
        points.append(
            (
                16 * math.sin(a) ** 3 / 34,
                0.55 + (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 34,
            )
        )
    pen.polygon(points, rgb, rounded=0.01, bulge=0.8)


def gift(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A box with a ribbon."""
    ribbon = (0.95, 0.80, 0.25) if rgb[0] < 0.85 or rgb[1] < 0.6 else (0.8, 0.15, 0.15)
    pen.box(-0.42, 0, 0.42, 0.58, rgb, rounded=0.02, bulge=0.3)
    pen.box(-0.48, 0.54, 0.48, 0.72, shade(rgb, 1.12), rounded=0.03, bulge=0.3)
    pen.box(-0.07, 0, 0.07, 0.72, ribbon, bulge=0.2)
    for side in (-1, 1):
        pen.ellipse(side * 0.17, 0.83, 0.17, 0.09, ribbon, turn=side * 28)
        pen.ellipse(side * 0.17, 0.83, 0.08, 0.035, shade(ribbon, 0.55), turn=side * 28, bulge=0)
    pen.ellipse(0, 0.76, 0.06, 0.06, ribbon)


DRAWINGS: dict[str, Draw] = {
    "ball": ball,
    "cube": cube,
    "cone": cone,
    "cylinder": cylinder,
    "pyramid": pyramid,
    "snowman": snowman,
    "umbrella": umbrella,
    "lantern": lantern,
    "campfire": campfire,
    "mushroom": mushroom,
    "flower": flower,
    "pumpkin": pumpkin,
    "bench": bench,
    "robot": robot,
    "star": star,
    "heart": heart,
    "gift": gift,
}
