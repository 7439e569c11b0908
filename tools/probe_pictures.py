"""The pictures that the examiner is taught with: the renderer's, as many of each sort, with what they show.

Drawing a land takes most of the time, so it is drawn once for four companies of things, in several styles, and once
bare. A part is one file of 256 pictures; it is whole or not there, so making them can be stopped.

Knows: scenes, captions, files. Does not know: torch, networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from aigc.evaluation.examiner import reduced
from aigc.evaluation.labels import WORDS
from aigc.evaluation.questions import sort_of
from aigc.scenes import Scene, Thing, caption, render, sample
from aigc.scenes.arrays import Dice
from aigc.scenes.art import DRAWN
from aigc.scenes.billboards import Stamp
from aigc.scenes.camera import Camera
from aigc.scenes.canvas import FIRST_THING, Canvas
from aigc.scenes.captions import Form, Language
from aigc.scenes.ground import Ground
from aigc.scenes.land import Painter, World
from aigc.scenes.light import light_of
from aigc.scenes.progress import ignored
from aigc.scenes.reading import read
from aigc.scenes.render import developed
from aigc.scenes.sample import draw_things
from aigc.scenes.scatter import Filling
from aigc.scenes.sky import Sky
from aigc.scenes.stage import boards, eye_height, place_things, sites
from aigc.scenes.styles import styled
from aigc.scenes.terrain import Terrain
from aigc.scenes.vocabulary import Place, Style
from aigc.scenes.water import Water
from aigc.scenes.weather import falling

FIRST_SEED = 2 << 40
"""Training pictures of models have lower seeds, the questions of the examination higher ones."""
LANDS, STICKERS = 40, 56
"""In one part."""
_SIDES = (256, 192, 160, 192, 128)
"""That pictures are drawn with in turn: what a network knows of one size only fails at others."""
_SEEN = 0.0004
"""Share of the picture that must be seen of a thing for it to have a place."""
_SEEDS = 100_000
"""Seeds of one part."""
_THINGS = 8
"""At most in one picture."""
Drawn = tuple[Scene, NDArray[np.uint8], NDArray[np.uint8]]
"""What is shown, (H, W, 3) pixels, (H, W) what each pixel shows."""


@dataclass(frozen=True)
class Pictures:
    """All parts of a folder.

    Attributes:
        pixels: (N, SIDE, SIDE, 3).
        boxes: (N, _THINGS, 3): number of the thing, x and y of its middle from 0 to 1; -1 where it isn't seen.
        words: (N, captions, WORDS) concepts of captions in both languages.
    """

    pixels: NDArray[np.uint8]
    scenes: list[Scene]
    boxes: NDArray[np.float32]
    words: NDArray[np.uint8]


def draw(folder: Path, part: int, lands: int = LANDS, stickers: int = STICKERS) -> None:
    """One file, unless it is there."""
    path = folder / f"{part:04d}.npz"
    if path.exists():
        return
    first = FIRST_SEED + part * _SEEDS
    found = chain.from_iterable(_land(first + i, _SIDES[i % len(_SIDES)]) for i in range(lands))
    rows = [_row(drawn) for drawn in chain(found, map(_sticker, range(first + lands, first + lands + stickers)))]
    unfinished = path.with_suffix(".part.npz")
    pixels, scenes, boxes, words = (np.stack([row[i] for row in rows]) for i in range(4))
    np.savez(unfinished, pixels=pixels, scenes=scenes, boxes=boxes, words=words)
    unfinished.replace(path)


def load(folder: Path) -> Pictures:
    """All parts that there are."""
    parts = [np.load(path) for path in sorted(folder.glob("[0-9]*.npz")) if ".part" not in path.name]
    pixels, texts, boxes, words = (
        np.concatenate([part[name] for part in parts]) for name in ("pixels", "scenes", "boxes", "words")
    )
    return Pictures(pixels, [Scene.from_json(str(text)) for text in texts], boxes, words)


def _sticker(seed: int) -> Drawn:
    scene = sample(seed, projection="sticker", held_out=seed % 2 == 0)
    picture = render(scene, 192, 192)
    opacity = picture.alpha[..., None] / 255
    return scene, (picture.rgb * opacity + 255 * (1 - opacity)).round().astype(np.uint8), picture.ids


def _land(seed: int, side: int) -> Iterator[Drawn]:
    """One land, bare and with four companies."""
    dice = Dice(seed, "probe")
    style: Style = dice.pick(("rendered", "flat"), (60, 40))
    rare = dice.chance(0.5)
    for attempt in range(20):
        scene = sample(seed + attempt * 1000, projection="perspective", style=style, held_out=dice.chance(0.4))
        if scene.extras or not rare:
            break
    assert scene.place is not None
    scene = msgspec.structs.replace(scene, things=())
    companies = [(), *_companies(dice, scene.place)]
    styles: list[Style] = [style] * len(companies)
    if style == "rendered":
        styles = [dice.pick(("rendered", "watercolour", "pixel art", "oil"), (52, 20, 20, 8)) for _ in companies]
    shown = [
        msgspec.structs.replace(scene, things=things, style=each)
        for things, each in zip(companies, styles, strict=True)
    ]
    # Things bring the camera down to them, so the bare land is drawn from where it stands without them.
    bare = render(shown[0], side, side, supersample=2 if side == _SIDES[0] else 1)
    yield shown[0], bare.rgb, bare.ids
    yield from _together(shown[1:], side)


def _companies(dice: Dice, place: Place) -> Iterator[tuple[Thing, ...]]:
    """One thing, several of a kind, two kinds, and again one of these."""
    for wanted in ("one", "several", "pair", dice.pick(("one", "several", "pair"))):
        things = draw_things(dice, place, "perspective", DRAWN)
        while sort_of(Scene(seed=0, place=place, things=things)) != wanted:
            things = draw_things(dice, place, "perspective", DRAWN)
        yield things


def _together(shown: Sequence[Scene], side: int) -> Iterator[Drawn]:
    """Scenes that differ in things and painted style only, drawn as `render` does with one line of sight a pixel."""
    whole = msgspec.structs.replace(shown[0], things=tuple(thing for scene in shown for thing in scene.things))
    flat, eye = whole.style == "flat", eye_height(whole, DRAWN)
    placed = place_things(whole, Camera(whole, side, side, eye), DRAWN)
    terrain = Terrain(whole, sites(placed))
    here = np.zeros(1, dtype=np.float32)
    camera = Camera(whole, side, side, max(float(terrain.height(here, here)[0]), terrain.water_level) + eye)
    light, ground = light_of(whole), Ground(whole, terrain, flat=flat)
    world = World(terrain, ground, light, Sky(whole, light, flat=flat), Water(whole, light, flat=flat), camera, flat)
    land = Painter(world).paint(ignored)
    _stamp(land, Filling(whole, terrain, ground, camera, placed, eye).boards(), camera, light, flat)
    things, first = boards(placed, terrain, camera, DRAWN), 0
    for scene in shown:
        canvas = Canvas(land.rgb.copy(), land.distance.copy(), land.ids.copy())
        _stamp(canvas, things[first : first + len(scene.things)], camera, light, flat)
        # The things are numbered throughout; a picture counts its own.
        canvas.ids[canvas.ids >= FIRST_THING] -= first
        first += len(scene.things)
        rgb = styled(developed(falling(canvas.rgb, scene, light), flat=flat), scene.style, scene.seed)
        yield scene, (np.moveaxis(rgb, 0, 2) * 255).round().clip(0, 255).astype(np.uint8), canvas.ids


def _stamp(canvas: Canvas, found: list[Any], camera: Camera, light: Any, flat: bool) -> None:
    stamp = Stamp(canvas, camera, light, flat=flat)
    for board in sorted(found, key=lambda b: -float(np.hypot(b.x, b.y))):
        stamp.put(board)


def _row(drawn: Drawn) -> tuple[Any, ...]:
    """What is kept of a picture."""
    scene, pixels, ids = drawn
    boxes = np.full((_THINGS, 3), -1, np.float32)
    for i in range(len(scene.things)):
        rows, columns = np.nonzero(ids == FIRST_THING + i)
        if len(rows) >= _SEEN * ids.size:
            boxes[i] = i, (columns.mean() + 0.5) / ids.shape[1], (rows.mean() + 0.5) / ids.shape[0]
    return reduced(pixels), np.array(scene.to_json()), boxes, _words(scene)


def _words(scene: Scene) -> NDArray[np.uint8]:
    """(captions, WORDS) of both languages and all forms."""
    said = [
        caption(scene, language, form, draw).text
        for language in get_args(Language)
        for form in get_args(Form)
        for draw in range(2)
    ]
    return np.array([read(text).numbers(WORDS) for text in said], np.uint8)
