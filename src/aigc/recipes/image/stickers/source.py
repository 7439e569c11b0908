"""Stickers with captions in both languages: one to three things of the sets, before a plain or patterned backdrop.

A sticker is a scene like those of the renderer; only the things come from elsewhere. So captions, backdrops and what is
held out are the same. Many things are shown in another colour than their own, with its word: that teaches which word
belongs to which thing.

Knows: `aigc.scenes`, figures. Does not know: archives, networks.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from aigc.errors import UserError
from aigc.recipes.image.stickers.figures import RGBA, Figure, figures, pixels
from aigc.recipes.image.stickers.packs import table
from aigc.recipes.image.stickers.recolour import Look
from aigc.scenes import Scene, Thing, caption, held_out, render
from aigc.scenes.arrays import Dice
from aigc.scenes.captions import Form, Language
from aigc.scenes.kinds import Kind, named, pictured
from aigc.scenes.pen import Sprite
from aigc.scenes.vocabulary import BACKDROPS, COLOURS, STYLES, Colour, Style
from aigc.training.source import Kind as Size
from aigc.training.source import Sample

VERSION = 1
"""Counts up when the same number gives another picture."""
_HELD_OUT = 1 << 40
"""Numbers from here on are to measure with, as with the renderer's scenes."""
_ATTEMPTS = 400
_WORDINGS = 2
_RUNGS = (96, 192, 384, 768)
"""Sides in pixels that figures are rasterised at."""
_SMALL = 96
"""Side at which a figure's colour is looked at."""


@dataclass(frozen=True)
class Figures:
    """What `aigc.scenes` draws things with: a variant is the number of the figure among those of its kind."""

    folder: Path

    def kind(self, name: str) -> Kind:
        """The entry of a kind. Raises: UserError: no set shows it."""
        if name not in table().kinds:
            raise UserError(f"no set of stickers shows {name!r}", param="things")
        return named()[name]

    def figure(self, name: str, variant: int) -> Figure:
        """The figure of that number."""
        found = figures(self.folder)[name]
        return found[variant % len(found)]

    def sprite(self, name: str, colour: Colour | None, variant: int, rows: float) -> Sprite:
        """Its picture with about as many rows or more, in its own colour or another one."""
        side = next((rung for rung in _RUNGS if rung >= 1.2 * rows), _RUNGS[-1])
        return _sprite(self.figure(name, variant), colour, side)


@lru_cache(maxsize=48)
def _sprite(figure: Figure, colour: Colour | None, side: int) -> Sprite:
    rgba: RGBA = pixels(figure, side)
    look = _look(figure)
    return Sprite.of_pixels(rgba if colour in (None, look.named) else look.shown_as(rgba, colour))


@lru_cache(maxsize=4096)
def _look(figure: Figure) -> Look:
    return Look(pixels(figure, _SMALL))


@lru_cache(maxsize=4096)
def _aspect(figure: Figure) -> float:
    rows, columns, _ = pixels(figure, _SMALL).shape
    return float(columns / rows)


@dataclass(frozen=True)
class Stickers:
    """One number, one sticker.

    Args:
        folder: of the archives; `packs.require` has checked them.
        side: of the pictures in pixels.
    """

    folder: Path
    side: int = 256

    @property
    def identity(self) -> str:
        """The sets, the table of kinds and the pixels of three stickers, so that a change of any is noticed."""
        known = table()
        data = zlib.crc32(repr((VERSION, [pack.sha256 for pack in known.pack], known.kinds)).encode())
        checks = [zlib.crc32(self.sample("sticker", number, False).pixels.tobytes()) for number in range(3)]
        return f"stickers {self.side} {data} {checks}"

    @property
    def kinds(self) -> Sequence[Size]:
        """One: squares."""
        return (Size("sticker", self.side, self.side, 1.0),)

    def sample(self, kind: str, index: int, held_out: bool) -> Sample:
        """The sticker of that number."""
        if kind != "sticker":
            raise UserError(f"stickers have no kind {kind!r}; accepted: sticker")
        scene = draw(index + (_HELD_OUT if held_out else 0), Figures(self.folder), held_out)
        art = Figures(self.folder)
        picture = render(scene, self.side, self.side, art=art)

        def captions(language: Language) -> tuple[str, ...]:
            drawn = (caption(scene, language, f, n, art).text for f in get_args(Form) for n in range(_WORDINGS))
            return tuple(dict.fromkeys(drawn))

        return Sample(picture.rgb, captions("en"), captions("zh"))


def draw(seed: int, art: Figures, kept_back: bool = False) -> Scene:
    """A sticker drawn with this seed.

    Args:
        seed: Any whole number from 0.
        art: The figures.
        kept_back: Draw one that shows a combination which training never does; else one without any.
    """
    for attempt in range(_ATTEMPTS):
        scene = _draw(Dice(seed, f"stickers {attempt}"), seed, art)
        if bool(held_out(scene)) == kept_back:
            return scene.checked()
    raise AssertionError(f"no sticker in {_ATTEMPTS} attempts")


@lru_cache(maxsize=2)
def _styles(folder: Path) -> tuple[list[Style], list[float]]:
    """The styles of the figures, and how often each is drawn: flat sets differ more from each other."""
    shown = {figure.style for found in figures(folder).values() for figure in found}
    styles: list[Style] = [style for style in STYLES if style in shown]
    return styles, [0.35 if style == "3-D" else 0.65 for style in styles]


_Chosen = tuple[str, int, "Colour | None"]
"""A kind, the number of its figure, its colour if it is said."""


def _draw(dice: Dice, seed: int, art: Figures) -> Scene:
    style = dice.pick(*_styles(art.folder))
    lot = dice.between(0, 1)
    first = _choose(dice, art, style)
    if lot < 0.56:
        company = [first]
    elif lot < 0.74:
        company = [first] * dice.whole(2, 3)
    else:
        company = [first, _choose(dice, art, style)]
    things = _placed(dice, company, art)
    backdrop = dice.pick(BACKDROPS, (16, 45, 13, 13, 13))
    taken = {colour or _look(art.figure(name, number)).named for name, number, colour in company}
    free = [colour for colour in COLOURS if colour not in taken and colour != "black"]
    return Scene(
        seed=seed,
        projection="sticker",
        style=style,
        things=things,
        backdrop=backdrop,
        backdrop_colour=None if backdrop == "transparent" else dice.pick(free),
    )


def _choose(dice: Dice, art: Figures, style: Style) -> _Chosen:
    """A thing of that style; often in another colour than its own."""
    every = figures(art.folder)
    names = [name for name, found in every.items() if any(figure.style == style for figure in found)]
    # What the renderer draws as well is seen there.
    name = dice.pick(names, [1.6 if name in pictured() else 1.0 for name in names])
    number = dice.pick([n for n, figure in enumerate(every[name]) if figure.style == style])
    look = _look(every[name][number])
    lot = dice.between(0, 1)
    other = dice.pick(COLOURS)
    if lot < 0.35:
        return name, number, None
    if lot < 0.6 or not look.changeable:
        return name, number, look.named
    return name, number, other


def _placed(dice: Dice, company: Sequence[_Chosen], art: Figures) -> tuple[Thing, ...]:
    """Side by side, whole, as large as there is room."""
    share = 1.84 / len(company)
    things = []
    for place, (name, number, colour) in enumerate(company):
        aspect = _aspect(art.figure(name, number))
        if len(company) == 1:
            size = min(dice.between(0.6, 0.84), 0.86 / aspect)
        else:
            size = min(0.6, share / 2 * 0.92 / aspect) * dice.between(0.88, 1.0)
        x = -share * (len(company) - 1) / 2 + share * place + dice.between(-0.02, 0.02)
        y = dice.between(-0.03, 0.03) - size / 2
        facing: Literal["left", "right"] = dice.pick(("right", "left"))
        things.append(Thing(name, colour, round(x, 3), round(size, 3), round(y, 3), facing, number))
    return tuple(things)
