"""The table of all kinds, and their sprites.

Other sets of pictures (emoji, clip art) come in through the ``Art`` protocol: a training recipe passes its own.

Knows: names and drawings. Does not know: scenes.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Protocol

from aigc.errors import UserError
from aigc.scenes import draw_animals, draw_buildings, draw_objects, draw_plants, draw_vehicles
from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import Draw, Kind, kinds
from aigc.scenes.pen import RGB, Pen, Sprite
from aigc.scenes.vocabulary import ALBEDO, Colour

_RUNGS = (12, 24, 48, 96, 192, 384, 768)
"""Heights in pixels that sprites are drawn at; they are only ever shrunk, by less than half."""


class Art(Protocol):
    """Where kinds and their pictures come from."""

    def kind(self, name: str) -> Kind:
        """The entry of a kind; raises UserError for an unknown one."""

    def sprite(self, name: str, colour: Colour | None, variant: int, rows: float) -> Sprite:
        """Its picture, facing right, with at least ``rows`` rows."""


class Drawn:
    """The kinds that this package draws itself."""

    def kind(self, name: str) -> Kind:
        """The entry of a kind.

        Raises:
            UserError: Nothing of that name is drawn here.
        """
        found = kinds().get(name)
        if found is None:
            raise UserError(
                f"no kind of thing is called {name!r}", param="things", hint=f"Known: {', '.join(sorted(kinds()))}."
            )
        return found

    def sprite(self, name: str, colour: Colour | None, variant: int, rows: float) -> Sprite:
        """Its picture, facing right, with at least ``rows`` rows."""
        kind = self.kind(name)
        return sprite(drawing(kind), ALBEDO[colour or kind.colours[0]], variant, kind.aspect, rows)


DRAWN = Drawn()
_DRAWINGS = {
    **draw_animals.DRAWINGS,
    **draw_buildings.DRAWINGS,
    **draw_objects.DRAWINGS,
    **draw_plants.DRAWINGS,
    **draw_vehicles.DRAWINGS,
}


@cache
def drawing(kind: Kind) -> Draw:
    """How a kind of this package is drawn."""
    return draw_animals.four_legs(kind.build) if kind.build else _DRAWINGS[kind.name]


def sprite(draw: Draw, rgb: RGB, variant: int, aspect: float, rows: float) -> Sprite:
    """Draws at the next rung; the same drawing is kept for the next time."""
    return _drawn(draw, rgb, variant, aspect, next((rung for rung in _RUNGS if rung >= rows), _RUNGS[-1]))


@lru_cache(maxsize=400)
def _drawn(draw: Draw, rgb: RGB, variant: int, aspect: float, rows: int) -> Sprite:
    pen = Pen(rows, aspect)
    draw(pen, rgb, Dice(variant, "sprite"))
    return pen.sprite()
