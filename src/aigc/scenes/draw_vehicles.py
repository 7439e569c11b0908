"""What drives, sails and flies.

Knows: outlines. Does not know: where they are.
"""

from __future__ import annotations

import math

from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import Draw
from aigc.scenes.pen import RGB, Pen, Point, blend, shade

_DARK: RGB = (0.06, 0.06, 0.07)
_WOOD: RGB = (0.40, 0.25, 0.13)
_WHITE: RGB = (0.92, 0.91, 0.88)
_GLASS: RGB = (0.45, 0.62, 0.74)
_METAL: RGB = (0.55, 0.57, 0.60)


def _wheel(pen: Pen, x: float, r: float) -> None:
    pen.ellipse(x, r, r, r, _DARK)
    pen.ellipse(x, r, r * 0.55, r * 0.55, _METAL)
    pen.ellipse(x, r, r * 0.2, r * 0.2, _DARK)


def car(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Small and round."""
    pen.polygon([(-0.72, 0.50), (-0.50, 0.93), (0.28, 0.93), (0.62, 0.50)], rgb, rounded=0.05, bulge=0.5)
    pen.polygon([(-0.55, 0.54), (-0.42, 0.84), (-0.08, 0.84), (-0.08, 0.54)], _GLASS, rounded=0.02)
    pen.polygon([(0.0, 0.54), (0.0, 0.84), (0.22, 0.84), (0.46, 0.54)], _GLASS, rounded=0.02)
    pen.box(-1.05, 0.16, 1.05, 0.56, rgb, rounded=0.17, bulge=0.6)
    pen.line([(-0.04, 0.55), (-0.04, 0.24)], 0.015, shade(rgb, 0.6))
    pen.box(-0.25, 0.44, -0.12, 0.47, shade(rgb, 0.5))
    pen.ellipse(0.97, 0.42, 0.07, 0.08, (0.98, 0.93, 0.70), glow=1)
    pen.ellipse(-0.98, 0.42, 0.05, 0.07, (0.75, 0.08, 0.06), glow=0.4)
    for x in (-0.60, 0.60):
        _wheel(pen, x, 0.22)


def bus(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """With a row of windows."""
    pen.box(-1.0, 0.14, 1.0, 0.98, rgb, rounded=0.10, bulge=0.5)
    for i in range(5):
        pen.box(-0.88 + i * 0.33, 0.56, -0.62 + i * 0.33, 0.84, _GLASS, rounded=0.03, glow=0.5)
    pen.box(0.78, 0.50, 0.98, 0.86, _GLASS, rounded=0.03, glow=0.4)
    pen.box(-0.98, 0.38, 0.98, 0.44, blend(rgb, _WHITE, 0.8))
    pen.ellipse(0.96, 0.26, 0.05, 0.06, (0.98, 0.93, 0.70), glow=1)
    for x in (-0.58, 0.58):
        _wheel(pen, x, 0.17)


def bicycle(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Frame in its colour."""
    for x in (-0.48, 0.48):
        for r, tone in ((0.34, _DARK),):
            points = [(x + r * math.cos(a * math.pi / 12), 0.36 + r * math.sin(a * math.pi / 12)) for a in range(25)]
            pen.line(points, 0.045, tone)
        for a in range(3):
            c, s = 0.32 * math.cos(a * 1.05), 0.32 * math.sin(a * 1.05)
            pen.line([(x - c, 0.36 - s), (x + c, 0.36 + s)], 0.012, _METAL)
    frame: list[Point] = [(-0.48, 0.36), (-0.05, 0.36), (0.34, 0.76), (-0.18, 0.76), (-0.48, 0.36)]
    pen.line(frame, 0.055, rgb)
    pen.line([(-0.05, 0.36), (-0.22, 0.86)], 0.05, rgb)
    pen.line([(0.48, 0.36), (0.32, 0.92)], 0.05, rgb)
    pen.line([(0.32, 0.92), (0.44, 0.97)], 0.04, _DARK)
    pen.line([(-0.32, 0.88), (-0.12, 0.88)], 0.06, _DARK)


def sailboat(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """The colour is that of the sails."""
    pen.line([(0, 0.1), (0, 0.98)], 0.02, _WOOD)
    pen.polygon([(0.03, 0.18), (0.03, 0.95), (0.42, 0.20)], rgb, rounded=0.008, tilt=(0.4, 0.1), bulge=0.2)
    pen.polygon(
        [(-0.03, 0.18), (-0.03, 0.82), (-0.34, 0.20)], shade(rgb, 0.85), rounded=0.008, tilt=(-0.4, 0.1), bulge=0.2
    )
    hull: RGB = (0.50, 0.28, 0.14) if sum(rgb) > 0.6 else _WHITE
    pen.polygon([(-0.50, 0.155), (0.56, 0.155), (0.38, -0.02), (-0.40, -0.02)], hull, rounded=0.012, bulge=0.4)
    pen.line([(-0.50, 0.155), (0.56, 0.155)], 0.028, _WHITE)


def rowboat(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """With oars."""
    pen.line([(-0.2, 0.66), (0.5, 0.95)], 0.04, _WOOD)
    pen.polygon([(-1.12, 0.80), (1.15, 0.86), (0.80, -0.05), (-0.80, -0.05)], rgb, rounded=0.03, bulge=0.5)
    pen.polygon([(-1.02, 0.76), (1.06, 0.82), (0.92, 0.66), (-0.92, 0.62)], shade(rgb, 0.45))
    pen.line([(-1.14, 0.80), (1.17, 0.86)], 0.07, shade(rgb, 1.25))
    pen.line([(0.1, 0.75), (0.72, 0.06)], 0.05, _WOOD, end=0.12)


def ship(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A steamer; the colour is that of the hull."""
    pen.box(-0.62, 0.28, 0.5, 0.46, _WHITE, rounded=0.02)
    pen.box(-0.5, 0.44, 0.3, 0.58, _WHITE, rounded=0.02)
    for x in (-0.28, 0.06):
        pen.box(x - 0.08, 0.57, x + 0.08, 0.86, blend(rgb, (0.8, 0.15, 0.1), 0.6), bulge=0.4)
        pen.box(x - 0.08, 0.80, x + 0.08, 0.87, _DARK)
    for i in range(7):
        pen.ellipse(-0.5 + i * 0.15, 0.37, 0.028, 0.028, _GLASS, glow=1)
    pen.polygon([(-0.92, 0.32), (1.02, 0.34), (0.80, -0.02), (-0.80, -0.02)], rgb, rounded=0.02, bulge=0.4)
    pen.line([(-0.92, 0.31), (1.0, 0.33)], 0.03, _WHITE)


def balloon(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A hot-air balloon in gores of its colour and a paler one."""
    pale = blend(rgb, _WHITE, 0.55) if sum(rgb) < 2.2 else (0.85, 0.25, 0.2)
    for i in (4, 3, 2, 1, 0):
        rx = 0.385 * math.sin((i + 0.55) / 5 * math.pi / 2)
        pen.ellipse(0, 0.635, rx, 0.36, rgb if i % 2 == 0 else pale, bulge=0.95 * rx / 0.385 if i == 4 else 0.5)
    pen.polygon([(-0.20, 0.36), (0.20, 0.36), (0.09, 0.20), (-0.09, 0.20)], rgb, rounded=0.01, bulge=0.3)
    for x in (-0.07, 0.07):
        pen.line([(x, 0.20), (x * 0.9, 0.11)], 0.012, _WOOD)
    pen.box(-0.085, 0.0, 0.085, 0.12, (0.48, 0.30, 0.15), rounded=0.015, bulge=0.4)


def kite(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A diamond with a tail."""
    pen.polygon([(0.1, 1.0), (0.36, 0.66), (0.1, 0.34), (-0.16, 0.66)], rgb)
    pen.polygon([(0.1, 1.0), (0.36, 0.66), (0.1, 0.66)], shade(rgb, 0.75))
    pen.polygon([(0.1, 0.34), (-0.16, 0.66), (0.1, 0.66)], shade(rgb, 0.75))
    pen.line([(0.1, 0.34), (-0.05, 0.24), (0.02, 0.14), (-0.14, 0.04)], 0.02, (0.3, 0.25, 0.2))
    for x, y in ((-0.03, 0.25), (0.0, 0.15), (-0.12, 0.05)):
        pen.polygon(
            [(x - 0.06, y + 0.03), (x + 0.06, y - 0.03), (x + 0.06, y + 0.03), (x - 0.06, y - 0.03)], shade(rgb, 1.2)
        )


def airplane(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """From the side, flying."""
    pen.polygon([(-1.05, 0.55), (-1.25, 1.0), (-1.05, 1.0), (-0.75, 0.60)], rgb, rounded=0.02, bulge=0.3)
    pen.polygon([(-0.15, 0.45), (-0.45, 0.86), (-0.32, 0.86), (0.22, 0.48)], shade(rgb, 0.65))
    pen.line([(-1.1, 0.55), (0.9, 0.48)], 0.24, _WHITE, end=0.34)
    pen.ellipse(0.98, 0.47, 0.28, 0.165, _WHITE)
    pen.line([(-1.05, 0.50), (1.0, 0.40)], 0.07, rgb)
    for i in range(7):
        pen.ellipse(-0.62 + i * 0.2, 0.57, 0.04, 0.045, _GLASS, glow=0.7)
    pen.polygon([(1.05, 0.60), (1.16, 0.52), (0.92, 0.52), (0.90, 0.60)], _DARK)
    pen.polygon([(-0.05, 0.42), (-0.62, 0.04), (-0.40, 0.04), (0.34, 0.40)], rgb, rounded=0.015)
    pen.polygon([(-1.0, 0.52), (-1.3, 0.40), (-1.15, 0.38), (-0.8, 0.48)], rgb)


def rocket(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Taking off."""
    for w, h, tone in ((0.13, 0.26, (1.0, 0.45, 0.08)), (0.07, 0.20, (1.0, 0.85, 0.3))):
        pen.polygon([(-w, 0.24), (w, 0.24), (0, 0.24 - h)], tone, rounded=0.02, glow=1)
    for side in (-1, 1):
        pen.polygon([(side * 0.15, 0.48), (side * 0.34, 0.20), (side * 0.14, 0.26)], rgb, rounded=0.02, bulge=0.3)
    pen.ellipse(0, 0.58, 0.19, 0.40, _WHITE, bulge=0.9)
    pen.polygon([(-0.125, 0.875), (0.125, 0.875), (0, 1.0)], rgb, rounded=0.012, bulge=0.4)
    pen.ellipse(0, 0.64, 0.085, 0.085, rgb)
    pen.ellipse(0, 0.64, 0.058, 0.058, _GLASS, bulge=0.9)
    pen.box(-0.1, 0.20, 0.1, 0.25, _METAL, rounded=0.02)


DRAWINGS: dict[str, Draw] = {
    "car": car,
    "bus": bus,
    "bicycle": bicycle,
    "sailboat": sailboat,
    "rowboat": rowboat,
    "ship": ship,
    "hot-air balloon": balloon,
    "kite": kite,
    "airplane": airplane,
    "rocket": rocket,
}
