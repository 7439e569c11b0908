"""What a picture shows, as data: typed, checked, the same as text and back.

Positions are the only truth about where things are; "left of" or "in front of" is read off them (``relations.py``), so
a description can't contradict itself.

Knows: what may be said of a scene. Does not know: how it is drawn or worded.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aigc.errors import UserError
from aigc.scenes.vocabulary import SEASONAL, Backdrop, Colour, Extra, Place, Projection, Season, Style, Time, Weather

LARGEST_SEED = 2**63 - 1


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One object of a scene.

    Attributes:
        kind: Name of the kind, as the art knows it (``kinds.py``).
        colour: Its colour; None is the kind's own.
        x: Middle of the object: -1 left edge, 1 right edge; in a panorama -1 and 1 are both straight behind.
        size: Height as a share of the picture's height, above 0, at most 1.
        y: Height of its foot above the horizon as a share of the picture's height, for what flies and for stickers.
        facing: Where it looks.
        variant: Another of the same kind.
    """

    kind: str
    colour: Colour | None = None
    x: float = 0.0
    size: float = 0.3
    y: float = 0.0
    facing: Literal["left", "right"] = "right"
    variant: int = 0


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A picture before it is drawn.

    Attributes:
        seed: Everything that isn't said comes from it: hills, clouds, single trees.
        place: Where; None for stickers only.
        season: For places that have seasons.
        horizon: Its height above the lower edge as a share of the picture.
        field: Vertical field of view in degrees (perspective).
        things: Objects; any order.
        backdrop: What is behind a sticker.
        backdrop_colour: Its colour, if there is one.
    """

    seed: int
    projection: Projection = "perspective"
    style: Style = "rendered"
    place: Place | None = None
    season: Season | None = None
    time: Time = "day"
    weather: Weather = "clear"
    extras: tuple[Extra, ...] = ()
    things: tuple[Thing, ...] = ()
    horizon: float = 0.55
    field: float = 55.0
    backdrop: Backdrop = "transparent"
    backdrop_colour: Colour | None = None

    def checked(self) -> Scene:
        """The scene itself.

        Raises:
            UserError: It says something that has no meaning; the message names field, value and what is accepted.
        """
        _between("seed", self.seed, 0, LARGEST_SEED)
        _between("horizon", self.horizon, 0.1, 0.9)
        _between("field", self.field, 20, 100)
        for index, thing in enumerate(self.things):
            _check_thing(thing, f"things[{index}]")
        if self.projection == "sticker":
            _check_sticker(self)
        elif self.place is None:
            raise UserError(f"place is missing in a {self.projection} scene", hint="Only stickers have no place.")
        elif self.style == "3-D":
            raise UserError("style '3-D' is for stickers; a scene takes any other style", hint="Use 'rendered'.")
        elif self.season is not None and self.place not in SEASONAL:
            raise UserError(
                f"place {self.place!r} has no seasons, season is {self.season!r}",
                hint=f"Places with seasons: {', '.join(sorted(SEASONAL))}.",
            )
        return self

    def to_json(self) -> str:
        """The scene as one JSON object; what is default is left out."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Scene:
        """Reads what ``to_json`` wrote.

        Raises:
            UserError: Not JSON, an unknown field, a wrong type, or a value without meaning.
        """
        try:
            scene = msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise UserError(
                f"not a scene: {error}",
                hint="Fields and words: `aigc.scenes.describe.Scene`, `aigc.scenes.vocabulary`.",
            ) from error
        return scene.checked()


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UserError(f"{name} is {value}, it must be from {low} to {high}", hint="Change that value.")


def _check_thing(thing: Thing, where: str) -> None:
    _between(f"{where}.x", thing.x, -1, 1)
    _between(f"{where}.size", thing.size, 0.01, 1)
    _between(f"{where}.y", thing.y, -1, 1)
    _between(f"{where}.variant", thing.variant, 0, 1000)


def _check_sticker(scene: Scene) -> None:
    if scene.place is not None:
        raise UserError(f"a sticker has no place, place is {scene.place!r}", hint="Leave it out.")
    if not scene.things:
        raise UserError("things is empty, a sticker shows at least one", hint="Name a thing.")
    if scene.backdrop == "transparent" and scene.backdrop_colour is not None:
        raise UserError("a transparent backdrop has no colour", hint="Leave out backdrop_colour.")
