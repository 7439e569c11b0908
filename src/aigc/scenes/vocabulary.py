"""The closed sets of words that a scene is described with.

Knows: names. What they look like is known by the modules that draw; how they are said, by the captions.
"""

from __future__ import annotations

from typing import Literal, get_args

Place = Literal[
    "mountains", "lake", "forest", "hills", "meadow", "fields", "desert", "canyon", "savanna", "beach", "sea", "island",
    "river", "waterfall", "volcano", "village", "city", "arctic",
]  # fmt: skip
Season = Literal["spring", "summer", "autumn", "winter"]
Time = Literal["dawn", "day", "sunset", "dusk", "night"]
Weather = Literal["clear", "clouds", "overcast", "fog", "rain", "snow", "storm"]
Extra = Literal["rainbow", "aurora", "moon", "path", "flowers", "birds"]
Style = Literal["rendered", "flat", "watercolour", "oil", "pixel art", "3-D"]
Projection = Literal["perspective", "panorama", "sticker"]
Backdrop = Literal["transparent", "plain", "dots", "stripes", "rays"]
Colour = Literal[
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"
]  # fmt: skip

PLACES: tuple[Place, ...] = get_args(Place)
SEASONS: tuple[Season, ...] = get_args(Season)
TIMES: tuple[Time, ...] = get_args(Time)
WEATHERS: tuple[Weather, ...] = get_args(Weather)
EXTRAS: tuple[Extra, ...] = get_args(Extra)
STYLES: tuple[Style, ...] = get_args(Style)
PROJECTIONS: tuple[Projection, ...] = get_args(Projection)
BACKDROPS: tuple[Backdrop, ...] = get_args(Backdrop)
COLOURS: tuple[Colour, ...] = get_args(Colour)

SEASONAL: frozenset[Place] = frozenset(
    {"mountains", "lake", "forest", "hills", "meadow", "fields", "river", "waterfall", "village", "city"}
)
"""Places that look different by season; the others have none."""

ALBEDO: dict[Colour, tuple[float, float, float]] = {
    "red": (0.74, 0.07, 0.06),
    "orange": (0.92, 0.36, 0.04),
    "yellow": (0.95, 0.74, 0.06),
    "green": (0.11, 0.48, 0.12),
    "blue": (0.07, 0.20, 0.72),
    "purple": (0.36, 0.12, 0.56),
    "pink": (0.94, 0.42, 0.58),
    "brown": (0.34, 0.18, 0.08),
    "black": (0.035, 0.035, 0.045),
    "white": (0.92, 0.92, 0.90),
    "grey": (0.42, 0.43, 0.45),
}
"""How much red, green and blue light each colour throws back."""
