"""Puts sprites into a picture: sized, lit, behind what is nearer, with a shadow underfoot and a reflection in water.

Knows: sprites, light and distances. Does not know: what a sprite shows, or why it stands there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc.scenes.arrays import Floats, Integers, Mask, mix
from aigc.scenes.camera import Camera, Spot
from aigc.scenes.canvas import WATER, Canvas
from aigc.scenes.light import Light
from aigc.scenes.pen import Sprite


@dataclass(frozen=True)
class Billboard:
    """One sprite in the world.

    Attributes:
        x: Metres to the right of its foot, ``y`` ahead, ``z`` above sea level.
        metres: Height.
        ident: What the id map shall say.
        shadow: Darkens the ground below.
        mirror: Sea level that it is mirrored in; None: not mirrored.
        fade: How much of what is behind it it hides, 0 to 1.
        air: Metres of air before it, where that isn't its distance (clouds).
    """

    sprite: Sprite
    x: float
    y: float
    z: float
    metres: float
    ident: int
    shadow: bool = True
    mirror: float | None = None
    fade: float = 1.0
    air: float | None = None


@dataclass(frozen=True)
class _Patch:
    """Where in the picture a sprite lies: rows, columns (wrapped in a panorama) and its pixels there."""

    rows: slice
    columns: Integers
    data: Floats


class Stamp:
    """Puts sprites onto one canvas."""

    def __init__(self, canvas: Canvas, camera: Camera, light: Light, *, flat: bool) -> None:
        self._canvas, self._camera, self._light, self._flat = canvas, camera, light, flat

    def put(self, board: Billboard) -> None:
        """Draws one sprite; call for the farthest first."""
        spot = self._camera.spot(board.x, board.y, board.z)
        if spot is None or spot.scale * board.metres < 1.2:
            return
        rows = spot.scale * board.metres
        if board.mirror is not None:
            self._reflect(board, rows)
        if board.shadow and rows > 5:
            self._shadow(spot, rows, board.sprite)
        patch = self._resampled(board.sprite, spot.column, spot.row, rows)
        if patch is None:
            return
        free = self._canvas.distance[patch.rows, patch.columns] > spot.distance * 0.985
        lit = self.lit(patch.data, board, spot)
        self._lay(patch, lit, patch.data[3] * free * board.fade)
        solid = (patch.data[3] > 0.5) & free
        self._set(self._canvas.ids, patch, solid, board.ident)
        self._set(self._canvas.distance, patch, solid, spot.distance)

    def lit(self, data: Floats, board: Billboard, spot: Spot) -> Floats:
        """Colours (3, rows, columns) of a resampled sprite in this light and air."""
        light = self._light
        cover = np.maximum(data[3], 1e-4)
        nx, ny, glow = data[4] / cover, data[5] / cover, data[6] / cover
        nz = np.sqrt(np.maximum(0.05, 1 - nx * nx - ny * ny))
        toward = np.array(light.toward)
        away = np.hypot(board.x, board.y) + 1e-6
        right = (toward[0] * board.y - toward[1] * board.x) / away
        back = -(toward[0] * board.x + toward[1] * board.y) / away
        facing = np.clip(nx * right + ny * toward[2] + nz * (back * 0.75 + 0.25), 0, 1)
        if self._flat:
            facing = np.round(facing * 2) / 2
        albedo = data[:3] / cover
        sun, ambient = light.sun[:, :, None], light.ambient[:, :, None]
        rgb = albedo * (sun * (0.24 + 1.1 * facing) + ambient * (0.78 + 0.28 * ny))
        lamp = mix(
            albedo * np.float32(0.55),
            albedo * np.float32(1.6) + np.array([[[0.85]], [[0.55]], [[0.18]]], dtype=np.float32),
            min(1.0, light.dark),
        )
        rgb = mix(rgb, np.maximum(lamp, albedo * np.float32(0.9)), glow * (0.25 + 0.75 * light.dark))
        haze = 1 - float(np.exp(-(((spot.distance if board.air is None else board.air) / 6500 * light.haze) ** 1.15)))
        return mix(rgb, light.mist[:, :, None], haze)

    def _shadow(self, spot: Spot, rows: float, sprite: Sprite) -> None:
        """A soft dark ellipse on the ground, drawn out away from the sun."""
        aspect = sprite.data.shape[2] / sprite.data.shape[1]
        sunny = float(self._light.sun.mean()) / (float(self._light.sun.mean()) + float(self._light.ambient.mean()))
        low = 1 / max(0.25, self._light.toward[2] * 2.2)
        rx, ry = rows * aspect * 0.46 * (0.9 + 0.25 * low), max(1.0, rows * aspect * 0.075)
        cx = spot.column - self._light.toward[0] * rx * 0.55 * low
        top, bottom = int(spot.row - 2.2 * ry), int(spot.row + 2.2 * ry) + 1
        left, right = int(cx - 2 * rx), int(cx + 2 * rx) + 1
        patch = self._window(top, bottom, left, right)
        if patch is None:
            return
        area, columns, offset = patch
        v = (np.arange(area.start, area.stop, dtype=np.float32) - spot.row)[:, None] / np.float32(ry)
        u = (offset - np.float32(cx))[None, :] / np.float32(rx)
        dark = np.exp(-1.4 * (u * u + v * v)) * np.float32(0.30 + 0.35 * sunny)
        distance = self._canvas.distance[area, columns]
        near = np.abs(distance - spot.distance) < np.maximum(1.0, spot.distance * 0.5)
        wet = self._canvas.ids[area, columns] == WATER
        self._canvas.rgb[:, area, columns] *= 1 - dark * near * np.where(wet, 0.5, 1)

    def _reflect(self, board: Billboard, rows: float) -> None:
        """The sprite upside down, where there is water in front of it."""
        assert board.mirror is not None
        spot = self._camera.spot(board.x, board.y, 2 * board.mirror - board.z)
        if spot is None:
            return
        data = board.sprite.data[:, ::-1].copy()
        data[5] *= -1
        patch = self._resampled(Sprite(data), spot.column, spot.row + rows, rows)
        if patch is None:
            return
        wave = np.sin(
            np.arange(patch.rows.start, patch.rows.stop) * 1.9
            + np.sin(np.arange(patch.rows.start, patch.rows.stop) * 0.7) * 2
        )
        shifted = np.stack(
            [
                np.roll(line, round(float(w) * rows * 0.012), axis=-1)
                for line, w in zip(np.moveaxis(patch.data, 1, 0), wave, strict=True)
            ],
            axis=1,
        )
        distance = self._canvas.distance[patch.rows, patch.columns]
        wet = (self._canvas.ids[patch.rows, patch.columns] == WATER) & (distance < spot.distance * 1.02)
        lit = self.lit(shifted, board, spot) * np.float32(0.8)
        self._lay(_Patch(patch.rows, patch.columns, shifted), lit, shifted[3] * wet * np.float32(0.5 * board.fade))

    def _lay(self, patch: _Patch, rgb: Floats, alpha: Floats) -> None:
        under = self._canvas.rgb[:, patch.rows, patch.columns]
        self._canvas.rgb[:, patch.rows, patch.columns] = under + (rgb - under) * alpha

    @staticmethod
    def _set(values: npt.NDArray[Any], patch: _Patch, chosen: Mask, value: float) -> None:
        values[patch.rows, patch.columns] = np.where(chosen, value, values[patch.rows, patch.columns])

    def _window(self, top: int, bottom: int, left: int, right: int) -> tuple[slice, Integers, Floats] | None:
        """Rows, columns and unwrapped column numbers of the visible part of a rectangle."""
        rows = slice(max(0, top), min(self._camera.height, bottom))
        columns = np.arange(left, right)
        if self._camera.wide:
            columns = columns[: self._camera.width]
        else:
            columns = columns[(columns >= 0) & (columns < self._camera.width)]
        if rows.start >= rows.stop or not columns.size:
            return None
        return rows, columns % self._camera.width, columns.astype(np.float32)

    def _resampled(self, sprite: Sprite, column: float, foot: float, rows: float) -> _Patch | None:
        """The sprite at its place and size, bilinear."""
        _, high, wide = sprite.data.shape
        scale = rows / high
        left, top = column - wide * scale / 2, foot - rows
        window = self._window(
            int(np.floor(top)), int(np.ceil(foot)) + 1, int(np.floor(left)), int(np.ceil(left + wide * scale)) + 1
        )
        if window is None:
            return None
        area, columns, offset = window
        v = (np.arange(area.start, area.stop, dtype=np.float32) + 0.5 - np.float32(top)) / np.float32(scale) - 0.5
        u = (offset + np.float32(0.5 - left)) / np.float32(scale) - np.float32(0.5)
        data = _along(_along(sprite.data, v, 1), u, 2)
        return _Patch(area, columns, data)


def _along(data: Floats, at: Floats, axis: int) -> Floats:
    """Values at fractional places of one axis; nothing outside. Shrinking by two takes the mean of two places."""
    size = data.shape[axis]
    step = float(at[1] - at[0]) if len(at) > 1 else 1.0
    shifts = (-0.25 * step, 0.25 * step) if step > 1.3 else (0.0,)
    total: Floats | None = None
    for shift in shifts:
        place = at + np.float32(shift)
        low = np.floor(place)
        share = (place - low).astype(np.float32)
        first = low.astype(np.int64)
        weight = [1, 1, 1]
        weight[axis] = len(at)
        inside0 = ((first >= 0) & (first < size)).astype(np.float32) * (1 - share)
        inside1 = ((first >= -1) & (first < size - 1)).astype(np.float32) * share
        part = data.take(np.clip(first, 0, size - 1), axis=axis).astype(np.float32) * inside0.reshape(weight)
        part = part + data.take(np.clip(first + 1, 0, size - 1), axis=axis) * inside1.reshape(weight)
        total = part if total is None else total + part
    assert total is not None
    return total / np.float32(len(shifts))
