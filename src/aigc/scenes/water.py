"""Water: the mirrored world under ripples, its own deep colour, the glitter of the sun, foam.

Source: Schlick, An inexpensive BRDF model for physically-based rendering, 1994 (Fresnel).
Knows: points on a water surface. Does not know: what is mirrored in it.
Shapes: n points; colours (3, n).
"""

from __future__ import annotations

import numpy as np

from aigc.scenes.arrays import Dice, Floats, Noise, colour, mix, smooth
from aigc.scenes.describe import Scene
from aigc.scenes.light import Light

_WAVES = {"clear": 0.7, "clouds": 0.8, "overcast": 0.8, "fog": 0.25, "rain": 1.2, "snow": 0.5, "storm": 2.2}


class Water:
    """The water of one scene."""

    def __init__(self, scene: Scene, light: Light, *, flat: bool = False) -> None:
        dice = Dice(scene.seed, "water")
        self._light, self._flat = light, flat
        self._long = Noise(dice, 2.6, 45.0)
        self._short = Noise(dice, 2.2, 9.0)
        waves = dice.between(0.35, 1.2) * _WAVES[scene.weather]
        self.waves = waves * (1.5 if scene.place in ("sea", "beach", "island") else 0.8) * (0.25 if flat else 1.0)
        warm = scene.place in ("beach", "island")
        self._body = (
            colour(0.03, 0.30, 0.36)
            if warm
            else mix(colour(0.02, 0.14, 0.20), colour(0.04, 0.20, 0.22), dice.between(0, 1))
        )
        self._surf = scene.place in ("beach", "island", "sea")

    def ripple(self, x: Floats, y: Floats, r: Floats) -> tuple[Floats, Floats]:
        """How much the surface leans to the right and ahead at points."""
        near = np.exp(-r / 25)
        middle = np.exp(-r / 260)
        u, v = x * np.float32(0.55), y
        ahead = (
            0.035 * middle * self._long(u, v) + 0.05 * near * self._short(u, v) + 0.014 * self._long(u * 0.13, v * 0.13)
        )
        aside = 0.03 * middle * self._long(u + 17, v + 5) + 0.04 * near * self._short(u + 3, v + 8)
        return aside * self.waves, ahead * self.waves

    def colours(self, mirrored: Floats, grazing: Floats, x: Floats, y: Floats, r: Floats, depth: Floats) -> Floats:
        """Surface colours.

        Args:
            mirrored: (3, n) what is seen in the mirror.
            grazing: (n,) sine of the angle between the line of sight and the surface.
            x: Metres to the right.
            y: Metres ahead.
            r: Metres away.
            depth: Metres of water below.
        """
        light = self._light
        fresnel = 0.10 + 0.90 * (1 - np.clip(grazing, 0, 1)) ** 4
        lit = light.ambient + light.sun * np.float32(0.75)
        body = self._body * lit * np.float32(1.25)
        shallow = colour(0.16, 0.42, 0.40) * lit if self._surf else body * np.float32(1.5)
        body = mix(shallow, body, smooth(0.0, 2.2, depth))
        water = mix(body, mirrored, fresnel if not self._flat else fresnel * 0.85)
        if self._surf:
            edge = depth + 0.22 * self._long(x, y, 0.9) + 0.15 * np.sin(depth * 5 + 0.05 * x)
            foam = smooth(0.42, 0.08, edge) * (0.6 + 0.4 * smooth(-0.4, 0.6, self._short(x, y)))
            lines = smooth(1.15, 1.6, self._long(x * 0.25, y * 1.5)) * np.exp(-r / 140) * min(1.0, self.waves * 0.5)
            water = mix(water, lit * np.float32(0.92), np.maximum(foam, 0.5 * lines) * smooth(900, 200, r))
        return mix(water, light.mist, 1 - np.exp(-(((r / 7000) * light.haze) ** 1.3)))
