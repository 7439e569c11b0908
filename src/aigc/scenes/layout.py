"""Where the things that were asked for stand, so that all of them are seen and stand to each other as was said.

Knows: kinds, sizes, relations. Does not know: words, land, light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from aigc.scenes.arrays import Dice
from aigc.scenes.describe import Thing
from aigc.scenes.kinds import Kind
from aigc.scenes.vocabulary import Colour

MOST = 12
"""Things in one picture."""
_LEAST = 0.012
"""Share of the height of the smallest thing; in a very narrow picture some then cover each other."""
_FARTHER = 1.9
"""What is behind is so many times as far away; a viewer sees it from 1.8 (``relations.py``)."""
_APART = 0.28
"""Between the middles of what is left and right, in half widths of the picture; a viewer sees it from 0.25."""


@dataclass(frozen=True)
class Item:
    """One thing to be placed; ``group`` is the number of what was named."""

    kind: Kind
    colour: Colour | None
    group: int


@dataclass(frozen=True)
class Bond:
    """The group ``subject`` is ``word`` the group ``object``."""

    subject: int
    word: str
    object: int


@dataclass
class _Spot:
    """A thing's place in the making; ``half`` is half its width, as ``x`` is measured."""

    x: float
    size: float
    y: float
    half: float


def sheet(items: Sequence[Item], bonds: Sequence[Bond], ratio: float, dice: Dice) -> tuple[Thing, ...]:
    """Side by side on a sticker, in rows that make them largest; what is above something is in the upper row.

    Args:
        items: The things.
        bonds: How they stand to each other.
        ratio: Height of the picture divided by its width.
        dice: Which way they look.
    """
    rows = _rows(items, bonds, ratio)
    sizes = _row_sizes(rows, items, ratio)
    things: dict[int, Thing] = {}
    for number, row in enumerate(rows):
        middle = (len(rows) - 1 - 2 * number) * 0.46 / len(rows)
        share = 1.84 / len(row)
        for column, index in enumerate(row):
            x = -share * (len(row) - 1) / 2 + share * column
            things[index] = _thing(items[index], x, sizes[index], middle - sizes[index] / 2, dice)
    return tuple(things[index] for index in range(len(items)))


def view(
    items: Sequence[Item], bonds: Sequence[Bond], ratio: float, dice: Dice, *, around: bool
) -> tuple[tuple[Thing, ...], list[Bond]]:
    """Standing in a place, side by side with gaps of chance.

    Args:
        items: The things.
        bonds: How they stand to each other.
        ratio: Height of the picture divided by its width.
        dice: Places and sizes.
        around: In a panorama, where all of them are ahead.

    Returns: the things, and the bonds that could not be kept.
    """
    if not items:
        return (), []
    low, high = {1: (0.27, 0.42), 2: (0.24, 0.34), 3: (0.20, 0.28)}.get(len(items), (0.14, 0.22))
    scale = 0.45 if around else 1.0
    sizes = {group: dice.between(low, high) * scale for group in dict.fromkeys(item.group for item in items)}
    spots = [_Spot(0.0, sizes[item.group], _rise(item, dice), 0.0) for item in items]
    for bond in bonds:
        _deepen(items, spots, bond)
    stacked = [i for i, item in enumerate(items) if _stacked(items, bonds, item.group)]
    order = [i for i in _ordered(items, bonds, dice) if i not in stacked]
    sided = {frozenset((b.subject, b.object)) for b in bonds if b.word in ("left of", "right of")}
    apart = [frozenset((items[i].group, items[j].group)) in sided for i, j in pairwise(order)]
    _spread(items, spots, order, apart, ratio, dice, around)
    for bond in bonds:
        if bond.word == "above":
            _raise(items, spots, bond)
    things = tuple(_thing(item, s.x, s.size, s.y, dice) for item, s in zip(items, spots, strict=True))
    return things, _broken(items, spots, bonds)


def _rise(item: Item, dice: Dice) -> float:
    return dice.between(0.06, 0.26) if item.kind.on == "sky" else 0.0


def _stacked(items: Sequence[Item], bonds: Sequence[Bond], group: int) -> bool:
    """Whether it is alone, flies, and stands right above another thing."""
    members = [item for item in items if item.group == group]
    above = any(bond.word == "above" and bond.subject == group for bond in bonds)
    return above and len(members) == 1 and members[0].kind.on == "sky"


def _spread(
    items: Sequence[Item],
    spots: list[_Spot],
    order: Sequence[int],
    apart: Sequence[bool],
    ratio: float,
    dice: Dice,
    around: bool,
) -> None:
    """From left to right, smaller where there are many; what room is left becomes gaps.

    ``apart`` says of each two neighbours whether a viewer must see that one is left of the other.
    """
    room = 1.0 if around else 1.84
    widest = max(items[i].kind.aspect * ratio * spots[i].size * 2 / (1.7 if len(order) == 1 else 1.2) for i in order)
    full = sum(items[i].kind.aspect * ratio * spots[i].size * 2 for i in order) / (0.80 * room)
    shrink = 1 / max(1.0, widest, full)
    for spot, item in zip(spots, items, strict=True):
        spot.size *= shrink
        spot.half = spot.size * item.kind.aspect * ratio
    pairs = pairwise(spots[i].half for i in order)
    between = [max(0.1 * (a + b), (_APART * 1.05 - a - b) * far) for (a, b), far in zip(pairs, apart, strict=True)]
    spare = room - sum(spots[i].half * 2 for i in order) - sum(between)
    shares = [dice.between(0.2, 1) for _ in range(len(order) + 1)]
    gaps = [max(spare, 0.0) * share / sum(shares) for share in shares]
    x = -room / 2 + gaps[0]
    for number, i in enumerate(order):
        spots[i].x = x + spots[i].half
        x += 2 * spots[i].half + (between[number] + gaps[number + 1] if number < len(between) else 0)


def _deepen(items: Sequence[Item], spots: list[_Spot], bond: Bond) -> None:
    """Makes what is behind so small, and what is before it so large, that one is farther away; if that can be seen."""
    if bond.word not in ("behind", "in front of"):
        return
    back, front = (bond.subject, bond.object) if bond.word == "behind" else (bond.object, bond.subject)
    near = [i for i, item in enumerate(items) if item.group == front]
    far = [i for i, item in enumerate(items) if item.group == back]
    share = items[far[0]].kind.metres / items[near[0]].kind.metres / (_FARTHER * 1.03)
    wanted = min(max(spots[near[0]].size, 0.08 / share), 0.55)
    if wanted * share < 0.06:
        return
    for index in near:
        spots[index].size = wanted
    for index in far:
        spots[index].size = min(spots[index].size, wanted * share)


def _raise(items: Sequence[Item], spots: list[_Spot], bond: Bond) -> None:
    """What flies goes right above the other thing."""
    below = next(spot for spot, item in zip(spots, items, strict=True) if item.group == bond.object)
    for spot, item in zip(spots, items, strict=True):
        if item.group == bond.subject and item.kind.on == "sky":
            spot.x = below.x if sum(i.group == bond.subject for i in items) == 1 else spot.x
            spot.y = min(below.y + below.size * 0.9 + 0.03, 0.4)
            spot.size = min(spot.size, 0.52 - spot.y)


def _broken(items: Sequence[Item], spots: Sequence[_Spot], bonds: Sequence[Bond]) -> list[Bond]:
    """The bonds that a viewer would not see."""
    groups: dict[int, list[tuple[Kind, _Spot]]] = {}
    for item, spot in zip(items, spots, strict=True):
        groups.setdefault(item.group, []).append((item.kind, spot))
    return [b for b in bonds if not all(_holds(s, b.word, o) for s in groups[b.subject] for o in groups[b.object])]


def _holds(a: tuple[Kind, _Spot], word: str, b: tuple[Kind, _Spot]) -> bool:
    far_a, far_b = a[0].metres / a[1].size, b[0].metres / b[1].size
    return {
        "left of": b[1].x - a[1].x > _APART,
        "right of": a[1].x - b[1].x > _APART,
        "above": a[0].on == "sky" and a[1].y > b[1].y,
        "in front of": far_b > _FARTHER * far_a,
        "behind": far_a > _FARTHER * far_b,
    }[word]


def _rows(items: Sequence[Item], bonds: Sequence[Bond], ratio: float) -> list[list[int]]:
    above = next((bond for bond in bonds if bond.word == "above"), None)
    if above:
        upper = [i for i, item in enumerate(items) if item.group == above.subject]
        return [upper, [i for i in range(len(items)) if i not in upper]]
    order = _ordered(items, bonds)
    if any(bond.word in ("left of", "right of") for bond in bonds):
        return [order]
    ways = [[order[i : i + wide] for i in range(0, len(order), wide)] for wide in range(len(order), 0, -1)]
    return max(ways, key=lambda rows: min(_row_sizes(rows, items, ratio).values()))


def _row_sizes(rows: Sequence[Sequence[int]], items: Sequence[Item], ratio: float) -> dict[int, float]:
    """Height of each thing, so that neither rows nor columns touch."""
    high = 0.84 if len(items) == 1 else 0.80 / max(len(rows), 1.25)
    return {i: min(high, 0.88 / len(row) / (items[i].kind.aspect * ratio)) for row in rows for i in row}


def _ordered(items: Sequence[Item], bonds: Sequence[Bond], dice: Dice | None = None) -> list[int]:
    """Numbers of the things from left to right: by chance, or as named, but as the bonds say."""
    order = list(dict.fromkeys(item.group for item in items))
    order = [order[i] for i in dice.order(len(order))] if dice else order
    for bond in bonds:
        if bond.word in ("left of", "right of"):
            left, right = (bond.subject, bond.object) if bond.word == "left of" else (bond.object, bond.subject)
            if order.index(left) > order.index(right):
                order.remove(left)
                order.insert(order.index(right), left)
    return [i for group in order for i, item in enumerate(items) if item.group == group]


def _thing(item: Item, x: float, size: float, y: float, dice: Dice) -> Thing:
    facing: Literal["left", "right"] = dice.pick(("left", "right"))
    size = max(size, _LEAST)
    return Thing(item.kind.name, item.colour, round(x, 3), round(size, 3), round(y, 3), facing, dice.whole(0, 7))
