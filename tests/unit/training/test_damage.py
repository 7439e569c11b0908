"""Damage to pictures against Pillow and closed forms."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
image = pytest.importorskip("PIL.Image")

from aigc.models.restorer import TASKS  # noqa: E402
from aigc.recipes.image.degrade import damage, fill, jpeg, shrink  # noqa: E402
from aigc.recipes.image.shapes import Shapes  # noqa: E402
from aigc.training.figures import psnr  # noqa: E402


def _picture() -> torch.Tensor:
    pixels = Shapes(64).sample("shape", 3, False).pixels
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("quality", [15, 40, 75])
def test_our_jpeg_is_pillows_jpeg_within_a_grey_level_or_two(quality: int) -> None:
    x = _picture()
    file = io.BytesIO()
    pixels = (x[0] * 255).byte().permute(1, 2, 0).numpy()
    image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    theirs = torch.from_numpy(np.array(image.open(file))).permute(2, 0, 1)[None].float() / 255
    ours = jpeg(x, torch.full((1, 1, 1, 1), float(quality)))
    assert float(psnr(ours, theirs)) > 38


def test_every_task_changes_the_picture_and_stays_in_range() -> None:
    torch.manual_seed(0)
    x = _picture().expand(len(TASKS), -1, -1, -1)
    made = damage(x, torch.arange(len(TASKS)))
    assert float(made.pictures.min()) >= 0
    assert float(made.pictures.max()) <= 1
    assert all(float((a - b).abs().max()) > 0.02 for a, b in zip(made.pictures, x, strict=True))
    scratched = TASKS.index("scratches")
    assert float(made.masks[scratched].sum()) > 0
    assert float(made.masks.sum() - made.masks[scratched].sum()) == 0
    untouched = made.masks[scratched] == 0
    original = (x[scratched] * 255).round() / 255
    torch.testing.assert_close((made.pictures[scratched] * untouched), (original * untouched), atol=1e-6, rtol=0)


def test_a_picture_of_one_colour_survives_being_made_smaller() -> None:
    x = torch.full((1, 3, 32, 32), 0.4)
    torch.manual_seed(3)
    assert float((shrink(x) - 0.4).abs().max()) < 0.05


def test_psnr_of_a_tenth_is_twenty_decibels() -> None:
    x = torch.full((1, 3, 4, 4), 0.5)
    assert math.isclose(float(psnr(x + 0.1, x)), 20.0, abs_tol=1e-3)


def test_lost_pixels_are_filled_as_the_engine_fills_them() -> None:
    from aigc.engines.restore import filled

    x = _picture()
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 5:9, :40] = 1
    mask[..., 30:50, 50:64] = 1
    theirs = filled(x[0].permute(1, 2, 0).numpy(), mask[0].permute(1, 2, 0).numpy() > 0)
    ours = fill(x, mask)
    torch.testing.assert_close(ours[0].permute(1, 2, 0), torch.from_numpy(theirs), atol=1e-5, rtol=1e-5)
    assert torch.equal(ours * (1 - mask), x * (1 - mask))


def test_a_lost_part_of_a_slope_becomes_the_slope() -> None:
    x = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 14:16, :] = 1
    torch.testing.assert_close(fill(x * (1 - mask), mask)[..., 1:-1], x[..., 1:-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("shares", [(1, 1), (0, 0, 0, 0, 0, 0), (1, 1, 1, 1, 1, -1)])
def test_shares_need_a_number_for_each_task(shares: tuple[int, ...]) -> None:
    from aigc.recipes.image.restorer import RestorerRecipe

    with pytest.raises(ValueError, match="one whole number for each of denoise, jpeg"):
        RestorerRecipe(shares=shares)
