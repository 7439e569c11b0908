"""Which sizes our picture model makes, and how: a small picture, enlarged zero, one or two times.

Knows: numbers. Does not know: pixels, networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from aigc.errors import UserError

STEP = 32
"""Sides of a small picture are multiples of this: whole patches of whole latents."""
_LOWEST, _HIGHEST = 0.75, 1.5
"""Sides of a small picture over the side that was trained."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A small picture, and how often its side is doubled."""

    width: int
    height: int
    doublings: int


def plan(width: int, height: int, side: int, doublings: int, panorama: bool) -> Plan:
    """How a size is made.

    Args:
        width: asked for, in pixels.
        height: likewise.
        side: of the pictures that were trained; panoramas are twice as wide.
        doublings: the most that the model can do.
        panorama: all around.

    Raises:
        UserError: it can't be made; the hint has the nearest that can.
    """
    able = _able(side, doublings, panorama)
    found = [p for p in able if (p.width << p.doublings, p.height << p.doublings) == (width, height)]
    if not found:
        kind = "panoramas" if panorama else "pictures"
        raise UserError(
            f"size is {width}x{height}, which this model can't make; nearest: {_nearest(able, width, height)}",
            param="size",
            hint=f"{kind} of this model: {_usual(side, doublings, panorama)}, and what lies between",
        )
    # The one that is nearest to what was trained.
    return min(found, key=lambda p: abs(math.log(p.width * p.height / (side * side * (2 if panorama else 1)))))


def working_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Size at which a given picture of any size is worked on: about its proportions, about the trained area."""
    ratio = math.sqrt(min(4.0, max(0.25, width / height)))
    sides = (round(side * ratio / STEP) * STEP, round(side / ratio / STEP) * STEP)
    return max(STEP, sides[0]), max(STEP, sides[1])


def _able(side: int, doublings: int, panorama: bool) -> list[Plan]:
    sides = [s for s in range(STEP, 4 * side, STEP) if _LOWEST * side <= s <= _HIGHEST * side]
    small = [(2 * s, s) for s in sides] if panorama else [(w, h) for w in sides for h in sides]
    return [Plan(w, h, d) for d in range(doublings + 1) for w, h in small]


def _nearest(able: list[Plan], width: int, height: int) -> str:
    def distance(size: tuple[int, int]) -> float:
        return abs(math.log(size[0] / max(1, width))) + abs(math.log(size[1] / max(1, height)))

    sizes = {(p.width << p.doublings, p.height << p.doublings) for p in able}
    return ", ".join(f"{w}x{h}" for w, h in sorted(sizes, key=lambda size: (distance(size), size))[:3])


def _usual(side: int, doublings: int, panorama: bool) -> str:
    wide = 2 if panorama else 1
    return ", ".join(f"{side * wide << d}x{side << d}" for d in range(doublings + 1))
