"""The light of an hour and a weather: sun or moon, sky colours, haze.

Knows: hours and weather. Does not know: what the light falls on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aigc.scenes.arrays import Dice, Floats, colour, mix
from aigc.scenes.describe import Scene
from aigc.scenes.vocabulary import Place, Time


@dataclass(frozen=True)
class Light:
    """What shines, and through what.

    Attributes:
        toward: Unit vector to the sun or moon: x right, y ahead, z up.
        sun: Colour (3, 1) of its light; ambient: of the light from everywhere.
        zenith: Colour of the sky above; horizon: at the horizon; glow: around the sun.
        haze: How fast distance pales; 1 is a fine day.
        cover: Share of the sky with clouds, 0 to 1.
        dark: 1 at night, 0.55 at dusk, 0 by day: lamps are lit, stars are out.
        disc: The sun or moon itself may be seen.
    """

    toward: tuple[float, float, float]
    sun: Floats
    ambient: Floats
    zenith: Floats
    horizon: Floats
    glow: Floats
    haze: float = 1.0
    cover: float = 0.0
    dark: float = 0.0
    disc: bool = True

    @property
    def mist(self) -> Floats:
        """Colour of far away things."""
        return mix(self.horizon, self.zenith, 0.14) * np.float32(0.97)


@dataclass(frozen=True)
class _Hour:
    """The fine-weather light of an hour; ``elevation`` of the sun in radians."""

    zenith: Floats
    horizon: Floats
    glow: Floats
    sun: Floats
    ambient: Floats
    elevation: float
    dark: float


_HOURS: dict[Time, _Hour] = {
    "day": _Hour(
        zenith=colour(0.10, 0.31, 0.74),
        horizon=colour(0.60, 0.78, 0.95),
        glow=colour(1.0, 0.94, 0.78),
        sun=colour(1.10, 1.02, 0.88),
        ambient=colour(0.36, 0.45, 0.58),
        elevation=0.72,
        dark=0.0,
    ),
    "dawn": _Hour(
        zenith=colour(0.30, 0.40, 0.68),
        horizon=colour(1.0, 0.74, 0.64),
        glow=colour(1.0, 0.76, 0.62),
        sun=colour(1.0, 0.74, 0.58),
        ambient=colour(0.40, 0.40, 0.52),
        elevation=0.17,
        dark=0.0,
    ),
    "sunset": _Hour(
        zenith=colour(0.18, 0.22, 0.48),
        horizon=colour(1.02, 0.52, 0.22),
        glow=colour(1.1, 0.58, 0.18),
        sun=colour(1.18, 0.60, 0.26),
        ambient=colour(0.42, 0.36, 0.45),
        elevation=0.10,
        dark=0.0,
    ),
    "dusk": _Hour(
        zenith=colour(0.07, 0.09, 0.28),
        horizon=colour(0.58, 0.32, 0.46),
        glow=colour(0.90, 0.40, 0.36),
        sun=colour(0.52, 0.34, 0.46),
        ambient=colour(0.35, 0.33, 0.48),
        elevation=0.035,
        dark=0.55,
    ),
    "night": _Hour(
        zenith=colour(0.010, 0.022, 0.085),
        horizon=colour(0.055, 0.115, 0.26),
        glow=colour(0.42, 0.50, 0.66),
        sun=colour(0.40, 0.49, 0.70),
        ambient=colour(0.125, 0.165, 0.295),
        elevation=0.55,
        dark=1.0,
    ),
}
_COVER = {"clear": 0.0, "clouds": 0.5, "overcast": 0.97, "fog": 0.55, "rain": 0.96, "snow": 0.93, "storm": 0.95}
_HAZE = {"clear": 0.8, "clouds": 1.0, "overcast": 1.5, "fog": 26.0, "rain": 5.0, "snow": 6.0, "storm": 3.0}

_HAZIEST: dict[Place, float] = {
    "mountains": 2.6,
    "volcano": 2.2,
    "lake": 5.0,
    "island": 7.0,
    "city": 8.0,
    "canyon": 9.0,
    "river": 8.0,
    "arctic": 9.0,
}
"""Where what makes the place is far away, fog and rain leave it to be seen."""


def light_of(scene: Scene) -> Light:
    """The light of a scene; the seed chooses where the sun stands."""
    dice = Dice(scene.seed, "light")
    hour = _HOURS[scene.time]
    elevation = hour.elevation
    low = elevation < 0.3
    aside = dice.between(-0.45, 0.45) if low else dice.pick((-1, 1)) * dice.between(0.5, 1.9)
    if scene.time == "night":
        aside, elevation = dice.between(-0.36, 0.36), 0.34
    if "rainbow" in scene.extras:
        aside, elevation = np.pi + dice.between(-0.3, 0.3), min(elevation, 0.42)
    elevation *= dice.between(0.85, 1.25 if scene.time != "night" else 1.1)
    tint = 1 + 0.10 * (dice.many(3, 1) - 0.5)
    toward = (np.cos(elevation) * np.sin(aside), np.cos(elevation) * np.cos(aside), np.sin(elevation))
    light = Light(
        toward=(float(toward[0]), float(toward[1]), float(toward[2])),
        sun=hour.sun * tint,
        ambient=hour.ambient,
        zenith=hour.zenith * tint,
        horizon=hour.horizon / tint,
        glow=hour.glow,
        haze=min(_HAZE[scene.weather], _HAZIEST.get(scene.place or "sea", 99.0)) * dice.between(0.8, 1.3),
        cover=_COVER[scene.weather],
        dark=hour.dark,
        disc=scene.time != "dusk" and (scene.time != "night" or "moon" in scene.extras),
    )
    return light if scene.weather in ("clear", "clouds") else _veiled(light, scene)


def _veiled(light: Light, scene: Scene) -> Light:
    """The same under clouds: softer, greyer."""
    grey = {"overcast": 0.62, "fog": 0.66, "rain": 0.78, "snow": 0.72, "storm": 0.88}[scene.weather]
    dim = {"overcast": 0.86, "fog": 0.95, "rain": 0.76, "snow": 0.95, "storm": 0.56}[scene.weather]
    if light.dark:
        dim = max(dim, 0.95)
    sunlight = {"overcast": 0.22, "fog": 0.30, "rain": 0.18, "snow": 0.25, "storm": 0.14}[scene.weather]

    def dull(c: Floats, amount: float = grey, strength: float = dim) -> Floats:
        luminance = np.float32(0.3) * c[0] + np.float32(0.55) * c[1] + np.float32(0.15) * c[2]
        cool = luminance * colour(0.94, 1.0, 1.10)
        return mix(c, cool, amount) * np.float32(strength)

    horizon = dull(light.horizon, grey * 0.8)
    return replace(
        light,
        sun=dull(light.sun, 0.5, sunlight),
        ambient=dull(light.ambient + light.sun * np.float32(0.22)),
        zenith=mix(dull(light.zenith), horizon, 0.55) * np.float32(0.9),
        horizon=horizon,
        glow=light.glow * np.float32(0.25),
        disc=False,
    )
