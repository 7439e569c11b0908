"""The sky in any direction: gradient, sun or moon, stars, clouds, aurora, rainbow.

Knows: directions and light. Does not know: pixels, land.
Shapes: n directions; colours (3, n).
"""

from __future__ import annotations

import numpy as np

from aigc.scenes.arrays import SIDE, Dice, Floats, Noise, colour, mix, smooth
from aigc.scenes.describe import Scene
from aigc.scenes.light import Light

_RAINBOW = (
    (0.84, (0.9, 0.1, 0.1)), (0.70, (0.95, 0.5, 0.1)), (0.56, (0.95, 0.9, 0.15)),
    (0.42, (0.2, 0.8, 0.25)), (0.28, (0.15, 0.45, 0.95)), (0.14, (0.5, 0.2, 0.85)),
)  # fmt: skip


class Sky:
    """The sky of one scene.

    Args:
        flat: Bands instead of gradients, for flat illustration.
    """

    def __init__(self, scene: Scene, light: Light, *, flat: bool = False) -> None:
        dice = Dice(scene.seed, "sky")
        self._light, self._scene, self._flat = light, scene, flat
        self._shape = Noise(dice, 4.2 if flat else 3.1, 1.0, lowest=1)
        self._edges = Noise(dice, 2.6, 0.33)
        self._streaks = Noise(dice, 3.0, 1.0)
        self._stars = Dice(scene.seed, "stars").many(SIDE, SIDE)
        self._curtain = Noise(dice, 3.2, 1.0)
        cover = light.cover
        self._threshold = 9.0 if cover == 0 else (dice.between(0.25, 0.8) if cover < 0.9 else -2.2)
        self._soft = 0.9 if cover < 0.9 else 3.0
        self._cirrus = 0.0 if flat or cover > 0.6 else dice.between(0, 0.55)
        self._moon = dice.between(-0.3, 1.0)

    def colours(self, x: Floats, y: Floats, z: Floats, *, mirrored: bool = False) -> Floats:
        """Colours (3, n) of directions; in a mirror no stars are seen and the disc is drawn elsewhere."""
        light = self._light
        up = np.maximum(z, 0)
        t = up**0.58
        base = mix(light.horizon, light.zenith, np.round(t * 7) / 7 if self._flat else t)
        tx, ty, tz = light.toward
        near = np.clip(x * np.float32(tx) + y * np.float32(ty) + z * np.float32(tz), 0, 1)
        base = self._glowing(base, near, up)
        if light.dark > 0.3 and light.cover < 0.9 and not mirrored:
            base = base + self._starlight(x, y, up)
        if "aurora" in self._scene.extras:
            base = base + self._aurora(x, y, z)
        if light.disc:
            base = self._disc(base, near, x, y, z)
        base = self._clouds(base, x, y, up, near)
        if "rainbow" in self._scene.extras:
            base = self._bow(base, x, y, z)
        return base

    def _glowing(self, base: Floats, near: Floats, up: Floats) -> Floats:
        strength = 0.40 * near**8 + 0.30 * near**60
        strength = strength * (0.35 if self._light.dark == 1 else 1.0)
        if self._flat:
            strength = np.round(strength * 9) / 9
        return base + self._light.glow * (strength * (1 - 0.5 * up))

    def _starlight(self, x: Floats, y: Floats, up: Floats) -> Floats:
        """Points on a plane above; the fraction of a cell decides brightness, so they stay points at every size."""
        q = 75 / (1.15 + up)
        u, v = x * q + 200, y * q + 200
        cells = self._stars[u.astype(np.int32) % SIDE, v.astype(np.int32) % SIDE]
        fu, fv = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
        bright = smooth(0.945, 1.0, cells) ** 2 * (0.35 + cells * 37 % 1)
        size = 0.22 if self._flat else 0.17
        point = np.exp(-(fu * fu + fv * fv) / (size * size)) * bright * 2.0 * smooth(0.02, 0.25, up)
        return colour(0.95, 0.97, 1.05) * (point * (0.5 if self._light.dark < 1 else 1.0))

    def _disc(self, base: Floats, near: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
        if self._light.dark < 1:
            disc = smooth(0.99905, 0.99945 if not self._flat else 0.99915, near)
            return mix(base, mix(self._light.glow, colour(1.6, 1.5, 1.2), 0.6), disc)
        away = np.sqrt(np.maximum(0, 2 - 2 * near))
        tx, ty, _ = self._light.toward
        aside = (x * ty - y * tx) / np.hypot(tx, ty)
        disc = smooth(0.048, 0.045, away)
        lit = smooth(0.042, 0.050, np.sqrt((aside - 0.045 * self._moon * 1.3) ** 2 + (away**2 - aside**2).clip(0)))
        lit = lit if self._moon > 0.25 else np.ones_like(lit)
        spots = 0.93 - 0.10 * smooth(0.2, 1.2, self._edges(x, z, 9))
        return mix(base, colour(1.15, 1.12, 0.98) * spots, disc * lit)

    def _clouds(self, base: Floats, x: Floats, y: Floats, up: Floats, near: Floats) -> Floats:
        light = self._light
        q = 0.17 / (up + 0.13)
        u, v = x * q, y * q
        sunlight = light.sun * np.float32(0.66) + light.glow * (0.30 * near**6) * (0.3 if light.dark == 1 else 1.0)
        if self._cirrus:
            thin = smooth(0.1, 2.2, self._streaks(u * 0.5 + v * 0.08, v * 2.2)) * self._cirrus * smooth(0.02, 0.2, up)
            base = mix(base, light.ambient * np.float32(0.9) + sunlight, thin * 0.7)
        if light.cover == 0:
            return base
        tx, ty, _ = light.toward
        n = self._shape(u, v) + 0.30 * self._edges(u, v, 0.8) * (not self._flat)
        toward = self._shape(u + np.float32(tx * 0.03), v + np.float32(ty * 0.03))
        edge = 0.06 if self._flat else self._soft
        alpha = smooth(self._threshold, self._threshold + edge, n) * smooth(0.0, 0.10, up)
        thick = np.clip(n - self._threshold, 0, 3)
        lit = np.clip(
            0.95 - 0.16 * thick + 0.8 * (n - 0.3 * self._edges(u, v, 0.8) * (not self._flat) - toward), 0.25, 1.35
        )
        if self._flat:
            lit = np.round(lit * 2.5) / 2.5
        body = light.ambient * np.float32(0.92) + sunlight * lit
        if light.cover > 0.9:
            body = mix(light.horizon, light.zenith, up) * (
                1.02 - 0.10 * thick * (0.6 if self._scene.weather != "storm" else 1.3)
            )
        return mix(base, body, alpha * 0.95)

    def _aurora(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Curtains of green light ahead, violet above."""
        total = np.zeros((3, x.size), dtype=np.float32)
        level = np.sqrt(x * x + y * y) + 1e-4
        for band in range(2):
            aside = x / level
            low = 0.16 + 0.13 * band + 0.07 * self._curtain(aside * 0.35 + band * 0.4, aside * 0 + band * 0.31)
            rays = 0.55 + 0.45 * self._curtain(aside * 2.6 + 0.2 * z, aside * 0 + 0.7 + band * 0.2)
            above = z - low
            body = smooth(-0.015, 0.03, above) * np.exp(-np.maximum(above, 0) * 5.5) * np.clip(rays, 0.05, 1.6)
            tint = mix(colour(0.10, 0.75, 0.38), colour(0.45, 0.12, 0.60), smooth(0.08, 0.38, above))
            total = total + tint * (body * (0.75 - 0.3 * band) * smooth(-0.3, 0.2, y))
        return total

    def _bow(self, base: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
        """A bow of 42 degrees around the point opposite the sun."""
        tx, ty, tz = self._light.toward
        angle = np.degrees(np.arccos(np.clip(-(x * tx + y * ty + z * tz), -1, 1)))
        across = (angle - 40.2) / 2.6
        for at, rgb in _RAINBOW:
            share = (
                smooth(0.17, 0.04, np.abs(across - at)) if not self._flat else smooth(0.08, 0.06, np.abs(across - at))
            )
            base = mix(base, colour(*rgb) * (0.35 + 0.65 * self._light.horizon), share * 0.62 * smooth(-0.05, 0.05, z))
        return base
