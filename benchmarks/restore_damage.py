"""Damage to photographs that our training doesn't do: Pillow's JPEG and scaling, numpy's noise, drawn scratches.

Every kind is seeded and has fixed strengths, so that a row of the benchmark always means the same.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """A kind of damage at one strength."""

    task: str
    name: str
    strength: float


CASES = (
    Case("denoise", "noise of 15 grey levels", 15),
    Case("denoise", "noise of 25 grey levels", 25),
    Case("denoise", "noise of 50 grey levels", 50),
    Case("jpeg", "JPEG of quality 10", 10),
    Case("jpeg", "JPEG of quality 20", 20),
    Case("jpeg", "JPEG of quality 40", 40),
    Case("deblur", "out of focus, sigma 1.6", 1.6),
    Case("deblur", "shaken, 9 pixels", 9),
    Case("lowlight", "a third of the light, gamma 1.5", 0.33),
    Case("upscale", "half the side", 2),
    Case("scratches", "six scratches, marked", 6),
    Case("scratches", "six scratches, not marked", 6),
)


def damaged(clean: Bytes, case: Case, seed: int) -> tuple[Bytes, Bytes | None]:
    """(the damaged picture, the mask if the case marks what is lost). ``upscale`` gives the small picture."""
    rng = np.random.default_rng((seed, int(case.strength * 10)))
    if case.task == "scratches":
        made, mask = _scratched(clean, int(case.strength), rng)
        return made, mask if case.name.endswith(", marked") else None
    return _whole(clean, case, rng), None


def _whole(clean: Bytes, case: Case, rng: np.random.Generator) -> Bytes:
    picture = Image.fromarray(clean)
    if case.task == "denoise":
        return _bytes(clean + rng.normal(0, case.strength, clean.shape))
    if case.task == "jpeg":
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(case.strength))
        return np.asarray(Image.open(file))
    if case.task == "upscale":
        return np.asarray(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BICUBIC))
    if case.task == "lowlight":
        dark = (clean / 255) ** 1.5 * case.strength
        return _bytes(255 * (dark + rng.normal(0, 0.02, clean.shape) * np.sqrt(dark)))
    if case.name.startswith("out of focus"):
        blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(case.strength)), np.float64)
    else:
        blurred = _shaken(clean, int(case.strength))
    return _bytes(blurred + rng.normal(0, 1, clean.shape))


def _shaken(clean: Bytes, length: int) -> NDArray[np.float64]:
    """The mean of the picture along a slanted line."""
    steps = [(round(k * 0.5), k) for k in range(-(length // 2), length // 2 + 1)]
    padded = np.pad(clean.astype(np.float64), ((length, length), (length, length), (0, 0)), "reflect")
    h, w = clean.shape[:2]
    shifted = [padded[length + dy : length + dy + h, length + dx : length + dx + w] for dy, dx in steps]
    return np.mean(shifted, axis=0)


def _scratched(clean: Bytes, count: int, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Bent lines, light or dark, one to three pixels thick."""
    picture, mask = Image.fromarray(clean), Image.new("L", (clean.shape[1], clean.shape[0]))
    for _ in range(count):
        start, end = rng.uniform(0, 1, 2), rng.uniform(0, 1, 2)
        bend = (start + end) / 2 + rng.normal(0, 0.05, 2)
        t = np.linspace(0, 1, 33)[:, None]
        line = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        points = [(float(x * clean.shape[1]), float(y * clean.shape[0])) for x, y in line]
        light = int(rng.integers(190, 256) if rng.random() < 0.7 else rng.integers(0, 40))
        width = int(rng.integers(1, 4))
        ImageDraw.Draw(picture).line(points, (light, light, light), width)
        ImageDraw.Draw(mask).line(points, 255, width)
    return np.asarray(picture), np.asarray(mask)


def _bytes(values: NDArray[np.float64]) -> Bytes:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
