"""How near do restored photographs come to the undamaged ones, beside doing nothing, classical filters and Real-ESRGAN?

The photographs are those of a folder that training holds out (every fifth by name) and four that come with
scikit-image. Each is damaged in ways that training does not use (`restore_damage`). Classical filters get, for every
picture, the strength that scores best there: an advantage that nobody has in practice. PSNR and SSIM are
scikit-image's, over the colours of crops; means over all crops. Needs ``opencv-python-headless`` and ``scikit-image``,
and for Real-ESRGAN the extra ``restore``::

    python benchmarks/restore.py --photos FOLDER [--model FOLDER] [--sheet FILE] [--no-peer]

Prints a row for every case on stderr and one JSON object as the last line. A sheet shows one crop of every case: whole,
damaged, by the best filter, by ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import machine
from aigc.engines import model_folder
from aigc.engines.base import LoadOptions
from aigc.engines.restore import RestoreEngine
from aigc.pictures import rasters
from aigc.store import builtin
from aigc.types import RestoreRequest
from restore_damage import CASES, Bytes, Case, damaged

SIDE = 256
CROPS = 2
"""Of each photograph."""
_SHOWN = 8
"""Number of the crop that sheets show."""
_OPTIONS = LoadOptions(threads=2, context_tokens=0, cache_bytes=0, max_sequences=1)


def crops(folder: Path) -> Iterator[Bytes]:
    """Squares of photographs that training never saw: the folder's held-out ones, and those of scikit-image."""
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    # At half the size, which removes most of their own noise.
    held_out = [np.asarray(Image.open(p).convert("RGB").reduce(2)) for n, p in enumerate(files) if n % 5 == 4]
    others = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    for number, photograph in enumerate([*held_out, *others]):
        rng = np.random.default_rng(number)
        for _ in range(CROPS):
            top, left = (int(rng.integers(n - SIDE + 1)) for n in photograph.shape[:2])
            yield photograph[top : top + SIDE, left : left + SIDE].copy()


def classical(task: str) -> dict[str, list[Callable[[Bytes, Bytes | None], Bytes]]]:
    """Filters by name, each at several strengths; they take a picture and a mask."""
    found: dict[str, list[Callable[[Bytes, Bytes | None], Bytes]]] = {
        "bicubic, half and back": [lambda x, _: _resized(_resized(x, 0.5), 2.0)],
        "median": [lambda x, _, k=k: cv2.medianBlur(x, k) for k in (3, 5)],
        "non-local means": [
            lambda x, _, h=h: cv2.fastNlMeansDenoisingColored(x, None, h, h, 7, 21) for h in (3, 7, 12, 20)
        ],
    }
    if task == "deblur":
        found["unsharp mask"] = [lambda x, _, a=a, s=s: _sharper(x, a, s) for a in (0.5, 1.0, 2.0) for s in (1.0, 2.0)]
    if task == "lowlight":
        found["gamma"] = [lambda x, _, g=g: _brighter(x, g) for g in (0.3, 0.4, 0.5, 0.6)]
    if task == "scratches":
        found["Telea's inpainting"] = [lambda x, m, r=r: x if m is None else cv2.inpaint(x, m, r, 1) for r in (2, 4)]
    return found


def _resized(x: Bytes, factor: float) -> Bytes:
    picture = Image.fromarray(x)
    return np.asarray(picture.resize((int(x.shape[1] * factor), int(x.shape[0] * factor)), Image.Resampling.BICUBIC))


def _sharper(x: Bytes, amount: float, sigma: float) -> Bytes:
    return np.asarray(cv2.addWeighted(x, 1 + amount, cv2.GaussianBlur(x, (0, 0), sigma), -amount, 0))


def _brighter(x: Bytes, gamma: float) -> Bytes:
    return np.rint(255 * (x / 255) ** gamma).astype(np.uint8)


def scores(made: Bytes, clean: Bytes) -> tuple[float, float]:
    """(PSNR in dB, SSIM)."""
    return (
        float(peak_signal_noise_ratio(clean, made, data_range=255)),
        float(structural_similarity(clean, made, channel_axis=2, data_range=255)),
    )


class Restorers:
    """Painters as functions of pixels."""

    def __init__(self, folder: Path, *, peer: bool) -> None:
        spec = model_folder.read(folder).spec(folder)
        self.ours = RestoreEngine(spec, spec.engines[0], _OPTIONS)
        self.peer = _peer() if peer else None

    def run(self, x: Bytes, mask: Bytes | None, task: str) -> Bytes:
        """What our restorer makes of it."""
        request = RestoreRequest(
            image=rasters.from_array(x), mask=None if mask is None else rasters.from_array(mask), task=task
        )
        self.ours.check(request)
        return rasters.to_array(self.ours.paint(request, 0, lambda *_: None).image)

    def run_peer(self, x: Bytes) -> Bytes:
        """Real-ESRGAN at twice the side."""
        request = RestoreRequest(image=rasters.from_array(x), task="upscale", scale=2)
        return rasters.to_array(self.peer.paint(request, 0, lambda *_: None).image)


def _peer() -> Any:
    from aigc.engines.realesrgan import RealEsrganEngine

    spec = next(spec for spec in builtin.builtin() if spec.engines[0].engine == "realesrgan")
    return RealEsrganEngine(spec, spec.engines[0], _OPTIONS)


def row(case: Case, pictures: list[Bytes], restorers: Restorers) -> tuple[dict[str, Any], list[Bytes]]:
    """Mean scores of every method for one case, and a row of pictures."""
    found: dict[str, list[tuple[float, float]]] = {}
    shown: list[Bytes] = []
    for seed, clean in enumerate(pictures):
        small, mask = damaged(clean, case, seed)
        big = _resized(small, 2.0) if case.task == "upscale" else small
        made = {"nothing" if case.task != "upscale" else "bicubic": [big]}
        made |= {name: [f(big, mask) for f in filters] for name, filters in classical(case.task).items()}
        made["aigc-restore"] = [restorers.run(small, mask, case.task)]
        if case.task != "upscale" and mask is None:
            made["aigc-restore, auto"] = [restorers.run(small, None, "auto")]
        if case.task == "upscale" and restorers.peer is not None:
            made["Real-ESRGAN x4plus, halved"] = [restorers.run_peer(small)]
        for name, variants in made.items():
            found.setdefault(name, []).append(max(scores(x, clean) for x in variants))
        if seed == _SHOWN:
            filters = [x for name, variants in made.items() if not _learned(name) for x in variants]
            shown = [clean, big, max(filters, key=lambda x: scores(x, clean)), made["aigc-restore"][0]]
    means = {
        name: {"psnr": round(statistics.mean(p for p, _ in s), 2), "ssim": round(statistics.mean(q for _, q in s), 4)}
        for name, s in found.items()
    }
    others = [m["psnr"] for name, m in means.items() if not _learned(name)]
    ahead = round(means["aigc-restore"]["psnr"] - max(others), 2)
    return {"task": case.task, "damage": case.name, "methods": means, "ahead_of_the_best_filter_db": ahead}, shown


def _learned(name: str) -> bool:
    return name.startswith(("aigc", "Real"))


def write_sheet(path: Path, rows: list[list[Bytes]]) -> None:
    """All rows of pictures as one, each picture at its size."""
    Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows])).save(path)


def speed(restorers: Restorers) -> dict[str, Any]:
    """Seconds for 512x512 by wall clock, median of five, and memory after that and after six megapixels."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (512, 512, 3), np.uint8)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        restorers.run(x, None, "denoise")
        seconds.append(time.perf_counter() - start)
    process = psutil.Process()
    before = process.memory_info().rss
    start = time.perf_counter()
    restorers.run(rng.integers(0, 256, (2000, 3000, 3), np.uint8), None, "denoise")
    return {
        "seconds_512": round(statistics.median(seconds[1:]), 3),
        "seconds_6_megapixels": round(time.perf_counter() - start, 2),
        "resident_mib_512": before // 2**20,
        "resident_mib_6_megapixels": process.memory_info().rss // 2**20,
        "precision": restorers.ours.precision,
        "threads": _OPTIONS.threads,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs, every fifth held out")
    parser.add_argument("--model", type=Path, default=builtin.folder() / "aigc-restore")
    parser.add_argument("--sheet", type=Path, help="write a sheet of pictures there")
    parser.add_argument("--no-peer", action="store_true", help="leave Real-ESRGAN out")
    given = parser.parse_args()
    restorers = Restorers(given.model, peer=not given.no_peer)
    pace = speed(restorers)
    pictures = list(crops(given.photos))
    rows, shown = [], []
    for case in CASES:
        found, pictures_of_it = row(case, pictures, restorers)
        rows.append(found)
        shown.append(pictures_of_it)
        print(json.dumps(found), file=sys.stderr, flush=True)
    if given.sheet is not None:
        write_sheet(given.sheet, shown)
    answer = {
        "benchmark": "restore",
        "crops": len(pictures),
        "side": SIDE,
        "rows": rows,
        "speed": pace,
        "model": restorers.ours.fingerprint,
        "machine": machine.describe(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
