"""How the things of a scene stand to each other, read off their positions.

Knows: positions. Does not know: words of a language, pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aigc.scenes.art import Art
from aigc.scenes.describe import Scene, Thing
from aigc.scenes.vocabulary import Colour

Word = Literal["left of", "right of", "above", "in front of", "behind"]


@dataclass(frozen=True)
class Group:
    """Things of one kind and colour: indices into ``scene.things``."""

    kind: str
    colour: Colour | None
    members: tuple[int, ...]


@dataclass(frozen=True)
class Relation:
    """``subject`` is ``word`` ``object``; both are numbers of groups."""

    subject: int
    word: Word
    object: int


def groups(things: Sequence[Thing]) -> list[Group]:
    """Like things together, in the order in which they first appear."""
    members: dict[tuple[str, Colour | None], list[int]] = {}
    for index, thing in enumerate(things):
        members.setdefault((thing.kind, thing.colour), []).append(index)
    return [Group(kind, colour, tuple(indices)) for (kind, colour), indices in members.items()]


def relations(scene: Scene, art: Art) -> list[Relation]:
    """What a viewer would say of each ordered pair of single things."""
    found = groups(scene.things)
    result = []
    for i, first in enumerate(found):
        for j, second in enumerate(found):
            if i != j and len(first.members) == len(second.members) == 1:
                a, b = scene.things[first.members[0]], scene.things[second.members[0]]
                result += [Relation(i, word, j) for word in _words(a, b, scene, art)]
    return result


def _words(a: Thing, b: Thing, scene: Scene, art: Art) -> list[Word]:
    flies_a, flies_b = art.kind(a.kind).on == "sky", art.kind(b.kind).on == "sky"
    if scene.projection != "sticker" and flies_a != flies_b:
        return ["above"] if flies_a else []
    words: list[Word] = []
    if abs(a.x - b.x) > 0.25 and scene.projection != "panorama":
        words.append("left of" if a.x < b.x else "right of")
    if scene.projection == "perspective" and not flies_a:
        far_a, far_b = art.kind(a.kind).metres / a.size, art.kind(b.kind).metres / b.size
        if far_a > 1.8 * far_b:
            words.append("behind")
        elif far_b > 1.8 * far_a:
            words.append("in front of")
    return words
