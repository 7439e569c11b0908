"""How many pictures a second does the scene renderer make on one thread, by size, style and projection?

Training data is rendered beside the training of a model, one process a core, so what counts is processor time of one
thread. The sprites that a process keeps are drawn first, as they are in the first minute of a long run. Prints progress
on stderr and one JSON object as the last line::

    OMP_NUM_THREADS=1 python benchmarks/scenes.py
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any

import machine
from aigc.scenes import Scene, caption, render, sample
from aigc.scenes.vocabulary import Projection, Style

CASES: tuple[tuple[str, Projection, Style | None, int, int], ...] = (
    ("rendered, one line of sight a pixel", "perspective", "rendered", 256, 1),
    ("rendered", "perspective", "rendered", 256, 2),
    ("flat", "perspective", "flat", 256, 2),
    ("oil", "perspective", "oil", 256, 1),
    ("watercolour", "perspective", "watercolour", 256, 1),
    ("pixel art", "perspective", "pixel art", 256, 1),
    ("sticker", "sticker", None, 256, 1),
    ("rendered, one line of sight a pixel", "perspective", "rendered", 512, 1),
    ("rendered", "perspective", "rendered", 512, 2),
    ("panorama", "panorama", "rendered", 512, 1),
)


def pictures_per_second(scenes: list[Scene], size: int, supersample: int) -> float:
    """By processor time of this process."""
    start = time.process_time()
    for scene in scenes:
        width = size * 2 if scene.projection == "panorama" else size
        render(scene, width, size, supersample=supersample)
    return len(scenes) / (time.process_time() - start)


def captions_per_second(scenes: list[Scene]) -> float:
    """Long captions in both languages."""
    start = time.process_time()
    for scene in scenes:
        caption(scene, "en", "long")
        caption(scene, "zh", "long")
    return 2 * len(scenes) / (time.process_time() - start)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40, help="of each case")
    parser.add_argument("--warm", type=int, default=150, help="pictures before the clock starts")
    given = parser.parse_args()
    for seed in range(given.warm):
        render(sample(seed), 128, 128)
    cases: list[dict[str, Any]] = []
    for name, projection, style, size, supersample in CASES:
        scenes = [sample(10_000 + seed, projection=projection, style=style) for seed in range(given.pictures)]
        pictures_per_second(scenes[: given.pictures // 2], size, supersample)
        rate = pictures_per_second(scenes, size, supersample)
        cases.append({"case": name, "height": size, "lines_of_sight": supersample**2, "pictures_per_second": rate})
        print(f"{name}, {size} px: {rate:.1f} pictures/s", file=sys.stderr)
    start = time.process_time()
    scenes = [sample(seed) for seed in range(500)]
    answer = {
        "benchmark": "scenes",
        "threads": 1,
        "cases": cases,
        "descriptions_per_second": 500 / (time.process_time() - start),
        "captions_per_second": captions_per_second(scenes),
        "resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": machine.describe(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
