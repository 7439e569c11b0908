"""Animals, drawn from the side, whole body.

Knows: bodies. Does not know: where they stand.
"""

from __future__ import annotations

from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import Build, Draw
from aigc.scenes.pen import RGB, Pen, blend, shade

_EYE: RGB = (0.03, 0.03, 0.03)
_WHITE: RGB = (0.92, 0.91, 0.88)
_PINK: RGB = (0.85, 0.45, 0.45)


def four_legs(build: Build) -> Draw:
    """A drawing of such an animal."""

    def draw(pen: Pen, rgb: RGB, dice: Dice) -> None:
        half = build.length / 2
        y = build.leg + build.body * 0.75
        stride = dice.between(-0.04, 0.04)
        back, feet = shade(rgb, 0.72), shade(rgb, 0.35) if build.dark_feet else shade(rgb, 0.9)
        for x, tone in (
            (-half * 0.55 + stride, back),
            (half * 0.78 - stride, back),
            (-half * 0.8, rgb),
            (half * 0.55, rgb),
        ):
            pen.line(
                [(x, y - 0.02), (x + stride * 0.4, build.leg * 0.45), (x, 0.03)],
                build.leg_width * 1.2,
                tone,
                end=build.leg_width * 0.75,
            )
            pen.ellipse(x + 0.015, 0.025, build.leg_width * 0.62, 0.03, feet)
        _tail(pen, build, rgb, -half, y)
        pen.ellipse(0, y, half * 1.02, build.body, rgb)
        for hump in range(build.hump):
            pen.ellipse(
                (hump - (build.hump - 1) / 2) * half * 0.7, y + build.body * 0.85, half * 0.26, build.body * 0.6, rgb
            )
        if build.belly:
            pen.ellipse(
                0.02, y - build.body * 0.52, half * 0.75, build.body * 0.42, blend(rgb, _WHITE, build.belly), bulge=0.5
            )
        _pattern(pen, build, rgb, dice, half, y)
        hx, hy = half * 0.9 + build.lean, y + build.body * 0.3 + build.neck
        pen.line(
            [(half * 0.72, y + build.body * 0.15), (hx - build.head * 0.2, hy - 0.02)],
            build.body * 1.05,
            rgb,
            end=build.head * 1.25,
        )
        if build.mane:
            dark = shade(rgb, 0.45)
            pen.line(
                [(half * 0.55, y + build.body * 0.9), (hx - build.head * 0.8, hy + build.head * 0.8)],
                build.mane,
                dark,
                end=build.mane * 0.8,
            )
        _head(pen, build, rgb, hx, hy)

    return draw


def _tail(pen: Pen, build: Build, rgb: RGB, x: float, y: float) -> None:
    if build.tail == "bushy":
        pen.line([(x + 0.06, y), (x - 0.14, y - 0.02), (x - 0.30, y + 0.10)], 0.12, rgb, end=0.17)
        pen.ellipse(x - 0.33, y + 0.13, 0.075, 0.07, blend(rgb, _WHITE, 0.85))
    elif build.tail == "long":
        pen.line(
            [(x + 0.05, y + 0.05), (x - 0.13, y + 0.1), (x - 0.16, y + 0.32), (x - 0.10, y + 0.42)],
            0.07,
            rgb,
            end=0.055,
        )
    elif build.tail == "hair":
        pen.line(
            [(x + 0.04, y + build.body * 0.5), (x - 0.08, y + 0.02), (x - 0.10, y - 0.26)],
            0.07,
            shade(rgb, 0.45),
            end=0.05,
        )
    elif build.tail == "short":
        pen.ellipse(x - 0.02, y + build.body * 0.4, 0.065, 0.06, blend(rgb, _WHITE, 0.5))
    else:
        pen.line([(x + 0.03, y + build.body * 0.4), (x - 0.07, y - 0.05), (x - 0.06, y - 0.2)], 0.035, rgb, end=0.03)
        pen.ellipse(x - 0.06, y - 0.22, 0.035, 0.05, shade(rgb, 0.5))


def _pattern(pen: Pen, build: Build, rgb: RGB, dice: Dice, half: float, y: float) -> None:
    if build.pattern == "patches":
        for _ in range(5):
            pen.ellipse(
                dice.between(-0.75, 0.7) * half,
                y + dice.between(-0.5, 0.55) * build.body,
                dice.between(0.06, 0.13),
                dice.between(0.04, 0.09),
                shade(_WHITE, 0.98) if sum(rgb) < 1.8 else _EYE,
                bulge=0.4,
            )
    elif build.pattern == "spots":
        for _ in range(16):
            pen.ellipse(
                dice.between(-0.85, 0.85) * half,
                y + dice.between(-0.65, 0.7) * build.body,
                0.035,
                0.028,
                shade(rgb, 0.5),
                bulge=0.4,
            )
    elif build.pattern == "stripes":
        for i in range(8):
            x = (-0.85 + i * 0.23) * half
            pen.line([(x, y + build.body * 0.85), (x + 0.02, y - build.body * 0.6)], 0.045, _EYE, end=0.015)
    elif build.pattern == "wool":
        for _ in range(26):
            x = dice.between(-1, 1)
            pen.ellipse(
                x * half,
                y + dice.between(-0.75, 0.95) * build.body * (1 - 0.35 * x * x),
                0.10,
                0.09,
                shade(rgb, dice.between(0.92, 1.06)),
                bulge=0.9,
            )


def _head(pen: Pen, build: Build, rgb: RGB, x: float, y: float) -> None:
    r = build.head
    face = shade(_EYE, 3) if build.pattern == "wool" and sum(rgb) > 2 else rgb
    if build.horns == "antlers":
        for side in (-0.5, 0.25):
            base = (x + side * r * 0.6, y + r * 0.7)
            tip = (base[0] + side * 0.22 - 0.03, base[1] + 0.22)
            pen.line([base, tip], 0.032, (0.42, 0.30, 0.18), end=0.018)
            for share in (0.4, 0.7):
                px, py = base[0] + (tip[0] - base[0]) * share, base[1] + (tip[1] - base[1]) * share
                pen.line([(px, py), (px + 0.07, py + 0.06)], 0.024, (0.42, 0.30, 0.18), end=0.014)
    _ears(pen, build, face, x, y, r)
    if build.muzzle:
        pen.line([(x, y - r * 0.1), (x + r * 0.7 + build.muzzle, y - r * 0.42)], r * 1.5, face, end=r * 0.95)
    pen.ellipse(x, y, r * 1.05, r, face)
    if build.belly:
        pen.ellipse(
            x + r * 0.55 + build.muzzle * 0.8, y - r * 0.48, r * 0.5, r * 0.36, blend(face, _WHITE, build.belly)
        )
    pen.ellipse(
        x + r * 0.85 + build.muzzle * 1.15, y - r * 0.30, r * 0.20, r * 0.17, _EYE if build.ears != "pig" else _PINK
    )
    pen.ellipse(x + r * 0.38, y + r * 0.20, r * 0.17, r * 0.20, _EYE)
    pen.ellipse(x + r * 0.43, y + r * 0.27, r * 0.06, r * 0.06, _WHITE, bulge=0)
    if build.horns == "horns":
        pen.line(
            [(x, y + r * 0.8), (x + 0.09, y + r * 1.25), (x + 0.07, y + r * 1.7)], 0.05, (0.85, 0.8, 0.65), end=0.02
        )


def _ears(pen: Pen, build: Build, rgb: RGB, x: float, y: float, r: float) -> None:
    if build.ears in ("pointed", "pig"):
        for dx in (-0.75, -0.05):
            pen.polygon(
                [(x + dx * r, y + r * 0.5), (x + (dx + 0.15) * r, y + r * 1.75), (x + (dx + 0.85) * r, y + r * 0.7)],
                rgb if dx else shade(rgb, 0.8),
                rounded=0.012,
                bulge=0.3,
            )
            pen.polygon(
                [
                    (x + (dx + 0.18) * r, y + r * 0.75),
                    (x + (dx + 0.24) * r, y + r * 1.42),
                    (x + (dx + 0.6) * r, y + r * 0.8),
                ],
                shade(rgb, 0.45),
                bulge=0.1,
            )
    elif build.ears == "long":
        for dx, tone in ((-0.55, 0.82), (-0.1, 1.0)):
            pen.ellipse(x + dx * r, y + r * 1.75, r * 0.30, r * 1.15, shade(rgb, tone), turn=8)
            pen.ellipse(x + dx * r + 0.01, y + r * 1.7, r * 0.14, r * 0.8, blend(rgb, _PINK, 0.6), turn=8, bulge=0.2)
    elif build.ears == "floppy":
        pen.ellipse(x - r * 0.65, y + r * 0.15, r * 0.34, r * 0.75, shade(rgb, 0.55), turn=-14)
    elif build.ears == "big":
        pen.ellipse(x - r * 1.0, y + r * 0.1, r * 0.9, r * 1.15, shade(rgb, 0.86))
    else:
        for dx in (-0.7, 0.35):
            pen.ellipse(x + dx * r, y + r * 0.85, r * 0.36, r * 0.36, shade(rgb, 0.85))


def elephant(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """With trunk and tusk."""
    four_legs(
        Build(length=0.86, body=0.31, leg=0.36, leg_width=0.17, neck=0.1, lean=0.06, head=0.2, muzzle=0.0, ears="big")
    )(pen, rgb, dice)
    pen.line([(0.62, 0.68), (0.72, 0.5), (0.70, 0.28), (0.77, 0.16)], 0.16, rgb, end=0.07)
    pen.line([(0.62, 0.58), (0.74, 0.50), (0.82, 0.54)], 0.05, _WHITE, end=0.02)


def bird(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Sits on two thin legs."""
    for x in (-0.05, 0.08):
        pen.line([(x, 0.25), (x + 0.02, 0.02)], 0.03, (0.75, 0.5, 0.15))
    pen.polygon([(-0.28, 0.42), (-0.62, 0.30), (-0.60, 0.42), (-0.25, 0.55)], shade(rgb, 0.6), rounded=0.01)
    pen.ellipse(0, 0.46, 0.36, 0.25, rgb, turn=14)
    pen.ellipse(0.08, 0.38, 0.24, 0.16, blend(rgb, _WHITE, 0.6), turn=14, bulge=0.5)
    pen.ellipse(0.26, 0.72, 0.19, 0.18, rgb)
    pen.ellipse(-0.08, 0.48, 0.25, 0.13, shade(rgb, 0.68), turn=22)
    pen.polygon([(0.42, 0.76), (0.60, 0.70), (0.42, 0.65)], (0.95, 0.65, 0.1))
    pen.ellipse(0.33, 0.76, 0.035, 0.04, _EYE)
    pen.ellipse(0.345, 0.775, 0.012, 0.012, _WHITE)


def duck(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Swims: its lower edge is the water line."""
    pen.polygon([(-0.5, 0.30), (-0.72, 0.42), (-0.45, 0.12)], rgb, rounded=0.03)
    pen.ellipse(-0.05, 0.18, 0.52, 0.22, rgb)
    pen.line([(0.32, 0.25), (0.36, 0.6)], 0.2, rgb, end=0.18)
    pen.ellipse(0.40, 0.74, 0.19, 0.18, rgb)
    pen.ellipse(-0.12, 0.22, 0.32, 0.13, shade(rgb, 0.8), turn=6)
    pen.line([(0.56, 0.70), (0.74, 0.67)], 0.09, (0.95, 0.55, 0.08), end=0.07)
    pen.ellipse(0.46, 0.79, 0.035, 0.04, _EYE)


def swan(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Swims, with its long neck."""
    pen.ellipse(-0.08, 0.16, 0.50, 0.19, rgb)
    pen.line([(0.30, 0.2), (0.46, 0.38), (0.34, 0.62), (0.40, 0.82), (0.52, 0.85)], 0.15, rgb, end=0.10)
    pen.ellipse(0.52, 0.85, 0.105, 0.09, rgb)
    pen.polygon([(0.60, 0.89), (0.76, 0.80), (0.60, 0.80)], (0.95, 0.5, 0.1), rounded=0.01)
    pen.ellipse(0.60, 0.89, 0.025, 0.025, _EYE)
    for i in range(4):
        pen.ellipse(
            -0.18 - 0.07 * i, 0.24 + 0.03 * i, 0.28 - 0.03 * i, 0.10, shade(rgb, 0.95 - 0.04 * i), turn=-18 - 4 * i
        )


def penguin(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Upright."""
    for x in (-0.12, 0.12):
        pen.ellipse(x, 0.04, 0.11, 0.04, (0.95, 0.6, 0.1))
    pen.ellipse(0, 0.45, 0.28, 0.42, rgb)
    pen.ellipse(0.03, 0.40, 0.20, 0.34, _WHITE, bulge=0.6)
    pen.ellipse(-0.27, 0.45, 0.065, 0.24, shade(rgb, 1.15), turn=-14)
    pen.ellipse(0.27, 0.45, 0.065, 0.24, shade(rgb, 1.15), turn=14)
    pen.ellipse(0, 0.80, 0.20, 0.19, rgb)
    pen.ellipse(0.05, 0.76, 0.14, 0.12, _WHITE, bulge=0.4)
    pen.polygon([(0.02, 0.79), (0.20, 0.74), (0.02, 0.70)], (0.95, 0.6, 0.1), rounded=0.01)
    for x in (-0.01, 0.13):
        pen.ellipse(x, 0.84, 0.028, 0.032, _EYE)


def owl(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Looks at you."""
    for x in (-0.1, 0.1):
        pen.ellipse(x, 0.03, 0.09, 0.035, (0.9, 0.6, 0.15))
    for x, point in ((-0.2, -0.27), (0.2, 0.27)):
        pen.polygon([(x - 0.1, 0.85), (point, 1.0), (x + 0.1, 0.88)], rgb, rounded=0.01)
    pen.ellipse(0, 0.42, 0.32, 0.40, rgb)
    pen.ellipse(0, 0.36, 0.22, 0.29, blend(rgb, _WHITE, 0.55), bulge=0.5)
    for row in range(3):
        for i in range(4 - row % 2):
            pen.ellipse((i - 1.5 + row % 2 * 0.5) * 0.1, 0.44 - row * 0.1, 0.03, 0.022, shade(rgb, 0.7), bulge=0)
    pen.ellipse(0, 0.76, 0.31, 0.20, rgb)
    for x in (-0.13, 0.13):
        pen.ellipse(x, 0.77, 0.125, 0.125, _WHITE, bulge=0.4)
        pen.ellipse(x, 0.77, 0.065, 0.07, _EYE, bulge=0.6)
        pen.ellipse(x + 0.02, 0.80, 0.02, 0.02, _WHITE, bulge=0)
    pen.polygon([(-0.05, 0.72), (0.05, 0.72), (0, 0.62)], (0.95, 0.65, 0.1), rounded=0.01)
    for x, turn in ((-0.31, -10), (0.31, 10)):
        pen.ellipse(x, 0.42, 0.08, 0.28, shade(rgb, 0.72), turn=turn)


def flamingo(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """On one leg."""
    pen.line([(0, 0.45), (0.02, 0.24), (0.0, 0.02)], 0.025, shade(rgb, 0.75))
    pen.line([(0.04, 0.45), (0.16, 0.30), (0.04, 0.27)], 0.025, shade(rgb, 0.75))
    pen.ellipse(-0.03, 0.53, 0.21, 0.13, rgb, turn=10)
    pen.ellipse(-0.10, 0.53, 0.17, 0.08, shade(rgb, 0.8), turn=18)
    pen.line([(0.13, 0.56), (0.26, 0.66), (0.14, 0.82), (0.22, 0.93), (0.28, 0.92)], 0.055, rgb, end=0.05)
    pen.ellipse(0.27, 0.92, 0.06, 0.05, rgb)
    pen.line([(0.31, 0.92), (0.36, 0.88), (0.355, 0.84)], 0.04, (0.95, 0.9, 0.85), end=0.02)
    pen.ellipse(0.355, 0.85, 0.018, 0.025, _EYE)
    pen.ellipse(0.285, 0.935, 0.012, 0.012, _EYE)


def fish(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Round, with fins."""
    pen.polygon([(-0.45, 0.5), (-0.85, 0.82), (-0.72, 0.5), (-0.85, 0.18)], shade(rgb, 0.75), rounded=0.03, bulge=0.4)
    pen.polygon([(-0.2, 0.75), (0.0, 1.0), (0.3, 0.75)], shade(rgb, 0.75), rounded=0.02)
    pen.ellipse(0.08, 0.5, 0.60, 0.34, rgb)
    pen.ellipse(0.12, 0.36, 0.42, 0.16, blend(rgb, _WHITE, 0.55), bulge=0.5)
    for x in (-0.15, 0.08, 0.28):
        pen.line([(x, 0.78 - abs(x) * 0.2), (x - 0.04, 0.5), (x, 0.26)], 0.05, blend(rgb, _WHITE, 0.7), end=0.03)
    pen.polygon([(0.05, 0.45), (-0.2, 0.32), (0.0, 0.28)], shade(rgb, 0.7), rounded=0.02)
    pen.ellipse(0.46, 0.58, 0.08, 0.09, _WHITE, bulge=0.5)
    pen.ellipse(0.48, 0.58, 0.045, 0.055, _EYE)


def whale(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Its back above the water, with a spout."""
    pen.line([(-0.5, 0.16), (-0.85, 0.34), (-0.95, 0.5)], 0.2, rgb, end=0.07)
    pen.polygon([(-0.95, 0.46), (-1.15, 0.62), (-0.98, 0.56), (-0.84, 0.66), (-0.90, 0.48)], rgb, rounded=0.02)
    pen.ellipse(0.12, 0.16, 0.78, 0.33, rgb)
    pen.ellipse(0.35, 0.06, 0.56, 0.17, blend(rgb, _WHITE, 0.7), bulge=0.5)
    pen.ellipse(0.52, 0.24, 0.045, 0.045, _EYE)
    for dx in (-0.16, 0.0, 0.16):
        pen.line(
            [(0.25, 0.52), (0.25 + dx * 0.5, 0.78), (0.25 + dx * 1.3, 0.86 - abs(dx))],
            0.045,
            (0.75, 0.88, 0.95),
            end=0.06,
        )


def butterfly(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """Seen from above."""
    for side in (-1, 1):
        pen.ellipse(side * 0.34, 0.66, 0.34, 0.25, rgb, turn=side * 32, bulge=0.3)
        pen.ellipse(side * 0.26, 0.30, 0.24, 0.20, shade(rgb, 0.8), turn=side * -38, bulge=0.3)
        pen.ellipse(side * 0.40, 0.70, 0.13, 0.10, blend(rgb, _WHITE, 0.7), turn=side * 32, bulge=0.1)
        pen.ellipse(side * 0.28, 0.28, 0.09, 0.08, blend(rgb, _WHITE, 0.6), bulge=0.1)
        pen.line([(0, 0.8), (side * 0.12, 0.96)], 0.02, _EYE)
    pen.ellipse(0, 0.5, 0.045, 0.33, (0.10, 0.08, 0.07))


def snail(pen: Pen, rgb: RGB, dice: Dice) -> None:
    """With its house."""
    body: RGB = (0.72, 0.58, 0.38)
    pen.line([(-0.65, 0.07), (0.5, 0.10), (0.66, 0.42)], 0.16, body, end=0.16)
    for dx in (-0.03, 0.12):
        pen.line([(0.66, 0.45), (0.66 + dx, 0.72)], 0.035, body)
        pen.ellipse(0.66 + dx, 0.74, 0.04, 0.04, _EYE)
    for i, r in enumerate((0.42, 0.31, 0.20, 0.10)):
        pen.ellipse(-0.10 + 0.03 * i, 0.50 - 0.01 * i, r, r, rgb if i % 2 == 0 else shade(rgb, 0.62), bulge=0.7)


DRAWINGS: dict[str, Draw] = {
    "elephant": elephant,
    "bird": bird,
    "duck": duck,
    "swan": swan,
    "penguin": penguin,
    "owl": owl,
    "flamingo": flamingo,
    "fish": fish,
    "whale": whale,
    "butterfly": butterfly,
    "snail": snail,
}
