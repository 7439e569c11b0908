"""Houses, towers, tents: everything people live in or look up to.

Knows: walls and roofs. Windows carry light of their own, which the night turns on. Does not know: where they stand.
"""

from __future__ import annotations

import math

from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import Draw
from aigc.scenes.pen import RGB, Pen, blend, shade

_WINDOW: RGB = (0.30, 0.36, 0.42)
_WOOD: RGB = (0.36, 0.22, 0.12)
_PLASTER: RGB = (0.84, 0.79, 0.70)
_ROOF: RGB = (0.50, 0.17, 0.11)
_SIDE = (0.75, 0.0)
"""Normal of a wall that looks to the right."""
_FRONT = (-0.25, 0.0)


def _pane(pen: Pen, x: float, y: float, w: float, h: float) -> None:
    pen.box(x - w * 0.6, y - h * 0.58, x + w * 0.6, y + h * 0.58, (0.88, 0.86, 0.82))
    pen.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, _WINDOW, glow=0.9)
    pen.line([(x, y - h / 2), (x, y + h / 2)], w * 0.1, (0.85, 0.83, 0.78))
    pen.line([(x - w / 2, y), (x + w / 2, y)], w * 0.1, (0.85, 0.83, 0.78))


def _door(pen: Pen, x: float, w: float, h: float, rgb: RGB = _WOOD) -> None:
    pen.box(x - w / 2, 0, x + w / 2, h, rgb, rounded=w * 0.2)
    pen.ellipse(x + w * 0.3, h * 0.48, w * 0.07, w * 0.07, (0.9, 0.75, 0.3))


def house(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Gable to the front, a wing to the side; the colour is that of the walls."""
    roof = shade(_ROOF, dice.between(0.7, 1.3)) if sum(rgb) > 1.2 else (0.30, 0.27, 0.27)
    pen.box(0.32, 0.70, 0.44, 1.0, (0.48, 0.24, 0.18), tilt=_SIDE)
    pen.box(-0.10, 0, 0.62, 0.46, rgb, tilt=(0.35, 0))
    pen.polygon([(-0.15, 0.44), (0.68, 0.44), (0.54, 0.82), (-0.02, 0.82)], shade(roof, 0.9), tilt=(0.2, 0.6))
    pen.polygon([(-0.62, 0), (-0.02, 0), (-0.02, 0.5), (-0.32, 0.86), (-0.62, 0.5)], rgb, tilt=_FRONT)
    pen.line([(-0.70, 0.42), (-0.32, 0.90), (0.06, 0.42)], 0.07, roof)
    _door(pen, -0.32, 0.17, 0.32)
    _pane(pen, -0.32, 0.55, 0.13, 0.14)
    for x in (0.12, 0.42):
        _pane(pen, x, 0.24, 0.16, 0.17)


def barn(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A broken roof and a wide gate."""
    pen.polygon(
        [(-0.6, 0), (0.6, 0), (0.6, 0.52), (0.42, 0.80), (0, 0.96), (-0.42, 0.80), (-0.6, 0.52)], rgb, tilt=_FRONT
    )
    pen.line([(-0.66, 0.48), (-0.44, 0.82), (0, 0.97), (0.44, 0.82), (0.66, 0.48)], 0.065, (0.30, 0.28, 0.28))
    pen.box(-0.24, 0, 0.24, 0.44, shade(rgb, 0.55))
    for a, b in (
        ((-0.24, 0), (0.24, 0.44)),
        ((-0.24, 0.44), (0.24, 0)),
        ((-0.24, 0.44), (0.24, 0.44)),
        ((-0.24, 0), (-0.24, 0.44)),
        ((0.24, 0), (0.24, 0.44)),
    ):
        pen.line([a, b], 0.03, (0.88, 0.86, 0.82))
    _pane(pen, 0, 0.64, 0.15, 0.13)


def castle(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Keep, four towers with pointed roofs, battlements."""
    roof: RGB = dice.pick(((0.20, 0.28, 0.52), (0.52, 0.16, 0.12), (0.18, 0.36, 0.30)))
    for x, h, w in ((-0.22, 0.72, 0.2), (0.24, 0.76, 0.2), (0, 0.60, 0.36)):
        pen.box(x - w / 2, 0, x + w / 2, h, shade(rgb, 0.9), tilt=_FRONT)
        if w < 0.3:
            pen.polygon(
                [(x - w * 0.62, h), (x + w * 0.62, h), (x, min(1.0, h + 0.24))],
                shade(roof, 0.9),
                tilt=(0, 0.3),
                bulge=0.2,
            )
            pen.box(x - 0.03, h - 0.16, x + 0.03, h - 0.06, _WINDOW, rounded=0.03, glow=0.9)
    pen.box(-0.6, 0, 0.6, 0.36, rgb, tilt=_FRONT)
    for i in range(9):
        pen.box(-0.58 + i * 0.135, 0.35, -0.50 + i * 0.135, 0.42, rgb, tilt=_FRONT)
    for x in (-0.58, 0.58):
        pen.box(x - 0.12, 0, x + 0.12, 0.55, shade(rgb, 1.1), tilt=(0.2, 0))
        pen.polygon([(x - 0.16, 0.55), (x + 0.16, 0.55), (x, 0.82)], roof, tilt=(0, 0.3), bulge=0.2)
        pen.line([(x, 0.82), (x, 0.90)], 0.012, _WOOD)
        pen.polygon([(x, 0.90), (x + 0.10, 0.875), (x, 0.85)], (0.85, 0.2, 0.15))
        pen.box(x - 0.03, 0.36, x + 0.03, 0.46, _WINDOW, rounded=0.03, glow=0.9)
    pen.box(-0.12, 0, 0.12, 0.26, _WOOD, rounded=0.1)
    for x in (-0.32, 0.32):
        pen.box(x - 0.03, 0.16, x + 0.03, 0.26, _WINDOW, rounded=0.03, glow=0.9)


def lighthouse(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Bands of its colour and white, a lamp."""
    bands = 5
    for i in range(bands):
        y0, y1 = 0.72 * i / bands, 0.72 * (i + 1) / bands
        w0, w1 = 0.17 - 0.07 * y0 / 0.72, 0.17 - 0.07 * y1 / 0.72
        tone = rgb if i % 2 == 0 else (0.92, 0.91, 0.88)
        slices = 6
        for s in range(slices):
            a, b = s / slices * 2 - 1, (s + 1) / slices * 2 - 1
            pen.polygon(
                [(a * w0, y0), (b * w0 + 0.004, y0), (b * w1 + 0.004, y1 + 0.003), (a * w1, y1 + 0.003)],
                tone,
                tilt=((a + b) * 0.42, 0),
            )
    pen.box(-0.14, 0.715, 0.14, 0.745, (0.25, 0.25, 0.27), tilt=(0, 0.3))
    pen.box(-0.075, 0.745, 0.075, 0.87, (0.98, 0.93, 0.65), glow=1.0)
    for x in (-0.07, 0, 0.07):
        pen.line([(x, 0.745), (x, 0.87)], 0.012, (0.2, 0.2, 0.22))
    pen.polygon([(-0.11, 0.865), (0.11, 0.865), (0, 0.98)], rgb if sum(rgb) < 2 else _ROOF, bulge=0.3, tilt=(0, 0.3))
    _door(pen, 0, 0.09, 0.13)
    pen.box(-0.03, 0.34, 0.03, 0.40, _WINDOW, rounded=0.02, glow=0.9)


def windmill(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A tower, a cap, four sails."""
    pen.polygon([(-0.24, 0), (0.24, 0), (0.15, 0.6), (-0.15, 0.6)], rgb, bulge=0.6)
    pen.polygon([(-0.19, 0.58), (0.19, 0.58), (0.10, 0.74), (-0.10, 0.74)], (0.42, 0.26, 0.16), rounded=0.02, bulge=0.3)
    _door(pen, 0, 0.13, 0.2)
    _pane(pen, 0, 0.38, 0.1, 0.1)
    start = dice.between(20, 70)
    for i in range(4):
        a = math.radians(start + 90 * i)
        c, s = math.cos(a), math.sin(a)
        hub = (0.0, 0.64)
        pen.line([hub, (hub[0] + 0.35 * c, hub[1] + 0.35 * s)], 0.022, _WOOD)
        corner = [(0.08, 0.01), (0.35, 0.01), (0.35, 0.10), (0.08, 0.10)]
        pen.polygon([(hub[0] + u * c - v * s, hub[1] + u * s + v * c) for u, v in corner], (0.90, 0.87, 0.80))
    pen.ellipse(0, 0.64, 0.03, 0.03, (0.3, 0.2, 0.15))


def tent(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A ridge tent, open, with light inside."""
    pen.polygon([(0.05, 0.95), (0.75, 0.02), (0.15, 0.02), (-0.2, 0.95)], shade(rgb, 0.85), tilt=(0.5, 0.3))
    pen.polygon([(-0.2, 0.97), (-0.72, 0), (0.30, 0)], rgb, tilt=(-0.2, 0.2))
    pen.polygon([(-0.2, 0.72), (-0.42, 0), (0.02, 0)], (0.20, 0.14, 0.09), glow=0.55)
    pen.polygon([(-0.2, 0.74), (-0.42, 0), (-0.56, 0.02)], shade(rgb, 1.25))
    pen.line([(-0.2, 0.98), (-0.2, 0.72)], 0.02, _WOOD)


def church(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Nave and steeple."""
    pen.box(-0.1, 0, 0.5, 0.34, rgb, tilt=(0.35, 0))
    pen.polygon([(-0.14, 0.33), (0.55, 0.33), (0.46, 0.54), (-0.05, 0.54)], _ROOF, tilt=(0.2, 0.6))
    pen.box(-0.36, 0, -0.06, 0.60, rgb, tilt=_FRONT)
    pen.polygon([(-0.40, 0.59), (-0.02, 0.59), (-0.21, 0.93)], _ROOF, tilt=(0, 0.3), bulge=0.2)
    pen.line([(-0.21, 0.91), (-0.21, 1.0)], 0.016, (0.85, 0.7, 0.3))
    pen.line([(-0.245, 0.965), (-0.175, 0.965)], 0.016, (0.85, 0.7, 0.3))
    _door(pen, -0.21, 0.13, 0.22)
    for x in (0.08, 0.24, 0.40):
        pen.box(x - 0.035, 0.1, x + 0.035, 0.25, _WINDOW, rounded=0.035, glow=0.9)
    pen.box(-0.25, 0.40, -0.17, 0.53, _WINDOW, rounded=0.04, glow=0.9)


def pagoda(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Five storeys with curved roofs."""
    for i in range(5):
        y, w = i * 0.17, 0.30 - 0.042 * i
        pen.box(-w * 0.68, y, w * 0.68, y + 0.13, blend(rgb, _PLASTER, 0.35), tilt=_FRONT)
        for x in (-0.35, 0, 0.35):
            pen.box(x * w - 0.02, y + 0.03, x * w + 0.02, y + 0.10, _WINDOW, glow=0.9)
        pen.polygon(
            [
                (-w * 1.22, y + 0.135),
                (-w * 0.8, y + 0.12),
                (w * 0.8, y + 0.12),
                (w * 1.22, y + 0.135),
                (w * 0.5, y + 0.19),
                (-w * 0.5, y + 0.19),
            ],
            shade(rgb, 0.6),
            tilt=(0, 0.4),
            rounded=0.006,
        )
    pen.line([(0, 0.86), (0, 0.99)], 0.02, (0.85, 0.7, 0.3), end=0.006)


def tower(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """An office tower with many windows."""
    pen.box(-0.19, 0, 0.08, 1.0, rgb, tilt=_FRONT)
    pen.box(0.08, 0, 0.19, 0.985, shade(rgb, 0.8), tilt=_SIDE)
    rows = 16
    for row in range(rows):
        y = 0.05 + row * 0.93 / rows
        for x0, x1 in ((-0.17, -0.115), (-0.095, -0.04), (-0.02, 0.035), (0.095, 0.13), (0.145, 0.18)):
            pen.box(x0, y, x1, y + 0.032, blend(_WINDOW, rgb, 0.25), glow=0.85 if dice.chance(0.45) else 0.0)


def bridge(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """A stone arch."""
    for i in range(15):
        a, b = math.pi * i / 15, math.pi * (i + 1) / 15
        inner, outer = 0.62, 0.98
        pen.polygon(
            [
                (-inner * math.cos(a) * 1.6, inner * math.sin(a)),
                (-outer * math.cos(a) * 1.5, outer * math.sin(a) * 0.86),
                (-outer * math.cos(b) * 1.5, outer * math.sin(b) * 0.86),
                (-inner * math.cos(b) * 1.6, inner * math.sin(b)),
            ],
            shade(rgb, 0.86 + 0.2 * ((i * 7) % 3) / 2),
            rounded=0.01,
        )
    pen.line([(-1.55, 0.50), (-0.8, 0.86), (0, 0.97), (0.8, 0.86), (1.55, 0.50)], 0.05, shade(rgb, 1.2))


DRAWINGS: dict[str, Draw] = {
    "house": house,
    "barn": barn,
    "castle": castle,
    "lighthouse": lighthouse,
    "windmill": windmill,
    "tent": tent,
    "church": church,
    "pagoda": pagoda,
    "skyscraper": tower,
    "bridge": bridge,
}
