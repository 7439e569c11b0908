"""Pieces of pictures against Pillow, torch's formula and the whole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from aigc.engines.tiling import Span, Window, spans, thumbnail


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100, 255, 256, 257, 300, 511, 512, 1000, 5000])
def test_pieces_keep_every_pixel_once_and_look_beyond_inner_edges(length: int) -> None:
    found = spans(length, 256, 64, 16)
    kept = [place for span in found for place in range(span.begin, span.end)]
    assert kept == list(range(length))
    for before, after in itertools.pairwise(found):
        assert before.start + before.size - before.end >= 64
        assert after.begin - after.start >= 64
    assert all(span.start % 16 == 0 and span.size % 16 == 0 for span in found)
    assert found[-1].start + found[-1].size - length < 16
    assert len({span.size for span in found}) == 1


@pytest.mark.parametrize("sizes", [(0, 256, 64, 16), (10, 250, 64, 16), (10, 128, 64, 16), (10, 256, 60, 16)])
def test_sizes_that_do_not_fit_together_are_refused(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="can't be cut"):
        spans(*sizes)


def test_a_window_repeats_the_last_row_and_column() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    found = Window(pixels).read(Span(1, 4, 0, 0), Span(2, 4, 0, 0))[..., 0] * 255
    assert np.rint(found).tolist() == [[6, 7, 7, 7], [10, 11, 11, 11], [10, 11, 11, 11], [10, 11, 11, 11]]


def test_enlarging_is_the_cubic_of_the_textbook() -> None:
    # A single bright pixel shows the kernel itself: a = -0.75 at distances of 0.25, 0.75, 1.25 and 1.75.
    pixels = np.zeros((9, 9, 1), np.uint8)
    pixels[4, :, 0] = 200
    column = Window(pixels, 2).read(Span(0, 18, 0, 0), Span(0, 18, 0, 0))[:, 9, 0] * 255
    kernel = [0.87890625, 0.26171875]  # of distances 0.25 and 0.75; what is below zero is cut off
    assert column.tolist() == pytest.approx(
        [0] * 7 + [200 * kernel[1], *[200 * kernel[0]] * 2, 200 * kernel[1]] + [0] * 7
    )


def test_enlarging_resembles_pillows() -> None:
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((64, 48), Image.Resampling.BICUBIC)
    theirs = np.asarray(smooth.resize((128, 96), Image.Resampling.BICUBIC)).astype(int)
    ours = np.rint(Window(np.asarray(smooth), 2).read(Span(0, 96, 0, 0), Span(0, 128, 0, 0)) * 255).astype(int)
    assert np.abs(ours - theirs).max() <= 5  # theirs has a = -0.5


def test_a_part_of_an_enlarged_picture_equals_the_whole_there() -> None:
    rng = np.random.default_rng(1)
    window = Window(rng.integers(0, 256, (40, 50, 4), np.uint8), 2)
    whole = window.read(Span(0, 80, 0, 0), Span(0, 100, 0, 0))
    part = window.read(Span(32, 32, 0, 0), Span(48, 48, 0, 0))
    assert np.array_equal(part, whole[32:64, 48:96])


@pytest.mark.parametrize("size", [(64, 96), (37, 101), (1, 1), (5, 200)])
def test_a_thumbnail_has_the_means_of_equal_parts(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (*size, 3), np.uint8)
    found = thumbnail(pixels, 8)
    high, wide = size
    for row, column in ((0, 0), (3, 5), (7, 7)):
        # adaptive average pooling: floor(i n / k) to ceil((i + 1) n / k)
        down = slice(row * high // 8, -(-(row + 1) * high // 8))
        across = slice(column * wide // 8, -(-(column + 1) * wide // 8))
        assert found[row, column] == pytest.approx(pixels[down, across].mean((0, 1)) / 255, abs=1e-5)
