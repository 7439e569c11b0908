"""What a kind of thing is: its names, its size, where it may be. The entries are data.

``kinds.toml`` has those that this package draws; ``pictured.toml`` those that it can only name, because a picture model
learns them from stickers that others drew.

Knows: the shape of an entry. Does not know: how a kind is drawn (``draw_*.py``; ``art.py`` joins both).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import msgspec

from aigc.scenes.arrays import Dice
from aigc.scenes.pen import RGB, Pen
from aigc.scenes.vocabulary import Colour

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Ground = Literal["ground", "water", "sky", "anywhere"]
"""Where a kind belongs; "anywhere" means that it's at home in stickers only."""
Draw = Callable[[Pen, RGB, Dice], None]
"""Draws a kind facing right, standing on y = 0."""


class Build(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Measures of an animal on four legs, in shares of its height."""

    length: float = 0.8
    body: float = 0.26
    leg: float = 0.42
    leg_width: float = 0.09
    neck: float = 0.25
    lean: float = 0.18
    head: float = 0.14
    muzzle: float = 0.12
    ears: str = "pointed"
    tail: str = "thin"
    horns: str = ""
    mane: float = 0.0
    belly: float = 0.0
    pattern: str = ""
    hump: int = 0
    dark_feet: bool = False


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One concept.

    Attributes:
        name: English noun, singular; ``plural`` only where it isn't name + s.
        chinese: Chinese noun; ``measure`` its measure word.
        metres: Height; storybook sizes, so that small things can be seen.
        aspect: Width divided by height.
        colours: What it comes in; the first is what nobody would mention.
        on: Where it belongs.
        build: Of animals on four legs.
    """

    name: str
    chinese: str
    measure: str
    metres: float
    aspect: float
    colours: tuple[Colour, ...]
    on: Ground = "ground"
    plural: str = ""
    build: Build | None = None

    def many(self) -> str:
        """English plural."""
        return self.plural or f"{self.name}s"


class Pictured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One concept that nothing here draws.

    Attributes:
        name, chinese, measure, plural: As of a ``Kind``.
        words: Other ways to say it.
        instead: A drawn kind that may stand for it; empty: nothing comes near.
    """

    name: str
    chinese: str
    measure: str
    plural: str = ""
    words: tuple[str, ...] = ()
    instead: str = ""

    def kind(self) -> Kind:
        """As an entry of stickers, which have no size in metres and no usual colour."""
        return Kind(self.name, self.chinese, self.measure, 1.0, 1.0, (), "anywhere", self.plural)


@lru_cache
def kinds() -> Mapping[str, Kind]:
    """All that the package draws, by name."""
    return {kind.name: kind for kind in msgspec.convert(_entries("kinds.toml"), list[Kind])}


@lru_cache
def pictured() -> Mapping[str, Pictured]:
    """All that it can only name, by name."""
    return {each.name: each for each in msgspec.convert(_entries("pictured.toml"), list[Pictured])}


@lru_cache
def named() -> Mapping[str, Kind]:
    """Both, by name."""
    return {**kinds(), **{name: each.kind() for name, each in pictured().items()}}


def _entries(file: str) -> object:
    return tomllib.loads(files("aigc.scenes").joinpath(file).read_text(encoding="utf-8"))["kind"]
