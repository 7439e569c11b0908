"""Where pictures with captions come from: a narrow port, and photographs of a folder as the plainest one behind it.

Knows: pixels, captions, numbers of samples. Does not know: networks, shards, batches.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aigc.errors import UserError

Pixels = NDArray[np.uint8]

CROPS_IN_A_ROW = 64
"""So many samples come from one photograph: opening it costs more than cutting them out."""
_CHINESE = re.compile("[\u4e00-\u9fff]")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Kind:
    """Pictures of one size."""

    name: str
    height: int
    width: int
    share: float
    """Of the batches that are drawn from a source."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and what may be said about it."""

    pixels: Pixels
    """(H, W, 3)."""
    english: tuple[str, ...]
    """Captions, any of which fits; may be empty for sources that only restoration uses."""
    chinese: tuple[str, ...]


class Source(Protocol):
    """Pictures by number. It crosses to other processes, so it is small."""

    @property
    def identity(self) -> str:
        """Changes whenever the pictures do."""
        ...

    @property
    def kinds(self) -> Sequence[Kind]:
        """What sizes there are."""
        ...

    def sample(self, kind: str, index: int, held_out: bool) -> Sample:
        """The picture of that number; held-out ones never occur in training."""
        ...


@dataclass(frozen=True)
class Photographs:
    """Square crops of the photographs in a folder, at several scales; every fifth photograph is held out.

    ``lake.txt`` beside ``lake.jpg`` holds its captions, one a line, in English or Chinese; such a photograph is cut as
    little as a square allows, so that what is said of it stays in the picture.
    """

    folder: Path
    side: int = 256

    @property
    def identity(self) -> str:
        """Names and sizes of the files, captions, and the side."""
        files = [f"{p.name}:{p.stat().st_size}{_captions(p) or ''}" for p in self._files()]
        return "photographs " + hashlib.sha256(f"{self.side} {files}".encode()).hexdigest()[:16]

    @property
    def kinds(self) -> Sequence[Kind]:
        """One: squares."""
        return (Kind("photo", self.side, self.side, 1.0),)

    def _files(self) -> list[Path]:
        found = (
            sorted(p for p in self.folder.glob("*") if p.suffix.lower() in _SUFFIXES) if self.folder.is_dir() else []
        )
        if len(found) < 5:
            raise UserError(
                f"{self.folder} holds {len(found)} photographs; accepted: at least 5 ({', '.join(_SUFFIXES)})",
                hint="every fifth is held out to measure with",
            )
        return found

    def sample(self, kind: str, index: int, held_out: bool) -> Sample:
        """A crop; its place, scale and mirroring follow from the index."""
        chosen = [p for number, p in enumerate(self._files()) if (number % 5 == 4) == held_out]
        # Held-out photographs take turns, so that the first few crops show them all.
        path = chosen[(index if held_out else index // CROPS_IN_A_ROW) % len(chosen)]
        picture, said = _opened(path), _captions(path)
        rng = np.random.default_rng((7, index, int(held_out)))
        # Half of the crops at least halve the photograph: that removes its own noise and blocks.
        largest = min(picture.shape[:2]) / self.side
        scale = min(largest, max(1.0, float(np.exp(rng.uniform(np.log(1.0), np.log(4.0))))))
        wide = round(self.side * (largest if said else scale))
        top = int(rng.integers(picture.shape[0] - wide + 1))
        left = int(rng.integers(picture.shape[1] - wide + 1))
        crop = _resized(picture[top : top + wide, left : left + wide], self.side)
        english = tuple(line for line in said if not _CHINESE.search(line))
        chinese = tuple(line for line in said if _CHINESE.search(line))
        # What is said may speak of left and right.
        mirrored = rng.random() < 0.5 and not said
        # Both languages are read into the same words: one that is not given is not missed.
        return Sample(crop[:, ::-1].copy() if mirrored else crop, english or chinese, chinese)


def _captions(path: Path) -> tuple[str, ...]:
    beside = path.with_suffix(".txt")
    if not beside.exists():
        return ()
    return tuple(line.strip() for line in beside.read_text("utf-8").splitlines() if line.strip())


@functools.lru_cache(maxsize=4)
def _opened(path: Path) -> Pixels:
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _resized(pixels: Pixels, side: int) -> Pixels:
    from PIL import Image

    if pixels.shape[0] == side:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS))
