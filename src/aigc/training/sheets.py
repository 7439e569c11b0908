"""Sheets of samples: pictures in a grid, written as PNG.

Knows: arrays of pixels. Does not know: networks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

GAP = 4
"""Pixels between pictures."""


def to_pixels(x: Tensor, low: float = -1.0, high: float = 1.0) -> NDArray[np.uint8]:
    """(B, 3, H, W) between ``low`` and ``high`` to (B, H, W, 3) bytes; what lies outside is cut off."""
    unit = ((x.detach().float() - low) / (high - low)).clamp(0, 1)
    pixels: NDArray[np.uint8] = (unit * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def sheet(rows: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Rows of pictures, each (N, H, W, 3), under each other; shorter rows are filled with white."""
    widest = max(len(row) * (row.shape[2] + GAP) - GAP for row in rows)
    height = sum(row.shape[1] + GAP for row in rows) - GAP
    page = np.full((height, widest, 3), 255, np.uint8)
    top = 0
    for row in rows:
        _, high, wide, _ = row.shape
        for index, picture in enumerate(row):
            left = index * (wide + GAP)
            page[top : top + high, left : left + wide] = picture
        top += high + GAP
    return page


def write(path: Path, pixels: NDArray[np.uint8]) -> None:
    """(H, W, 3) as PNG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image: Any = Image.fromarray(pixels)
    image.save(path, format="PNG")
