"""What falls through the air, laid over a finished picture: rain and snow.

Knows: pixels. Does not know: land, things.
"""

from __future__ import annotations

import numpy as np

from aigc.scenes.arrays import Dice, Floats, colour, mix
from aigc.scenes.describe import Scene
from aigc.scenes.light import Light


def falling(rgb: Floats, scene: Scene, light: Light) -> Floats:
    """The picture (3, H, W) with rain or snow before it."""
    if scene.weather in ("rain", "storm"):
        return _rain(rgb, scene, light)
    return _snow(rgb, scene, light) if scene.weather == "snow" else rgb


def _rain(rgb: Floats, scene: Scene, light: Light) -> Floats:
    """Streaks in three depths."""
    dice = Dice(scene.seed, "rain")
    _, high, wide = rgb.shape
    lean = dice.between(-0.25, 0.25)
    bright = (light.ambient * np.float32(0.9) + colour(0.06, 0.07, 0.08))[:, :, None]
    v = np.arange(high, dtype=np.float32)[:, None] / high
    u = np.arange(wide, dtype=np.float32)[None, :] / high
    streaks = np.zeros((high, wide), dtype=np.float32)
    for columns, rows, strength in ((70, 7, 0.20), (120, 11, 0.15), (190, 18, 0.10)):
        x = (u + lean * v) * columns
        lane = np.floor(x).astype(np.int64)
        random = dice.many(512, 2)
        shift, chance = random[lane % 512, 0], random[lane % 512, 1]
        y = v * rows + shift * 17
        drop = random[(np.floor(y).astype(np.int64) * 31 + lane * 7) % 512, 1]
        along = y - np.floor(y)
        across = np.abs(x - lane - 0.5) * 2
        line = (
            np.clip(1.2 - across * max(1.0, high / columns / 1.6), 0, 1) * np.clip(along * 2.2, 0, 1) * (along < 0.62)
        )
        streaks += strength * line * ((drop + chance) % 1 > 0.35)
    return mix(rgb, bright, np.clip(streaks, 0, 0.6))


def _snow(rgb: Floats, scene: Scene, light: Light) -> Floats:
    """Flakes in four sizes, the nearest largest and fewest."""
    dice = Dice(scene.seed, "snow")
    _, high, wide = rgb.shape
    white = (light.ambient * np.float32(1.1) + light.sun * np.float32(0.5) + colour(0.10, 0.11, 0.13))[:, :, None]
    cover = np.zeros((high, wide), dtype=np.float32)
    for share, radius in ((380, 0.0026), (220, 0.0042), (90, 0.0068), (22, 0.011)):
        spots = dice.many(int(share * wide / high), 3)
        for x, y, size in spots:
            r = max(0.6, float(radius * (0.7 + 0.6 * size)) * high)
            cx, cy = float(x) * wide, float(y) * high
            area = (
                slice(max(0, int(cy - 2 * r)), int(cy + 2 * r) + 2),
                slice(max(0, int(cx - 2 * r)), int(cx + 2 * r) + 2),
            )
            dy = np.arange(high, dtype=np.float32)[area[0], None] - np.float32(cy)
            dx = np.arange(wide, dtype=np.float32)[None, area[1]] - np.float32(cx)
            cover[area] = np.maximum(
                cover[area], np.clip(1.3 - np.sqrt(dx * dx + dy * dy) / np.float32(r), 0, 1) * np.float32(0.85)
            )
    return mix(rgb, white, cover)
