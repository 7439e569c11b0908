"""A developer's look at scenes: ``python -m aigc.scenes --help``.

Knows: files and arguments. The user's command is ``aigc image``; this one is for looking at what training will see.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

import numpy as np

from aigc.scenes import caption, render, sample
from aigc.scenes.describe import Scene
from aigc.scenes.vocabulary import PROJECTIONS, STYLES


def main(arguments: list[str] | None = None) -> int:
    """Draws sampled scenes as one contact sheet, or one description from standard input."""
    parser = argparse.ArgumentParser(prog="python -m aigc.scenes", description=__doc__)
    parser.add_argument("out", type=Path, help="picture to write; its ending chooses the format")
    parser.add_argument("--sheet", type=int, default=24, metavar="N", help="how many scenes")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--size", type=int, default=256, help="height of one picture in pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene")
    parser.add_argument("--projection", choices=PROJECTIONS)
    parser.add_argument("--style", choices=STYLES)
    parser.add_argument("--held-out", action="store_true", help="only combinations that training never shows")
    parser.add_argument("--scene", action="store_true", help="read one description as JSON from standard input")
    parser.add_argument("--captions", action="store_true", help="print every description and its captions")
    given = parser.parse_args(arguments)
    if given.scene:
        scenes = [Scene.from_json(sys.stdin.read())]
    else:
        seeds = range(given.seed, given.seed + given.sheet)
        scenes = [sample(s, projection=given.projection, style=given.style, held_out=given.held_out) for s in seeds]
    if given.captions:
        for scene in scenes:
            _print(scene)
    _write(given.out, [_square(scene, given.size) for scene in scenes], given.columns)
    return 0


def _print(scene: Scene) -> None:
    print(scene.to_json())
    for form in get_args(caption.__annotations__["form"]) or ("short", "long", "tags"):
        print(f"  {form}: {caption(scene, 'en', form).text} | {caption(scene, 'zh', form).text}")


def _square(scene: Scene, size: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """A picture on a chequered ground where it is transparent."""
    picture = render(scene, size * (2 if scene.projection == "panorama" else 1), size)
    height, width = picture.alpha.shape
    board = (np.add.outer(np.arange(height) // 16, np.arange(width) // 16) % 2 * 40 + 190).astype(np.float32)[
        :, :, None
    ]
    share = picture.alpha[:, :, None].astype(np.float32) / 255
    return (picture.rgb * share + board * (1 - share)).astype(np.uint8)


def _write(path: Path, pictures: list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]], columns: int) -> None:
    from PIL import Image

    height, width = pictures[0].shape[0], max(p.shape[1] for p in pictures)
    columns = min(columns, len(pictures))
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (index % columns * width, index // columns * height))
    sheet.save(path)


if __name__ == "__main__":
    sys.exit(main())
