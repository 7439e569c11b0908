"""Paints sky, land and water of a scene onto a canvas.

Knows: how the parts meet. Does not know: things, styles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigc.scenes.arrays import Floats, Integers, Mask, mix, smooth
from aigc.scenes.camera import Camera, directions
from aigc.scenes.canvas import GROUND, WATER, Canvas
from aigc.scenes.cast import Columns, Hits
from aigc.scenes.ground import Ground
from aigc.scenes.light import Light
from aigc.scenes.progress import OnStep, ignored
from aigc.scenes.sky import Sky
from aigc.scenes.terrain import Terrain
from aigc.scenes.water import Water

_BAND = 2**18
"""Pixels that are painted at a time."""


@dataclass(frozen=True)
class World:
    """Everything that one scene's picture is made with."""

    terrain: Terrain
    ground: Ground
    light: Light
    sky: Sky
    water: Water
    camera: Camera
    flat: bool


@dataclass(frozen=True)
class _Pixels:
    """Some pixels of the canvas, as one list: place in it, column, direction."""

    index: Integers
    column: Integers
    slope: Floats
    azimuth: Floats

    def only(self, chosen: Mask) -> _Pixels:
        return _Pixels(self.index[chosen], self.column[chosen], self.slope[chosen], self.azimuth[chosen])


class Painter:
    """Paints the world, pixel by pixel."""

    def __init__(self, world: World) -> None:
        self._world = world
        camera = world.camera
        nearest = max(0.25, (camera.z - float(world.terrain.height(np.zeros(1), np.zeros(1))[0])) * 0.35)
        self._columns = Columns(world.terrain, camera.azimuth, nearest)
        self._normals = self._columns.normals()
        self._lit = self._shadows()

    def paint(self, on_step: OnStep = ignored) -> Canvas:
        """Sky, land, water; in bands of rows, so that large pictures need no more memory than their pixels."""
        camera = self._world.camera
        canvas = Canvas.empty(camera.height, camera.width)
        rows = max(1, _BAND // camera.width)
        for top in range(0, camera.height, rows):
            self._paint_rows(canvas, top, min(top + rows, camera.height))
            on_step((top + rows) / camera.height)
        self._soften_skyline(canvas)
        return canvas

    def _paint_rows(self, canvas: Canvas, top: int, end: int) -> None:
        camera = self._world.camera
        column = np.tile(np.arange(camera.width), end - top)
        index = np.arange(top * camera.width, end * camera.width)
        pixels = _Pixels(index, column, camera.slope[top:end].ravel(), camera.azimuth[column])
        hits = self._columns.cast(pixels.column, pixels.slope, camera.z)
        rgb = canvas.rgb.reshape(3, -1)
        sky = pixels.only(~hits.found)
        rgb[:, sky.index] = self._sky(sky)
        found = pixels.only(hits.found)
        met = Hits(hits.found[hits.found], hits.index[hits.found], hits.share[hits.found], hits.distance[hits.found])
        wet = self._columns.at(self._columns.height, met) < self._world.terrain.water_level
        dry = found.only(~wet)
        rgb[:, dry.index] = self._land(dry, _some(met, ~wet))
        canvas.distance.ravel()[found.index] = met.distance
        canvas.ids.ravel()[found.index] = np.where(wet, WATER, GROUND)
        if wet.any():
            self._paint_water(canvas, rgb, found.only(wet), _some(met, wet))
        self._paint_river(canvas, rgb, dry, _some(met, ~wet))

    def _sky(self, pixels: _Pixels, *, mirrored: bool = False) -> Floats:
        return self._world.sky.colours(*directions(pixels.azimuth, pixels.slope), mirrored=mirrored)

    def _shadows(self) -> Floats:
        """How much of the sun reaches each sample: nine steps towards it over a coarse map of the land."""
        columns, terrain, light = self._columns, self._world.terrain, self._world.light
        side, reach = 192, 4600.0
        line = (np.arange(side, dtype=np.float32) / (side - 1) * 2 - 1) * reach
        if not self._world.camera.wide:
            across, ahead = np.meshgrid(line, line + reach * 0.9)
            origin = np.float32(reach * 0.9)
        else:
            across, ahead = np.meshgrid(line, line)
            origin = np.float32(0)
        coarse = terrain.height(across, ahead).ravel()
        tx, ty, tz = light.toward
        level = float(np.hypot(tx, ty))
        rise = tz / level
        lit = np.ones_like(columns.height)
        scale = np.float32((side - 1) / (2 * reach))
        for step in (60, 130, 220, 340, 500, 720, 1000, 1500, 2200):
            u = (columns.x + tx / level * step + reach) * scale
            v = (columns.y + ty / level * step + reach - origin) * scale
            inside = (u >= 0) & (u < side - 1) & (v >= 0) & (v < side - 1)
            index = np.where(inside, np.rint(v).astype(np.int32) * side + np.rint(u).astype(np.int32), 0)
            over = columns.surface + step * rise - coarse[index]
            lit *= np.where(inside, smooth(-12 - step * 0.03, 12 + step * 0.02, over), 1)
        return lit

    def _land(self, pixels: _Pixels, hits: Hits) -> Floats:
        """Lit land (3, n)."""
        world, columns = self._world, self._columns
        x, y = hits.distance * np.sin(pixels.azimuth), hits.distance * np.cos(pixels.azimuth)
        h = columns.at(columns.height, hits)
        nx, ny, nz = (columns.at(part, hits) for part in self._normals)
        albedo = world.ground.colours(x, y, h, nz, hits.distance)
        light = world.light
        tx, ty, tz = light.toward
        facing = np.clip(nx * tx + ny * ty + nz * tz, 0, 1) * columns.at(self._lit, hits)
        if world.flat:
            facing = np.round(facing * 3) / 3
        rgb = albedo * (
            light.sun * (facing * np.float32(1.35))
            + light.ambient * (0.45 + 0.55 * nz)
            + light.horizon * np.float32(0.13)
        )
        falling = world.terrain.fall(x, y)
        if falling.any():
            rgb = self._falling(rgb, falling, x, h)
        return self.hazy(rgb, hits.distance, pixels.azimuth, pixels.slope)

    def _falling(self, rgb: Floats, falling: Floats, x: Floats, h: Floats) -> Floats:
        streaks = 0.72 + 0.28 * np.sin(x * 3.1 + 1.7 * np.sin(x * 1.3 + h * 0.04)) * np.sin(x * 7.7 + h * 0.07)
        white = (self._world.light.ambient + self._world.light.sun * np.float32(0.55)) * np.float32(1.05)
        return mix(rgb, white * streaks, falling * 0.95)

    def hazy(self, rgb: Floats, distance: Floats | float, azimuth: Floats, slope: Floats) -> Floats:
        """Paler with distance, warmer towards the sun."""
        light = self._world.light
        amount = 1 - np.exp(-((np.asarray(distance) / 6500 * light.haze) ** 1.15))
        if self._world.flat:
            amount = np.round(amount * 6) / 6
        tx, ty, tz = light.toward
        dx, dy, dz = directions(azimuth, slope)
        near = np.clip(dx * tx + dy * ty + dz * tz, 0, 1)
        air = light.mist + light.glow * (0.30 * near**8) * (0.2 if light.dark == 1 else 1.0)
        return mix(rgb, air, amount)

    def _mirror(self, pixels: _Pixels, x: Floats, y: Floats, r: Floats) -> Floats:
        """What is seen in water at points."""
        aside, ahead = self._world.water.ripple(x, y, r)
        up = np.clip(-pixels.slope + ahead, 0.003, 250).astype(np.float32)
        mirrored = _Pixels(pixels.index, pixels.column, up, pixels.azimuth + aside)
        colours = self._sky(mirrored, mirrored=True)
        hits = self._columns.reflect(pixels.column, up, self._world.camera.z)
        if hits.found.any():
            colours[:, hits.found] = self._land(mirrored.only(hits.found), _some(hits, hits.found))
        return colours

    def _paint_water(self, canvas: Canvas, rgb: Floats, pixels: _Pixels, hits: Hits) -> None:
        world = self._world
        r = ((world.camera.z - world.terrain.water_level) / np.maximum(-pixels.slope, 1e-5)).astype(np.float32)
        r = np.minimum(r, hits.distance * 1.2)
        x, y = r * np.sin(pixels.azimuth), r * np.cos(pixels.azimuth)
        depth = world.terrain.water_level - self._columns.at(self._columns.height, hits)
        grazing = -pixels.slope / np.sqrt(1 + pixels.slope**2)
        rgb[:, pixels.index] = world.water.colours(self._mirror(pixels, x, y, r), grazing, x, y, r, depth)
        canvas.distance.ravel()[pixels.index] = r

    def _paint_river(self, canvas: Canvas, rgb: Floats, pixels: _Pixels, hits: Hits) -> None:
        """Rivers lie on level land, so they mirror the sky and what stands beyond."""
        terrain = self._world.terrain
        if terrain.relief.water != "river":
            return
        x, y = hits.distance * np.sin(pixels.azimuth), hits.distance * np.cos(pixels.azimuth)
        wet = smooth(1.08, 0.95, terrain.stream(x, y)) * (1 - terrain.fall(x, y))
        if terrain.place == "waterfall":
            wet = wet * (self._columns.at(self._columns.height, hits) < 8)
        chosen = wet > 0.01
        if not chosen.any():
            return
        some, x, y, r = pixels.only(chosen), x[chosen], y[chosen], hits.distance[chosen]
        grazing = np.maximum(-some.slope, 0.02) / np.sqrt(1 + some.slope**2)
        colours = self._world.water.colours(self._sky_in_river(some, x, y, r), grazing, x, y, r, np.full_like(r, 1.5))
        rgb[:, some.index] = mix(rgb[:, some.index], colours, wet[chosen])
        canvas.ids.ravel()[some.index] = np.where(wet[chosen] > 0.5, WATER, GROUND)

    def _sky_in_river(self, pixels: _Pixels, x: Floats, y: Floats, r: Floats) -> Floats:
        aside, ahead = self._world.water.ripple(x, y, r)
        up = np.clip(np.abs(pixels.slope) + ahead, 0.02, 250).astype(np.float32)
        mirrored = _Pixels(pixels.index, pixels.column, up, pixels.azimuth + aside)
        colours = self._sky(mirrored, mirrored=True)
        hits = self._columns.cast(pixels.column, up + 0.02, 0.0)
        far = hits.found & (hits.distance > 60)
        if far.any():
            colours[:, far] = self._land(mirrored.only(far), _some(hits, far))
        return colours

    def _soften_skyline(self, canvas: Canvas) -> None:
        """Smooths the stairs where land meets the sky: those pixels take half of the pixel above."""
        sky = canvas.ids == 0
        edge = np.zeros_like(sky)
        edge[1:] = sky[:-1] & ~sky[1:]
        rows, columns = np.nonzero(edge)
        canvas.rgb[:, rows, columns] = 0.5 * (canvas.rgb[:, rows, columns] + canvas.rgb[:, rows - 1, columns])


def _some(hits: Hits, chosen: Mask) -> Hits:
    return Hits(hits.found[chosen], hits.index[chosen], hits.share[chosen], hits.distance[chosen])
