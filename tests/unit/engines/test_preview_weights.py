"""The model `aigc-preview` of the package, with its real weights: colours, things and languages, seen in its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aigc.engines import model_folder
from aigc.engines.base import LoadOptions
from aigc.engines.gan import GANPainter
from aigc.pictures import rasters
from aigc.store.builtin import folder as weights
from aigc.types import ImageRequest


@pytest.fixture(scope="module")
def painter() -> GANPainter:
    folder = weights() / "aigc-preview"
    spec = model_folder.read(folder).spec(folder)
    return GANPainter(spec, spec.engines[0], LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1))


def _drawn(painter: GANPainter, prompt: str, seed: int = 0, side: int = 32) -> NDArray[np.uint8]:
    request = ImageRequest(prompt=prompt, seed=seed, width=side, height=side)
    return rasters.to_array(painter.paint(request, 0, lambda *_: None).image)


def _mean(painter: GANPainter, prompt: str, part: slice) -> NDArray[np.float64]:
    """Mean colour of a square of that part of the side, over eight seeds."""
    pictures = [_drawn(painter, prompt, seed)[part, part] for seed in range(8)]
    return np.stack(pictures).mean((0, 1, 2))


def test_the_colour_of_a_thing_is_seen_in_its_middle(painter: GANPainter) -> None:
    red, blue = (_mean(painter, f"a {c} car on a white background", slice(12, 20)) for c in ("red", "blue"))
    assert red[0] - blue[0] > 40
    assert blue[2] - red[2] > 40


def test_the_colour_of_the_background_is_seen_in_a_corner(painter: GANPainter) -> None:
    one = _mean(painter, "a red ball on a blue background", slice(0, 4))
    other = _mean(painter, "a blue ball on a red background", slice(0, 4))
    assert one[2] - one[0] > 40
    assert other[0] - other[2] > 40


def test_the_same_seed_is_the_same_picture_and_other_seeds_are_others(painter: GANPainter) -> None:
    assert np.array_equal(_drawn(painter, "a fox", 5), _drawn(painter, "a fox", 5))
    assert len({_drawn(painter, "a fox", seed).tobytes() for seed in range(4)}) == 4


def test_english_and_chinese_are_the_same_pixels(painter: GANPainter) -> None:
    english = _drawn(painter, "a red ball on a blue background", side=64)
    assert np.array_equal(english, _drawn(painter, "蓝色背景上的一个红球", side=64))


def test_the_enlarger_keeps_what_is_there(painter: GANPainter) -> None:
    small, large = (_drawn(painter, "a red fox", side=side).astype(float) for side in (32, 256))
    again = large.reshape(32, 8, 32, 8, 3).mean((1, 3))
    assert np.abs(again - small).mean() < 6
