"""What the judge sees in damage that Pillow and numpy did."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from aigc.engines.restore_judge import judge


def _clouds(width: int = 320, height: int = 240) -> Image.Image:
    """Smooth patches with edges and some texture, as photographs have them."""
    rng = np.random.default_rng(4)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    fine = rng.normal(0, 3, (height, width, 3))
    edges = (np.asarray(coarse)[..., :1] > 128) * 40.0
    mixed = np.clip(np.asarray(coarse) * 0.7 + edges + fine, 0, 255).astype(np.uint8)
    return Image.fromarray(mixed).filter(ImageFilter.GaussianBlur(0.6))


def test_an_undamaged_picture_is_left_to_the_network() -> None:
    assert judge(np.asarray(_clouds())) is None
    assert judge(np.full((64, 64, 3), 90, np.uint8)) is None


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_grain_is_noise(sigma: int) -> None:
    rng = np.random.default_rng(1)
    clean = np.asarray(_clouds())
    assert judge(np.clip(clean + rng.normal(0, sigma, clean.shape), 0, 255).astype(np.uint8)) == "denoise"


@pytest.mark.parametrize("quality", [10, 20, 40])
def test_a_grid_of_eight_pixels_is_jpeg_also_in_a_large_picture(quality: int) -> None:
    for size in ((320, 240), (2060, 1530)):
        file = io.BytesIO()
        _clouds(*size).save(file, "JPEG", quality=quality)
        assert judge(np.asarray(Image.open(file))) == "jpeg"


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (23, 23)])
def test_nothing_is_judged_by_a_few_pixels(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert judge(rng.integers(0, 256, (*size, 3), np.uint8)) is None
