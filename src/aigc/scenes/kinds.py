"""What a kind of thing is: its names, its size, where it may be. The entries are data, in ``kinds.toml``.

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


@lru_cache
def kinds() -> Mapping[str, Kind]:
    """All entries of the package by name."""
    text = files("aigc.scenes").joinpath("kinds.toml").read_text(encoding="utf-8")
    return {kind.name: kind for kind in msgspec.convert(tomllib.loads(text)["kind"], list[Kind])}
