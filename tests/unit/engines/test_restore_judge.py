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


def _dark(share: float, bend: float) -> np.ndarray:
    clean = np.asarray(_clouds()) / 255
    noise = np.random.default_rng(2).normal(0, 0.05, clean.shape)
    dark = clean**bend * share
    return np.clip(255 * (dark + noise * np.sqrt(dark + 0.01)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("share", [0.12, 0.33, 0.4])
@pytest.mark.parametrize("bend", [1.0, 2.2])
def test_a_picture_in_which_nothing_is_bright_is_dark_however_noisy(share: float, bend: float) -> None:
    assert judge(_dark(share, bend)) == "lowlight"


def test_a_night_with_one_lamp_is_no_dark_picture() -> None:
    night = _dark(0.12, 1.0)
    night[100:110, 200:212] = (250, 220, 160)
    assert judge(night) != "lowlight"


@pytest.mark.parametrize("level", [0, 3, 90])
def test_a_plain_dark_surface_is_left_as_it_is(level: int) -> None:
    assert judge(np.full((64, 64, 3), level, np.uint8)) is None


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (23, 23)])
def test_nothing_is_judged_by_a_few_pixels(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert judge(rng.integers(0, 256, (*size, 3), np.uint8)) is None
