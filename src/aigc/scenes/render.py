"""From a description to pixels.

Knows: the order of the steps. Does not know: how any of them is done.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aigc.errors import UserError
from aigc.scenes.arrays import Floats
from aigc.scenes.art import DRAWN, Art
from aigc.scenes.billboards import Stamp
from aigc.scenes.camera import Camera
from aigc.scenes.canvas import FIRST_THING
from aigc.scenes.describe import Scene
from aigc.scenes.ground import Ground
from aigc.scenes.land import Painter, World
from aigc.scenes.light import light_of
from aigc.scenes.progress import OnStep, ignored, part
from aigc.scenes.scatter import Filling
from aigc.scenes.sky import Sky
from aigc.scenes.stage import boards, eye_height, place_things, sites
from aigc.scenes.sticker import sticker
from aigc.scenes.styles import styled
from aigc.scenes.terrain import Terrain
from aigc.scenes.water import Water
from aigc.scenes.weather import falling

SMALLEST, LARGEST = 16, 4096
"""Pixels along a side."""


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    Attributes:
        rgb: (H, W, 3) as seen on a screen, 0 to 255.
        alpha: (H, W) coverage 0 to 255; 255 everywhere but in transparent stickers.
        ids: (H, W) what each pixel shows: ``canvas.SKY``, ``GROUND`` ... or ``FIRST_THING`` + index of a thing.
    """

    rgb: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.uint8]

    def mask(self, thing: int) -> npt.NDArray[np.bool_]:
        """(H, W) where the thing with this index is seen."""
        return self.ids == FIRST_THING + thing


def render(
    scene: Scene,
    width: int,
    height: int,
    *,
    art: Art = DRAWN,
    supersample: int | None = None,
    on_step: OnStep = ignored,
) -> Picture:
    """Draws a scene.

    Args:
        scene: What to draw.
        width: Pixels; a panorama should be twice as wide as high.
        height: Pixels.
        art: Where kinds of things come from.
        supersample: Lines of sight per pixel and direction; the default is 2, or 1 for
            the painted and pixelled styles, which blur.
        on_step: Hears how far the drawing is.

    Raises:
        UserError: A size that can't be drawn, a description without meaning, an unknown kind.
    """
    for name, value in (("width", width), ("height", height)):
        if not SMALLEST <= value <= LARGEST:
            raise UserError(
                f"{name} is {value}, it must be from {SMALLEST} to {LARGEST}", param=name, hint="Ask for another size."
            )
    scene = scene.checked()
    if scene.projection == "sticker":
        sheet = sticker(scene, width, height, art)
        rgb, alpha, ids = styled(sheet.rgb, scene.style, scene.seed, on_step=on_step), sheet.alpha, sheet.ids
    else:
        times = supersample if supersample is not None else (2 if scene.style in ("rendered", "flat") else 1)
        painted = 0.3 if scene.style == "oil" else 0.95
        rgb, ids = _view(scene, width * times, height * times, art, part(on_step, 0.0, painted))
        rgb, ids = _shrunk(rgb, times), ids[::times, ::times]
        strokes = part(on_step, painted, 1.0)
        rgb = styled(rgb, scene.style, scene.seed, wraps=scene.projection == "panorama", on_step=strokes)
        alpha = np.ones((height, width), dtype=np.float32)
    on_step(1.0)
    return Picture(_bytes(np.moveaxis(rgb, 0, 2)), _bytes(alpha), np.ascontiguousarray(ids))


def _view(scene: Scene, width: int, height: int, art: Art, on_step: OnStep) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """A scene with a place: screen colours (3, H, W) and ids."""
    flat = scene.style == "flat"
    eye = eye_height(scene, art)
    placed = place_things(scene, Camera(scene, width, height, eye), art)
    terrain = Terrain(scene, sites(placed))
    here = np.zeros(1, dtype=np.float32)
    camera = Camera(scene, width, height, max(float(terrain.height(here, here)[0]), terrain.water_level) + eye)
    light = light_of(scene)
    ground = Ground(scene, terrain, flat=flat)
    world = World(terrain, ground, light, Sky(scene, light, flat=flat), Water(scene, light, flat=flat), camera, flat)
    canvas = Painter(world).paint(part(on_step, 0.1, 0.8))
    stamp = Stamp(canvas, camera, light, flat=flat)
    everything = boards(placed, terrain, camera, art) + Filling(scene, terrain, ground, camera, placed, eye).boards()
    for number, board in enumerate(sorted(everything, key=lambda b: -float(np.hypot(b.x, b.y)))):
        stamp.put(board)
        if number % 16 == 0:
            on_step(0.8 + 0.15 * number / len(everything))
    return developed(falling(canvas.rgb, scene, light), flat=flat), canvas.ids


def developed(light: Floats, *, flat: bool) -> Floats:
    """Film: bright light saturates softly, colours gain a little; (3, H, W) linear light to screen colours."""
    exposure, colourful = (2.0, 1.16) if flat else (1.75, 1.08)
    rgb = 1 - np.exp(-exposure * np.maximum(light, 0))
    grey = rgb.mean(axis=0, dtype=np.float32)
    return np.clip(grey + (rgb - grey) * np.float32(colourful), 0, 1)


def _shrunk(rgb: Floats, times: int) -> Floats:
    if times == 1:
        return rgb
    _, height, width = rgb.shape
    return rgb.reshape(3, height // times, times, width // times, times).mean(axis=(2, 4), dtype=np.float32)


def _bytes(values: Floats) -> npt.NDArray[np.uint8]:
    return np.round(values * 255).clip(0, 255).astype(np.uint8)
