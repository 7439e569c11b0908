"""Stickers: things before a plain, patterned or transparent backdrop.

Knows: flat composition and studio light. Does not know: land and sky.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aigc.scenes.arrays import Dice, Floats, mix, smooth
from aigc.scenes.art import Art
from aigc.scenes.canvas import FIRST_THING
from aigc.scenes.describe import Scene
from aigc.scenes.pen import Sprite
from aigc.scenes.styles import blurred
from aigc.scenes.vocabulary import ALBEDO

_LIGHT = (-0.42, 0.58, 0.70)
"""Towards the lamp: left, up, to the eye."""


@dataclass
class Sheet:
    """A picture as seen on a screen: rgb (3, H, W) in 0 to 1, coverage (H, W), ids (H, W)."""

    rgb: Floats
    alpha: Floats
    ids: npt.NDArray[np.uint8]


def sticker(scene: Scene, width: int, height: int, art: Art) -> Sheet:
    """Draws the things of a sticker, with a white rim around all of them."""
    cover = np.zeros((height, width), dtype=np.float32)
    rgb = np.zeros((3, height, width), dtype=np.float32)
    ids = np.zeros((height, width), dtype=np.uint8)
    for index, thing in sorted(enumerate(scene.things), key=lambda pair: -pair[1].y):
        rows = max(4, round(thing.size * height))
        sprite = art.sprite(thing.kind, thing.colour, thing.variant, rows)
        sprite = sprite if thing.facing == "right" else sprite.mirrored()
        data = _fitted(sprite, rows)
        column = round((thing.x + 1) / 2 * width - data.shape[2] / 2)
        row = round((0.5 - thing.y) * height) - data.shape[1]
        window = _overlap(column, row, data.shape[2], data.shape[1], width, height)
        if window is None:
            continue
        here, there = window
        part = data[:, there[0], there[1]]
        alpha = part[3]
        rgb[:, here[0], here[1]] = mix(rgb[:, here[0], here[1]], _studio(part, scene.style), alpha)
        cover[here] = np.maximum(cover[here], alpha)
        ids[here] = np.where(alpha > 0.5, FIRST_THING + index, ids[here])
    return _mounted(scene, rgb, cover, ids)


def _overlap(
    column: int, row: int, w: int, h: int, width: int, height: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    x0, x1, y0, y1 = max(0, column), min(width, column + w), max(0, row), min(height, row + h)
    if x0 >= x1 or y0 >= y1:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - row, y1 - row), slice(x0 - column, x1 - column))


def _fitted(sprite: Sprite, rows: int) -> Floats:
    """The sprite's data with this many rows: mean of 2 x 2 places each."""
    _, high, wide = sprite.data.shape
    columns = max(2, round(wide * rows / high))
    total = np.zeros((7, rows, columns), dtype=np.float32)
    for dy in (0.25, 0.75):
        for dx in (0.25, 0.75):
            y = np.clip(((np.arange(rows) + dy) * high / rows).astype(np.int64), 0, high - 1)
            x = np.clip(((np.arange(columns) + dx) * wide / columns).astype(np.int64), 0, wide - 1)
            total += sprite.data[:, y][:, :, x]
    return total / np.float32(4)


def _studio(data: Floats, style: str) -> Floats:
    """Screen colours of a sprite: little shading in flat style, gloss in 3-D."""
    cover = np.maximum(data[3], 1e-4)
    nx, ny = data[4] / cover, data[5] / cover
    nz = np.sqrt(np.maximum(0.05, 1 - nx * nx - ny * ny))
    facing = np.clip(nx * _LIGHT[0] + ny * _LIGHT[1] + nz * _LIGHT[2], 0, 1)
    albedo = data[:3] / cover
    if style == "flat":
        level = np.where(facing > 0.52, 1.0, 0.80)
        return (1 - np.exp(-2.0 * albedo * level)).astype(np.float32)
    lit = albedo * (0.34 + 0.95 * facing)
    if style == "3-D":
        halfway = np.clip(nx * -0.26 + ny * 0.36 + nz * 0.90, 0, 1)
        rim = np.clip(1 - nz, 0, 1) ** 3
        lit = lit * (1 + 0.25 * ny) + 0.55 * halfway**42 + 0.10 * rim
    return (1 - np.exp(-1.9 * lit)).astype(np.float32)


def _mounted(scene: Scene, rgb: Floats, cover: Floats, ids: npt.NDArray[np.uint8]) -> Sheet:
    """White rim, shadow, backdrop."""
    height, width = cover.shape
    reach = max(2, round(height * 0.014))
    rim = smooth(0.10, 0.22, blurred(cover, reach)) if scene.style != "3-D" else np.zeros_like(cover)
    picture = mix(np.ones_like(rgb), rgb, cover)
    alpha = np.maximum(rim, cover)
    if scene.backdrop == "transparent":
        return Sheet(picture, alpha, ids)
    shadow = np.roll(
        blurred(alpha, max(2, round(height * 0.02))), (round(height * 0.015), round(height * 0.006)), (0, 1)
    )
    back = _backdrop(scene, height, width) * (1 - 0.28 * shadow)
    return Sheet(mix(back, picture, alpha), np.ones_like(alpha), ids)


def _backdrop(scene: Scene, height: int, width: int) -> Floats:
    """A plain or patterned ground (3, H, W)."""
    base = 1 - np.exp(-1.9 * np.array(ALBEDO[scene.backdrop_colour or "white"], dtype=np.float32))[:, None, None]
    pale = mix(base, 1.0, 0.28)
    dice = Dice(scene.seed, "backdrop")
    y = (np.arange(height, dtype=np.float32) / height)[:, None]
    x = (np.arange(width, dtype=np.float32) / height)[None, :]
    if scene.backdrop == "dots":
        n = dice.between(5, 9)
        u, v = x * n, y * n
        u = u + 0.5 * (np.floor(v) % 2)
        away = np.sqrt((u - np.floor(u) - 0.5) ** 2 + (v - np.floor(v) - 0.5) ** 2)
        share = smooth(0.26, 0.22, away)
    elif scene.backdrop == "stripes":
        wave = (x + y * dice.pick((-1.0, 1.0))) * dice.between(4, 8)
        share = smooth(0.24, 0.26, np.abs(wave - np.floor(wave) - 0.5))
    elif scene.backdrop == "rays":
        turn = np.arctan2(y - 0.5, x - 0.5 * width / height) / (2 * np.pi) * dice.whole(8, 14) + dice.between(0, 1)
        share = smooth(0.23, 0.27, np.abs(turn - np.floor(turn) - 0.5))
    else:
        share = np.zeros((height, width), dtype=np.float32)
    return mix(np.broadcast_to(base, (3, height, width)), pale, share)
